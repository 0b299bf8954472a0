"""One load for all who ask: within a process they wait for one task, between processes for a lock that is renewed."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from docstore._tasks import ended
from docstore.cache.core import REFRESH, Cache, Flight
from docstore.cache.entries import Entry
from docstore.cache.slots import Life, Slots
from docstore.errors import DocstoreError

LOCK_SECONDS: Final = 10.0
"""How long a lock outlives a process that died; a living one renews it."""

WAIT_SECONDS: Final = 30.0
"""How long a load keeps others from loading, in this process and in others: one that hangs holds no key for ever."""

_POLL_FIRST, _POLL_LAST = 0.01, 0.2


@dataclass(frozen=True, slots=True)
class Load:
    """What a load is to come to.

    Args:
        tags: of its value.
        make: makes the value.
        fits: whether some bytes are such a value: what another release stored may be none.
    """

    tags: Sequence[str]
    make: Callable[[], Awaitable[Made]]
    fits: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Made:
    """A value as bytes, and how long it lives; None: it is not to be kept."""

    payload: bytes
    life: Life | None


class Flights:
    """The loads of a cache."""

    def __init__(self, cache: Cache, slots: Slots) -> None:
        self._cache = cache
        self._slots = slots

    async def join(self, key: str, load: Load) -> bytes:
        """The value's bytes: from the load that is under way, or from one that begins now.

        A caller that is cancelled leaves the load to the others.

        Raises:
            DocstoreError: the load was cancelled, and not the caller.
        """
        flight = self._begin(key, load, only_if_free=False)
        try:
            payload = await asyncio.shield(flight)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not flight.cancelled() or (caller is not None and caller.cancelling()):
                raise
            # Whoever waits was not cancelled, and must not look as if: a server would drop its answer without a word.
            raise DocstoreError(
                "a cached value was not made: its loader was cancelled.", hint="Ask again; the cache may be closing."
            ) from None
        assert payload is not None  # only a refresh may end without a value
        return payload

    def refresh(self, key: str, load: Load) -> None:
        """Let a fresh value be made beside, unless somebody makes one already."""
        self._begin(key, load, only_if_free=True)

    def _begin(self, key: str, load: Load, *, only_if_free: bool) -> asyncio.Task[bytes | None]:
        # A refresh may find the lock taken and end without a value, which those who need one cannot join.
        name = key + REFRESH if only_if_free else key
        known = self._cache.flights.get(name)
        if known is not None and time.monotonic() - known.since < WAIT_SECONDS:
            return known.task
        task = self._cache.spawn(self._fly(key, load, only_if_free))
        self._cache.flights[name] = Flight(task, time.monotonic())
        task.add_done_callback(lambda done: self._landed(name, done))
        return task

    def _landed(self, name: str, task: asyncio.Task[bytes | None]) -> None:
        known = self._cache.flights.get(name)
        if known is not None and known.task is task:  # another may have begun since
            del self._cache.flights[name]

    async def _fly(self, key: str, load: Load, only_if_free: bool) -> bytes | None:
        token = secrets.token_hex(8).encode()
        entry = await self._take_off(key, load, token, only_if_free)
        if isinstance(entry, Entry):
            return entry.payload
        if entry is False:
            return None
        async with self._locked(key, token):
            [seen] = await self._slots.look_around([key], load.tags)
            self._cache.stats.loads += 1
            made = await load.make()
            if made.life is not None:
                await self._slots.store(key, made.payload, made.life, seen)
            return made.payload

    async def _take_off(self, key: str, load: Load, token: bytes, only_if_free: bool) -> Entry | bool:
        """The value somebody else has made by now; True: load; False: leave it to who has the lock."""
        until = time.monotonic() + WAIT_SECONDS
        pause = _POLL_FIRST
        while True:
            locked = await self._lock(key, token)
            # Who had the lock before may have stored a value since we looked.
            looks = locked is not False and not self._cache.is_away
            if looks and (entry := await self._made_meanwhile(key, load)) is not None:
                await self._unlock(key, token)
                return entry
            if locked is not False or time.monotonic() > until:
                return True
            if only_if_free:
                return False
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
            pause = min(_POLL_LAST, pause * 1.5)
            if (entry := await self._made_meanwhile(key, load)) is not None:
                return entry

    async def _made_meanwhile(self, key: str, load: Load) -> Entry | None:
        entry = await self._slots.read(key, load.tags)
        return entry if entry is not None and entry.is_fresh() and load.fits(entry.payload) else None

    async def _lock(self, key: str, token: bytes) -> bool | None:
        """Whether the lock is ours now; None when the cache is away and nobody can tell."""
        lock = self._slots.lock_key(key)
        key_value = self._cache.key_value
        return await self._cache.ask(lambda: key_value.set(lock, token, ttl=LOCK_SECONDS, only_if_absent=True), None)

    async def _unlock(self, key: str, token: bytes) -> None:
        lock = self._slots.lock_key(key)
        await self._cache.ask(lambda: self._cache.key_value.delete_if_equal(lock, token), False)

    @asynccontextmanager
    async def _locked(self, key: str, token: bytes) -> AsyncIterator[None]:
        renewal = asyncio.create_task(self._renew(key, token))
        try:
            yield
        finally:
            await ended([renewal])
            await self._unlock(key, token)

    async def _renew(self, key: str, token: bytes) -> None:
        lock = self._slots.lock_key(key)
        until = time.monotonic() + WAIT_SECONDS  # from then on nobody waits for it
        while time.monotonic() < until:
            await asyncio.sleep(LOCK_SECONDS / 3)
            await self._cache.ask(lambda: self._cache.key_value.expire_if_equal(lock, token, LOCK_SECONDS), False)
