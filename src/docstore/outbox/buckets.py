"""Which relay sends which keys: leases on buckets of keys, shared among the relays that are alive.

A relay renews its leases in one command, takes what is free up to its fair share, and lets go of what is more than that
when others come. A dead relay's leases run out. All times are the server's, so clocks need not agree. Whoever takes a
bucket gets a higher fencing token than the one before.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from docstore.documents import Index, SystemDocument, UtcDateTime, index, server_now, translated, utc_now
from docstore.outbox.entries import BUCKETS

LEASE_SECONDS: Final = 15.0
"""After how long a relay that died is replaced."""

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ALIVE: Final = "relay:"
_SOON_S: Final = 0.5


class OutboxLease(SystemDocument):
    """Of a bucket (its number is the id): whose it is, and until when. Of a relay (``relay:<name>``): that it lives."""

    id: str  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    owner: str | None = None
    token: int = 0
    until: UtcDateTime

    indexes: ClassVar[Sequence[Index]] = (index("owner", serves="the buckets of a relay"),)


class BucketLeases:
    """The buckets of one relay.

    Args:
        owner: the relay's name; unlike any other.
        seconds: how long a lease lasts without being renewed.
    """

    def __init__(self, owner: str, seconds: float = LEASE_SECONDS) -> None:
        self._owner = owner
        self._seconds = seconds
        self._good_until = 0.0
        self._renew_at = 0.0
        self._told: tuple[datetime, float] | None = None
        self.held: Mapping[int, int] = {}
        """The fencing token of each bucket held."""
        self.stolen = 0
        """How many buckets were taken from relays that let their lease run out."""

    @property
    def seconds_left(self) -> float:
        """How long everything held is certainly this relay's."""
        return self._good_until - time.monotonic()

    def now(self) -> datetime:
        """The server's clock, as far as it is known: rows wait by it, whatever the clocks of the relays say."""
        if self._told is None:
            return utc_now()
        told, read_at = self._told
        return told + timedelta(seconds=time.monotonic() - read_at)

    async def keep(self) -> None:
        """Renew, take and let go when a third of the lease is over; call it between batches, when nothing is sent."""
        if time.monotonic() >= self._renew_at:
            await self.settle()

    async def settle(self) -> None:
        """Renew what is held, and move towards a fair share."""
        asked = time.monotonic()
        with translated("OutboxLease"):
            await self._renew()
            now, rows = await self._read()
            alive = sum(name.startswith(_ALIVE) and row["until"] > now for name, row in rows.items())
            share = math.ceil(BUCKETS / max(1, alive))
            mine = [name for name, row in rows.items() if row.get("owner") == self._owner and _is_bucket(name)]
            if len(mine) > share:
                await self._release(mine[share:])
                now, rows = await self._read()
            elif len(mine) < share:
                before = rows
                await self._take(rows, now, share - len(mine))
                now, rows = await self._read()
                self.stolen += sum(_was_stolen(before.get(name, {}), row, self._owner) for name, row in rows.items())
        self.held = {
            int(name): row["token"]
            for name, row in rows.items()
            if _is_bucket(name) and row.get("owner") == self._owner and row["until"] > now
        }
        self._good_until = asked + self._seconds
        # What others are about to let go, or have, should not wait for a third of a lease.
        soon = len(self.held) < share and _is_moving(rows, now, share)
        self._renew_at = asked + (min(_SOON_S, self._seconds / 3) if soon else self._seconds / 3)

    async def release(self) -> None:
        """Let everything go, for others to take at once."""
        self.held, self._good_until, self._renew_at = {}, 0.0, 0.0
        with translated("OutboxLease"):
            await self._collection.update_many({"owner": self._owner}, {"$set": {"owner": None, "until": _LONG_AGO}})
            await self._collection.delete_one({"_id": _ALIVE + self._owner})

    @property
    def _collection(self) -> Any:
        return OutboxLease.get_pymongo_collection()

    async def _renew(self) -> None:
        alive = {"_id": _ALIVE + self._owner}
        await self._collection.update_one(alive, [{"$set": {"until": self._end(), "token": 0}}], upsert=True)
        # What ran out and nobody took is still ours.
        held = [str(bucket) for bucket in self.held]
        if held:
            await self._collection.update_many(
                {"_id": {"$in": held}, "owner": self._owner}, [{"$set": {"until": self._end()}}]
            )

    async def _read(self) -> tuple[datetime, dict[str, dict[str, Any]]]:
        """The server's clock, and every row by its id; the buckets' rows are made with the first look."""
        pipeline = [{"$addFields": {"now": "$$NOW"}}]
        async with await self._collection.aggregate(pipeline) as cursor:
            rows = {row["_id"]: row async for row in cursor}
        missing = [str(bucket) for bucket in range(BUCKETS) if str(bucket) not in rows]
        if missing:
            await self._make(missing)
            return await self._read()
        # Compared here: not every server compares $$NOW with a stored date as it should.
        now: datetime = next(iter(rows.values()))["now"]
        self._told = now, time.monotonic()
        return now, rows

    async def _make(self, buckets: Sequence[str]) -> None:
        # Above every token that ever was: should these rows get lost, the fences of events would else refuse all relays
        # their word, and each of those events would be sent again and again.
        token = round((await server_now(OutboxLease)).timestamp() * 1000)
        fresh = {"owner": None, "token": token, "until": _LONG_AGO}
        with suppress(BulkWriteError):  # another relay makes them too
            await self._collection.bulk_write(
                [UpdateOne({"_id": each}, {"$setOnInsert": fresh}, upsert=True) for each in buckets], ordered=False
            )

    async def _take(self, rows: Mapping[str, Mapping[str, Any]], now: datetime, wanted: int) -> None:
        # From a place of its own on, so that relays that start together do not all reach for the same.
        start = hash(self._owner) % BUCKETS
        order = sorted(filter(_is_bucket, rows), key=lambda name: (int(name) - start) % BUCKETS)
        free = [name for name in order if rows[name].get("owner") is None or rows[name]["until"] <= now][:wanted]
        if not free:
            return
        token = 1 + max(row["token"] for row in rows.values())
        await self._collection.update_many(
            {"_id": {"$in": free}, "until": {"$lte": now}},
            [{"$set": {"owner": self._owner, "token": token, "until": self._end()}}],
        )

    async def _release(self, buckets: Sequence[str]) -> None:
        await self._collection.update_many(
            {"_id": {"$in": list(buckets)}, "owner": self._owner}, {"$set": {"owner": None, "until": _LONG_AGO}}
        )

    def _end(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", int(self._seconds * 1000)]}


def _is_moving(rows: Mapping[str, Mapping[str, Any]], now: datetime, share: int) -> bool:
    """Whether buckets are free, or held by a relay that has more than its share."""
    holders = Counter(
        row.get("owner") if row["until"] > now else None for name, row in rows.items() if _is_bucket(name)
    )
    return holders[None] > 0 or max(holders.values()) > share


def _is_bucket(name: str) -> bool:
    return name.isdecimal()


def _was_stolen(before: Mapping[str, Any], after: Mapping[str, Any], owner: str) -> bool:
    return after.get("owner") == owner and before.get("owner") not in (None, owner)
