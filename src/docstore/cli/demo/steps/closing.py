"""After the story: nothing is left over."""

from __future__ import annotations

from functools import partial

from docstore.cli.demo.scene import Scene
from docstore.cli.demo.steps.search import expected_records, pending_events
from docstore.outbox import EntryStatus, OutboxEntry
from docstore.workers import DeadLetter


async def close_books(scene: Scene) -> None:
    """See that every event was sent, none was given up, and the search engine agrees with the database."""
    scene.narrator.chapter("Nothing is left over", "Every event was sent and handled; search agrees with the database.")
    ledger, database = scene.ledger, scene.store.database
    await ledger.wait("events left in the outbox at the end", 0, partial(pending_events, scene.store))
    dead = await database[OutboxEntry.get_collection_name()].count_documents({"status": EntryStatus.DEAD.value})
    ledger.check("events given up", 0, dead)
    ledger.check("messages given up", 0, await database[DeadLetter.get_collection_name()].count_documents({}))
    for index, expected in (await expected_records(scene)).items():
        await ledger.wait(f"records in index {index} at the end", expected, partial(scene.search.count, index))
