"""What operators do with the outbox: look at it, try dead rows again, pass over rows, send published ones once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from docstore.clients.metrics import Metrics
from docstore.documents import server_now, translated, utc_now
from docstore.errors import NotFound
from docstore.outbox.buckets import OutboxLease
from docstore.outbox.entries import EntryStatus, OutboxEntry
from docstore.outbox.writing import AT_ONCE

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class DeadEntry:
    """A row that was given up: its event's id, name, topic and key, how often it was tried, and the last reason."""

    event_id: str
    name: str
    topic: str
    key: str
    attempts: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """How the outbox stands.

    Attributes:
        pending: rows that wait, by topic.
        retrying: of these, rows that wait for a time: after a failure, behind a row that failed, or because their event
            is held back.
        dead: rows that were given up, by topic.
        skipped: rows that a person passed over.
        published: rows that were published and are still kept.
        oldest_pending_s: how many seconds the oldest waiting row waits, but for those held back; 0 without one.
        relays: the relays that are alive, with how many buckets each holds.
        examples: some dead rows, the oldest first.
    """

    pending: Mapping[str, int]
    retrying: int
    dead: Mapping[str, int]
    skipped: int
    published: int
    oldest_pending_s: float
    relays: Mapping[str, int]
    examples: Sequence[DeadEntry]


async def outbox_status() -> OutboxStatus:
    """Count the rows and the relays.

    Raises:
        ServerUnavailable: the database does not answer.
    """
    collection, now = OutboxEntry.get_pymongo_collection(), await server_now(OutboxEntry)
    with translated(OutboxEntry.get_collection_name()):
        pending, gone = await _by_topic(EntryStatus.PENDING), await _by_topic(EntryStatus.DEAD)
        skipped = await collection.count_documents({"status": "SKIPPED"})
        published = await collection.count_documents({"status": "PUBLISHED"})
        retrying = await collection.count_documents({"status": "PENDING", "nextAttemptAt": {"$gt": now}})
        dead = await collection.find({"status": "DEAD"}).sort({"seq": 1}).limit(_NAMED).to_list()
        oldest_s, relays = await _oldest_s(now), await _relays()
    return OutboxStatus(
        pending=pending,
        retrying=retrying,
        dead=gone,
        skipped=skipped,
        published=published,
        oldest_pending_s=oldest_s,
        relays=relays,
        examples=[
            DeadEntry(row["eventId"], row["name"], row["topic"], row["key"], row["attempts"], row["lastError"])
            for row in dead
        ],
    )


async def outbox_metrics(metrics: Metrics) -> None:
    """Tell how much waits, and for how long, and how much was given up; what was published is not counted."""
    collection, now = OutboxEntry.get_pymongo_collection(), await server_now(OutboxEntry)
    with translated(OutboxEntry.get_collection_name()):
        metrics.gauge("outbox_pending", await collection.count_documents({"status": "PENDING"}))
        metrics.gauge("outbox_dead", await collection.count_documents({"status": "DEAD"}))
        metrics.gauge("outbox_oldest_pending_seconds", await _oldest_s(now))
        metrics.gauge("outbox_relays", len(await _relays()))


async def retry_entries(event_ids: Sequence[str] | None = None, *, topic: str | None = None) -> int:
    """Let rows that were given up or wait after a failure be tried at once, from the first attempt; how many.

    Args:
        event_ids: those alone; all of them when None.
        topic: of this topic alone.

    Raises:
        NotFound: a named event is not there, or is published or skipped.
    """
    return await _change(
        [EntryStatus.DEAD, EntryStatus.PENDING],
        event_ids,
        topic,
        {"status": "PENDING", "attempts": 0, "nextAttemptAt": AT_ONCE},
        # Without names: only what has failed.
        {} if event_ids else {"attempts": {"$gt": 0}},
    )


