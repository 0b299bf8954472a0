"""A lease in the database: of several processes one holds it, and one that died loses it by itself.

Built on compare-and-set updates by ``_id`` and on the server's clock: how the clocks of the holders stand does not
matter. Each holder gets a higher fencing token than the one before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import uuid4

from docstore._tasks import Cancellations, ended
from docstore.clients.lease_rows import (
    LEASE_COLLECTION,
    LeaseState,
    held_by_another,
    journaled,
    lease_errors,
    lease_state,
)
from docstore.errors import LeaseLost

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.database import AsyncDatabase

_POLL_S: Final = 0.25
_RENEWALS_IN_TTL: Final = 3
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MongoLease:
    """An expiring lock that is renewed in the background: ``async with MongoLease(database, "indexes") as lease: ...``.

    When it is lost (the process stood still longer than `ttl`, or the database could not be reached for that long),
    the block is cancelled and ends in LeaseLost. The lease is let go at the end of the block however it ends; one
    whose process was killed is free after `ttl` seconds.

    Args:
        database: the raw database.
        name: what is to be done by one alone, such as ``"migrations"``.
        owner: who takes it, for those who wait; host and process id by default.
        ttl: seconds after which a silent holder has lost it.
        waiting: seconds to wait for another holder; 0 fails at once, None waits for ever.
        collection: where the rows are.
        on_wait: told once whom there is to wait for.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        name: str,
        *,
        owner: str | None = None,
        ttl: float = 30.0,
        waiting: float | None = 0.0,
        collection: str = LEASE_COLLECTION,
        on_wait: Callable[[LeaseState], None] = lambda _: None,
    ) -> None:
        self._rows: AsyncCollection[dict[str, Any]] = journaled(database, collection)
        self.name = name
        self.owner = owner or f"{socket.gethostname()}:{os.getpid()}"
        self.ttl = ttl
        self.lost = asyncio.Event()
        """Set when somebody else may hold the lease by now."""
        self._waiting = waiting
        self._on_wait = on_wait
        self._holder = uuid4().hex
        self._token = 0
        self._good_until = 0.0
        self._renewing: asyncio.Task[None] | None = None
        self._inside: asyncio.Task[Any] | None = None
        self._cancelled = False

    @property
    def token(self) -> int:
        """The fencing token: higher than that of every holder before. 0 while it is not held."""
        return self._token

    def check(self) -> None:
        """Nothing, as long as the lease is certainly held; call it before each write that must not come too late.

        Raises:
            LeaseLost: it may be somebody else's by now.
        """
        if self.lost.is_set() or self._token == 0 or time.monotonic() >= self._good_until:
            self.lost.set()
            raise _lost(self.name)

    async def hold_for(self, seconds: float) -> None:
        """Keep the lease at least so long, also when the database answers no renewal meanwhile.

        For one long command that keeps the server busy. Should this process die within it, others wait as long.

        Args:
            seconds: from now on; nothing changes when that is less than `ttl`.

        Raises:
            LeaseLost: it is somebody else's already.
        """
        if seconds <= self.ttl:
            return
        self.check()
        if not await self._renew(seconds):
            self.lost.set()
            raise _lost(self.name)

    async def __aenter__(self) -> Self:
        """Take the lease.

        Raises:
            LeaseHeld: somebody else holds it; says who, and since when.
            ServerUnavailable, ServiceError: the database does not answer, or refuses.
        """
        if self._renewing is not None:
            raise RuntimeError("this lease is held already; make another MongoLease")
        with lease_errors(self.name):
            try:
                await self._acquire()
            except BaseException:
                # The row may be ours although the answer never came.
                await asyncio.shield(self._release())
                raise
        self._inside = asyncio.current_task()
        self._renewing = asyncio.create_task(self._keep(), name=f"lease {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(ended([renewing]))
        await asyncio.shield(self._release())
        self._token = 0
        task = asyncio.current_task()
        if not self._cancelled or task is None or task.uncancel() > 0:
            return
        if error is None or isinstance(error, asyncio.CancelledError):  # None: what the block waited for lost it
            raise _lost(self.name) from error

    async def _acquire(self) -> None:
        deadline = None if self._waiting is None else time.monotonic() + self._waiting
        told = False
        cancellations = Cancellations()
        while True:
            cancellations.raise_lost()
            state = await lease_state(self._rows, self.name)
            if state is None:
                await self._make_row()
                continue
            if not state.held and await self._take(state):
                return
            if state.held and deadline is not None and time.monotonic() >= deadline:
                raise held_by_another(state)
            if state.held:
                if not told:
                    self._on_wait(state)
                told = True
                await asyncio.sleep(min(_POLL_S, self.ttl / 4))

    async def _make_row(self) -> None:
        from pymongo.errors import DuplicateKeyError

        row = {"_id": self.name, "owner": "", "holder": None, "token": 0, "since": _LONG_AGO, "until": _LONG_AGO}
        with contextlib.suppress(DuplicateKeyError):
            await self._rows.insert_one(row)

    async def _take(self, seen: LeaseState) -> bool:
        asked = time.monotonic()
        taken = await self._rows.update_one(
            {"_id": self.name, "token": seen.token, "until": seen.until, "holder": seen.holder},
            [
                {
                    "$set": {
                        "owner": {"$literal": self.owner},
                        "holder": self._holder,
                        "token": seen.token + 1,
                        "since": "$$NOW",
                        "until": self._end(),
                    }
                }
            ],
        )
        if taken.matched_count:
            self._token, self._good_until = seen.token + 1, asked + self.ttl
        return bool(taken.matched_count)

    async def _keep(self) -> None:
        pause = self.ttl / _RENEWALS_IN_TTL
        while True:
            await asyncio.sleep(pause)
            left = self._good_until - time.monotonic()
            try:
                async with asyncio.timeout(left):
                    kept = left > 0 and await self._renew()
            except Exception:
                # Whatever it was, there is time to try again until the row may be somebody else's.
                kept = time.monotonic() < self._good_until
                pause = min(_POLL_S, self.ttl / 10)
            else:
                pause = self.ttl / _RENEWALS_IN_TTL
            if not kept:
                self._lose()
                return

    async def _renew(self, seconds: float | None = None) -> bool:
        asked = time.monotonic()
        # What it is held for longer is not taken back. Reckoned here: not every server compares $$NOW with a date.
        seconds = seconds or max(self.ttl, self._good_until - asked)
        renewed = await self._rows.update_one(
            {"_id": self.name, "holder": self._holder, "token": self._token},
            [{"$set": {"until": self._end(seconds)}}],
        )
        if renewed.matched_count:
            self._good_until = asked + seconds
        return bool(renewed.matched_count)

    def _lose(self) -> None:
        self.lost.set()
        if self._inside is not None:
            self._cancelled = True
            self._inside.cancel()

    async def _release(self) -> None:
        # Should this fail, the lease runs out by itself.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self.ttl):
                await self._rows.update_one(
                    {"_id": self.name, "holder": self._holder}, [{"$set": {"holder": None, "until": "$$NOW"}}]
                )

    def _end(self, seconds: float | None = None) -> dict[str, Any]:
        return {"$add": ["$$NOW", int((seconds or self.ttl) * 1000)]}


def _lost(name: str) -> LeaseLost:
    return LeaseLost(
        f"the lease {name!r} was lost: it could not be renewed in time.",
        hint="Another process may be at it now. Look at what stands, and start again.",
    )
