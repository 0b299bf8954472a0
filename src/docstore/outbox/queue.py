"""The waiting rows of some buckets: which are due, in which order, and writing down what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from docstore.documents import translated, utc_now
from docstore.outbox.entries import BUCKETS, EntryStatus, OutboxEntry

Row = dict[str, Any]
Key = tuple[str, str]

_PENDING = EntryStatus.PENDING.value
_MARKED_AT_ONCE = 100
"""Ids in one command: not every server takes long lists lightly."""


class BucketQueue:
    """The rows of the buckets that a relay holds.

    Args:
        held: the fencing token of each bucket.
        clock: what time it is, for all relays alike.
    """

    def __init__(self, held: Mapping[int, int], clock: Callable[[], datetime] = utc_now) -> None:
        self._held = held
        self.now = clock
        self.exhausted = False
        """Whether the last look found all there was."""

    async def due(self, limit: int) -> list[list[Row]]:
        """Up to `limit` rows that are due, one list for each topic and key, in the order in which they are to be sent.

        No row is among them that has an earlier one of its key before it: the oldest rows of all are looked at, and
        keys that wait after a failure are left out whole.
        """
        if not self._held:
            return []
        now = self.now()
        with translated(OutboxEntry.get_collection_name()):
            rows = await self._oldest(now, limit)
            waiting = await self._waiting_keys(now) if rows else {}
            # Rows that came after a failure are due themselves, and would be looked at again and again.
            await self._postpone([row for row in rows if _key(row) in waiting], waiting)
        groups: defaultdict[Key, list[Row]] = defaultdict(list)
        for row in rows:
            if _key(row) not in waiting:
                groups[_key(row)].append(row)
        return list(groups.values())

    async def pending(self) -> int:
        """How many rows wait, in all buckets."""
        return int(await self._collection.count_documents({"status": _PENDING}))

    async def mark_published(self, rows: Sequence[Row]) -> None:
        """Write down that rows were sent."""
        await self._settle(rows, {"status": EntryStatus.PUBLISHED.value, "publishedAt": self.now(), "lastError": None})

    async def mark_failed(self, rows: Sequence[Row], changes: Mapping[str, Any]) -> None:
        """Write down what failed attempts left."""
        await self._settle(rows, changes)

    @property
    def _collection(self) -> Any:
        return OutboxEntry.get_pymongo_collection()

    async def _waiting_keys(self, now: datetime) -> dict[Key, datetime]:
        """The keys whose first row failed, and when it is due again."""
        wanted = {"status": _PENDING, "nextAttemptAt": {"$gt": now}}
        rows = self._collection.find(wanted, {"topic": 1, "key": 1, "nextAttemptAt": 1})
        found: dict[Key, datetime] = {}
        async for row in rows:
            found[_key(row)] = max(row["nextAttemptAt"], found.get(_key(row), row["nextAttemptAt"]))
        return found

    async def _postpone(self, rows: Sequence[Row], waiting: Mapping[Key, datetime]) -> None:
        behind: defaultdict[Key, list[Any]] = defaultdict(list)
        for row in rows:
            behind[_key(row)].append(row["_id"])
        for key, ids in behind.items():
            await self._collection.update_many(
                {"_id": {"$in": ids}, "status": _PENDING}, {"$set": {"nextAttemptAt": waiting[key]}}
            )

    async def _oldest(self, now: datetime, limit: int) -> list[Row]:
        """The oldest rows, none of which has an earlier one of its key before it that is due and not among them."""
        rows = await self._read(now, limit)
        self.exhausted = len(rows) < limit
        if not rows:
            return rows
        wanted = self._wanted(now) | {"seq": {"$lte": rows[-1]["seq"]}}
        if await self._collection.count_documents(wanted) == len(rows):
            return rows
        # A read is no snapshot: while it went on, a row was committed where it had passed already. Such a row may come
        # before one that was committed after it and was read. All that was committed before those that were read is
        # seen by now; what came even later is left for the next time.
        last: dict[Key, int] = {}
        for row in rows:
            last[_key(row)] = row["seq"]
        again: list[Row] = await self._collection.find(wanted).sort({"seq": 1}).to_list()
        return [row for row in again if row["seq"] <= last.get(_key(row), -1)]

    async def _read(self, now: datetime, limit: int) -> list[Row]:
        found = self._collection.find(self._wanted(now)).sort({"seq": 1}).limit(limit).batch_size(limit)
        rows: list[Row] = await found.to_list()
        return rows

    def _wanted(self, now: datetime) -> dict[str, Any]:
        wanted: dict[str, Any] = {"status": _PENDING, "nextAttemptAt": {"$lte": now}}
        if len(self._held) < BUCKETS:
            wanted["bucket"] = within_buckets(self._held)
        return wanted

    async def _settle(self, rows: Sequence[Row], changes: Mapping[str, Any]) -> None:
        with translated(OutboxEntry.get_collection_name()):
            for token, ids in _by_token(rows, self._held).items():
                for start in range(0, len(ids), _MARKED_AT_ONCE):
                    part = ids[start : start + _MARKED_AT_ONCE]
                    # A relay that lost a bucket says nothing about its rows any more.
                    await self._collection.update_many(
                        {"_id": {"$in": part}, "status": _PENDING, "fence": {"$lte": token}},
                        {"$set": {**changes, "fence": token, "updatedAt": self.now()}},
                    )


def within_buckets(held: Collection[int]) -> dict[str, Any]:
    """The condition on a row's bucket: as a range where it is one, which every server compares at once."""
    inside, outside = sorted(held), sorted(set(range(BUCKETS)) - set(held))
    if _is_range(inside):
        return {"$gte": inside[0], "$lte": inside[-1]}
    if _is_range(outside):  # a relay takes buckets from a place of its own on, past the last to the first
        return {"$not": {"$gte": outside[0], "$lte": outside[-1]}}
    return {"$in": inside}


def _is_range(numbers: Sequence[int]) -> bool:
    return bool(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1


def _by_token(rows: Iterable[Row], held: Mapping[int, int]) -> dict[int, list[Any]]:
    ids: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        ids[held[row["bucket"]]].append(row["_id"])
    return ids


def _key(row: Mapping[str, Any]) -> Key:
    return row["topic"], row["key"]