async def skip_entries(event_ids: Sequence[str], *, reason: str) -> int:
    """Never send these rows, and let those behind them pass; how many.

    Args:
        event_ids: the events.
        reason: why; it is kept with the rows.

    Raises:
        NotFound: an event is not there, or is published already.
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("skip_entries needs a reason: the event is lost to every consumer")
    changes = {"status": "SKIPPED", "lastError": f"skipped: {reason.strip()}"}
    return await _change([EntryStatus.DEAD, EntryStatus.PENDING], event_ids, None, changes)


async def skip_copied_entries(database: AsyncDatabase[dict[str, Any]]) -> int:
    """Never send what waits in a copy of a database, since what was copied goes on and sends it; how many rows.

    Args:
        database: the copy, raw: no model needs to be bound to it.
    """
    changes = {"status": "SKIPPED", "lastError": "skipped: a copy; its original sends it", "updatedAt": utc_now()}
    waiting = {"status": {"$in": [EntryStatus.PENDING.value, EntryStatus.DEAD.value]}}
    name = OutboxEntry.__name__
    with translated(name):
        if name not in await database.list_collection_names():  # not every server lets a write to nothing be nothing
            return 0
        return int((await database[name].update_many(waiting, {"$set": changes})).modified_count)


async def replay_entries(since: datetime, *, until: datetime | None = None, topic: str | None = None) -> int:
    """Send published rows once more, in order, under the ids they had; how many.

    Consumers that keep an inbox pass over what they have handled. Rows are there for `KEEP_PUBLISHED`.

    Args:
        since: those published then or later.
        until: and before.
        topic: of this topic alone.
    """
    when: dict[str, Any] = {"$gte": since} | ({"$lt": until} if until else {})
    changes = {"status": "PENDING", "attempts": 0, "nextAttemptAt": AT_ONCE, "publishedAt": None}
    return await _change([EntryStatus.PUBLISHED], None, topic, changes, {"publishedAt": when})


async def _change(
    statuses: Sequence[EntryStatus],
    event_ids: Sequence[str] | None,
    topic: str | None,
    changes: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
) -> int:
    wanted: dict[str, Any] = {"status": {"$in": [each.value for each in statuses]}, **(more or {})}
    if topic is not None:
        wanted["topic"] = topic
    collection = OutboxEntry.get_pymongo_collection()
    with translated(OutboxEntry.get_collection_name()):
        if event_ids is not None:
            wanted["eventId"] = {"$in": list(event_ids)}
            found = {row["eventId"] async for row in collection.find(wanted, {"eventId": 1})}
            missing = sorted(set(event_ids) - found)
            if missing:
                raise NotFound(
                    f"the outbox has no such row in state {' or '.join(statuses)}: {', '.join(missing[:_NAMED])}.",
                    hint="`docstore outbox status` names them.",
                    collection=OutboxEntry.get_collection_name(),
                )
        changed = await collection.update_many(wanted, {"$set": {**changes, "updatedAt": utc_now()}})
    return int(changed.modified_count)


async def _by_topic(status: EntryStatus) -> dict[str, int]:
    # By the index on the status: of published rows there are millions, and metrics are asked for all the time.
    pipeline: list[dict[str, Any]] = [
        {"$match": {"status": status.value}},
        {"$group": {"_id": "$topic", "rows": {"$sum": 1}}},
    ]
    async with await OutboxEntry.get_pymongo_collection().aggregate(pipeline) as groups:
        return {group["_id"]: group["rows"] async for group in groups}


async def _oldest_s(now: datetime) -> float:
    """For how many seconds the oldest row waits that nothing but the relay, or the broker, keeps waiting."""
    due_or_failed = {"$or": [{"nextAttemptAt": {"$lte": now}}, {"attempts": {"$gt": 0}}]}
    found = OutboxEntry.get_pymongo_collection().find({"status": "PENDING", **due_or_failed}, {"createdAt": 1})
    oldest = await found.sort({"seq": 1}).limit(1).to_list()
    return max(0.0, (now - oldest[0]["createdAt"]).total_seconds()) if oldest else 0.0


async def _relays() -> dict[str, int]:
    relays: dict[str, int] = {}
    pipeline = [{"$addFields": {"now": "$$NOW"}}]
    async with await OutboxLease.get_pymongo_collection().aggregate(pipeline) as rows:
        async for row in rows:
            if row.get("owner") and row["until"] > row["now"]:
                relays[row["owner"]] = relays.get(row["owner"], 0) + 1
    return relays
