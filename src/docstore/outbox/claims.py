"""Which rows a relay may publish now: whole keys at a time, by leases in the rows.

Of one topic and key only the oldest waiting row is contended for: who leases it owns the key, and then leases the
rows behind it. Each lease is a compare-and-set on a row; a lease that ran out is anybody's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from docstore.documents import utc_now
from docstore.documents.filters import In
from docstore.outbox.entries import EntryStatus, OutboxEntry

Row = dict[str, Any]

_WAITING = {"status": EntryStatus.PENDING.value}
_BRIEF = {"topic": 1, "key": 1, "seq": 1, "nextAttemptAt": 1, "leaseUntil": 1}


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows of several keys that are leased to one run; each group is one topic and key, oldest first."""

    token: str
    until: datetime
    groups: tuple[tuple[OutboxEntry, ...], ...]


async def claim_due(token: str, lease: timedelta, limit: int) -> Claim:
    """Lease up to `limit` rows that are due, for as long as `lease`.

    Args:
        token: names this run; never used before.
        lease: how long other relays stay away.
        limit: most rows to take.
    """
    now = utc_now()
    until = now + lease
    collection = OutboxEntry.get_pymongo_collection()
    due = collection.find({**_WAITING, "nextAttemptAt": {"$lte": now}}, {"key": 1}).limit(limit)
    keys = {row["key"] async for row in due}
    waiting = await collection.find({**_WAITING, "key": {"$in": list(keys)}}, _BRIEF).to_list()
    by_key = _by_key(waiting)
    await _postpone(by_key, now)

    heads = {group[0]["_id"]: group for group in _free_groups(by_key, now, limit)}
    await _lease(heads, token, until, now)
    won = await _leased_ids(heads, token)
    rest = [row["_id"] for head in won for row in heads[head][1:]]
    await _lease(rest, token, until, now)
    mine = await OutboxEntry.find(In(OutboxEntry.id, [*won, *rest]), OutboxEntry.lease_owner == token).to_list()
    entries = {entry.id: entry for entry in mine}
    # A row that could not be leased ends its group: what is behind it must not overtake it.
    groups = (_leading(heads[head], entries) for head in won)
    return Claim(token, until, tuple(group for group in groups if group))


async def mark_published(claim: Claim, entries: Sequence[OutboxEntry]) -> None:
    """Write down that these rows are published, and let them go."""
    if entries:
        await _settle(claim, entries, {"status": EntryStatus.PUBLISHED.value, "publishedAt": utc_now()})


async def release(claim: Claim, entries: Sequence[OutboxEntry], not_before: datetime) -> None:
    """Let unpublished rows go; they are due again at `not_before`."""
    if entries:
        await _settle(claim, entries, {"nextAttemptAt": not_before})


async def mark_failed(
    claim: Claim, entry: OutboxEntry, *, attempts: int, error: str, not_before: datetime, dead: bool
) -> None:
    """Write down a failed attempt; a dead row is not tried again."""
    changes: Row = {"attempts": attempts, "lastError": error, "nextAttemptAt": not_before}
    if dead:
        changes["status"] = EntryStatus.DEAD.value
    await _settle(claim, [entry], changes)


def _by_key(waiting: Iterable[Row]) -> list[list[Row]]:
    """The rows of each topic and key, oldest first; the key that waits longest first, so that none starves."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(waiting, key=lambda row: row["seq"]):
        groups[row["topic"], row["key"]].append(row)
    return list(groups.values())


def _free_groups(by_key: Iterable[list[Row]], now: datetime, limit: int) -> list[list[Row]]:
    groups: list[list[Row]] = []
    room = limit
    for rows in by_key:
        if room <= 0:
            break
        if rows[0]["nextAttemptAt"] <= now and rows[0]["leaseUntil"] <= now:
            groups.append(rows[:room])
            room -= len(groups[-1])
    return groups


def _leading(rows: Iterable[Row], entries: Mapping[Any, OutboxEntry]) -> tuple[OutboxEntry, ...]:
    leading: list[OutboxEntry] = []
    for row in rows:
        if row["_id"] not in entries:
            break
        leading.append(entries[row["_id"]])
    return tuple(leading)


async def _postpone(by_key: Iterable[list[Row]], now: datetime) -> None:
    """Let rows wait as long as the failed one before them, so that they do not crowd out other keys."""
    for head, *behind in by_key:
        if head["nextAttemptAt"] > now:
            await OutboxEntry.get_pymongo_collection().update_many(
                {"_id": {"$in": [row["_id"] for row in behind]}, **_WAITING},
                {"$set": {"nextAttemptAt": head["nextAttemptAt"]}},
            )


async def _lease(ids: Iterable[Any], token: str, until: datetime, now: datetime) -> None:
    wanted = list(ids)
    if wanted:
        await OutboxEntry.get_pymongo_collection().update_many(
            {"_id": {"$in": wanted}, **_WAITING, "leaseUntil": {"$lte": now}},
            {"$set": {"leaseOwner": token, "leaseUntil": until}},
        )


async def _leased_ids(ids: Iterable[Any], token: str) -> list[Any]:
    cursor = OutboxEntry.get_pymongo_collection().find({"_id": {"$in": list(ids)}, "leaseOwner": token}, {"_id": 1})
    return [row["_id"] async for row in cursor]


async def _settle(claim: Claim, entries: Sequence[OutboxEntry], changes: Row) -> None:
    # Only what is still ours: after a lease ran out, another relay may have gone on with the key.
    await OutboxEntry.get_pymongo_collection().update_many(
        {"_id": {"$in": [entry.id for entry in entries]}, "leaseOwner": claim.token},
        {"$set": {**changes, "leaseOwner": None, "leaseUntil": utc_now()}},
    )
