"""Search: the records of posts, accounts and categories follow the documents."""

from __future__ import annotations

from functools import partial
from typing import Any

from docstore.cli.demo.observing import living
from docstore.cli.demo.scene import Scene
from docstore.models import ReviewChanged
from docstore.outbox import EntryStatus, InboxEntry, OutboxEntry
from docstore.store import Store
from docstore.workers import RatingsWorker

_SECONDS_AN_EVENT = 0.05


async def fill_search(scene: Scene, waiting: int) -> None:
    """Let the workers take what the seed has announced to the search engine, and compare the counts.

    Args:
        waiting: events that lay in the outbox when the workers started.
    """
    scene.narrator.chapter(
        "Search follows the documents",
        f"{waiting:,} events lie in the outbox, committed with the documents they tell of. The relay sends them to "
        "Kafka; the search worker builds a record of each post, account and category.",
    )
    limit = 30 + waiting * _SECONDS_AN_EVENT
    await scene.ledger.wait("events left in the outbox", 0, partial(pending_events, scene.store), deadline_s=limit)
    for index, expected in (await expected_records(scene)).items():
        await scene.ledger.wait(
            f"records in index {index}", expected, partial(scene.search.count, index), deadline_s=limit
        )


async def rate_seeded_reviews(scene: Scene) -> None:
    """Let the ratings worker handle what the seed's reviews have announced, so that only news follow."""
    rows = scene.store.database[OutboxEntry.get_collection_name()]
    recent = {"name": ReviewChanged.name, "createdAt": {"$gte": scene.since}}
    events = [each["eventId"] async for each in rows.find(recent, {"eventId": 1})]

    async def unhandled() -> int:
        inbox = scene.store.database[InboxEntry.get_collection_name()]
        handled = {each["eventId"] async for each in inbox.find({"consumer": RatingsWorker.group}, {"eventId": 1})}
        return len(set(events) - handled)

    await scene.ledger.wait("reviews not yet counted", 0, unhandled, deadline_s=30 + len(events) * _SECONDS_AN_EVENT)


async def expected_records(scene: Scene) -> dict[str, int]:
    """How many records each index has to hold, counted in the database."""
    database = scene.store.database
    accounts: list[dict[str, Any]] = await living(database, "Account")
    return {
        "posts": len(await living(database, "Post", {"status": "PUBLISHED"})),
        "accounts": len({each["accountId"] for each in accounts}),
        "categories": len(await living(database, "Category")),
    }


async def pending_events(store: Store) -> int:
    """How many events wait in the outbox."""
    entries = store.database[OutboxEntry.get_collection_name()]
    return await entries.count_documents({"status": EntryStatus.PENDING.value})
