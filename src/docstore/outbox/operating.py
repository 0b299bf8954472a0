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
        retrying: of these, rows that failed before, or wait behind one that did.
        dead: rows that were given up, by topic.
        skipped: rows that a person passed over.
        published: rows that were published and are still kept.
        oldest_pending_s: how many seconds the oldest waiting row waits; 0 without one.
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
        by_status = await _counts()
        retrying = await collection.count_documents({"status": "PENDING", "nextAttemptAt": {"$gt": now}})
        oldest = await collection.find({"status": "PENDING"}, {"createdAt": 1}).sort({"seq": 1}).limit(1).to_list()
        dead = await collection.find({"status": "DEAD"}).sort({"seq": 1}).limit(_NAMED).to_list()
        relays = await _relays()
    return OutboxStatus(
        pending=by_status.get(EntryStatus.PENDING, {}),
        retrying=retrying,
        dead=by_status.get(EntryStatus.DEAD, {}),
        skipped=sum(by_status.get(EntryStatus.SKIPPED, {}).values()),
        published=sum(by_status.get(EntryStatus.PUBLISHED, {}).values()),
        oldest_pending_s=max(0.0, (now - oldest[0]["createdAt"]).total_seconds()) if oldest else 0.0,
        relays=relays,
        examples=[
            DeadEntry(row["eventId"], row["name"], row["topic"], row["key"], row["attempts"], row["lastError"])
            for row in dead
        ],
    )


async def outbox_metrics(metrics: Metrics) -> None:
    """Tell how much waits, and for how long, and how much was given up."""
    found = await outbox_status()
    metrics.gauge("outbox_pending", sum(found.pending.values()))
    metrics.gauge("outbox_dead", sum(found.dead.values()))
    metrics.gauge("outbox_oldest_pending_seconds", found.oldest_pending_s)
    metrics.gauge("outbox_relays", len(found.relays))


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


async def _counts() -> dict[EntryStatus, dict[str, int]]:
    pipeline = [{"$group": {"_id": {"status": "$status", "topic": "$topic"}, "rows": {"$sum": 1}}}]
    counts: dict[EntryStatus, dict[str, int]] = {}
    async with await OutboxEntry.get_pymongo_collection().aggregate(pipeline) as groups:
        async for group in groups:
            by_topic = counts.setdefault(EntryStatus(group["_id"]["status"]), {})
            by_topic[group["_id"]["topic"]] = group["rows"]
    return counts


async def _relays() -> dict[str, int]:
    relays: dict[str, int] = {}
    pipeline = [{"$addFields": {"now": "$$NOW"}}]
    async with await OutboxLease.get_pymongo_collection().aggregate(pipeline) as rows:
        async for row in rows:
            if row.get("owner") and row["until"] > row["now"]:
                relays[row["owner"]] = relays.get(row["owner"], 0) + 1
    return relays
