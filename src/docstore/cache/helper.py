"""`CacheHelper`: get, set and get-or-set of typed values in a cache that may be away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar, overload

from pydantic import JsonValue

from docstore.cache.codecs import ValueCodec, json_codec
from docstore.cache.core import Cache
from docstore.cache.entries import Entry, is_counter
from docstore.cache.flights import Flights, Load, Made
from docstore.cache.lifetimes import MEDIUM, NEGATIVE
from docstore.cache.slots import Life, Lives, Seen, Slots
from docstore.cache.stats import CacheStats
from docstore.cache.sweeping import drop_matching
from docstore.clients.protocols import KeyValue
from docstore.documents import current_transaction

T = TypeVar("T")

_STORED_AT_ONCE: Final = 16


class CacheHelper:
    """Values of one namespace. A key is stored as ``<namespace>-<key>``.

    A value is stored as JSON, with when it was made and the generations of its tags. What is stored in any other form,
    or does not fit the type asked for, counts as absent. A cache that is away never raises: reads find nothing, writes
    do nothing, and `stats` counts it.

    Args:
        cache: what all helpers of a process share; or a `KeyValue`, for a helper that shares nothing.
        namespace: the keys' first part; without a hyphen, so that no two namespaces share a key.

    Raises:
        ValueError: the namespace is empty or has a hyphen.
    """

    def __init__(self, cache: Cache | KeyValue, namespace: str = "cache") -> None:
        if not namespace or "-" in namespace:
            raise ValueError("a cache namespace is a non-empty name without a hyphen, such as 'accounts'")
        self._cache = cache if isinstance(cache, Cache) else Cache(cache)
        self._slots = Slots(self._cache, namespace)
        self._flights = Flights(self._cache, self._slots)

    @property
    def stats(self) -> CacheStats:
        """What the cache did, all its namespaces together."""
        return self._cache.stats

    def key(self, key: str) -> str:
        """The whole key under which `key` is stored."""
        return self._slots.key(key)

    # One value

    @overload
    async def get(self, key: str) -> JsonValue: ...
    @overload
    async def get(self, key: str, kind: type[T]) -> T | None: ...
    async def get(self, key: str, kind: Any = None) -> Any:
        """The value, as an instance of `kind` when given; None when it is absent."""
        entry = await self._slots.read(self.key(key), ())
        value = _value(entry.payload, json_codec(kind)) if entry is not None else _ABSENT
        if value is _ABSENT:
            self.stats.misses += 1
            return None
        self.stats.hits += 1
        return value

    async def set(self, key: str, value: object, ttl: float = MEDIUM, *, tags: Sequence[str] = ()) -> bool:
        """Store a value for `ttl` seconds; False when the cache did not take it.

        Args:
            key: its key in the namespace.
            value: anything pydantic can write as JSON: models, dataclasses, datetimes, ids.
            ttl: seconds, of which up to a tenth is taken off at random.
            tags: `invalidate` with one of them lets the value count as absent.

        Raises:
            ValueError: it cannot be written as JSON, or the ttl is no positive, finite number.
        """
        life, payload = Life(ttl), json_codec().write(value)
        whole = self.key(key)
        if is_counter(payload) and not tags:  # so that `increment` goes on from it
            return await self._cache.ask(lambda: self._cache.key_value.set(whole, payload, ttl=ttl), False)
        [seen] = await self._slots.look_around([whole], tags)
        return await self._slots.store(whole, payload, life, seen)

    async def delete(self, *keys: str) -> int:
        """Drop values; how many there were. A loader that is under way stores nothing."""
        return await self._cache.ask(lambda: self._slots.drop([self.key(key) for key in keys]), 0)

    async def exists(self, key: str) -> bool:
        """Whether something is stored under the key, readable or not."""
        return await self._cache.ask(lambda: self._cache.key_value.exists(self.key(key)), False)

    async def ttl(self, key: str) -> float | None:
        """Seconds until the value is gone; None when it is absent or stays for good."""
        return await self._cache.ask(lambda: self._cache.key_value.ttl(self.key(key)), None)

    async def expire(self, key: str, ttl: float) -> bool:
        """Let what is stored be gone in `ttl` seconds; False when it is absent. It is no longer fresh for it."""
        return await self._cache.ask(lambda: self._cache.key_value.expire(self.key(key), ttl), False)

    async def increment(self, key: str, by: int = 1, *, ttl: float | None = None) -> int | None:
        """Add to a counter, an absent one counting as 0; the new value.

        None when the cache is away, or refuses: the key holds something else, or the sum does not fit 64 bits.

        Args:
            key: its key in the namespace; it may hold an int stored without tags and `stale`, and nothing else.
            by: how much.
            ttl: seconds until it expires, counted from its first increment; None keeps it for good.
        """
        return await self._cache.ask(lambda: self._cache.key_value.increment(self.key(key), by, ttl=ttl), None)

    async def decrement(self, key: str, by: int = 1, *, ttl: float | None = None) -> int | None:
        """Take from a counter; as `increment`."""
        return await self.increment(key, -by, ttl=ttl)

    # Many values

    @overload
    async def get_many(self, keys: Iterable[str]) -> dict[str, JsonValue]: ...
    @overload
    async def get_many(self, keys: Iterable[str], kind: type[T]) -> dict[str, T]: ...
    async def get_many(self, keys: Iterable[str], kind: Any = None) -> dict[str, Any]:
        """The values that are there, by key, in one round trip."""
        wanted = list(dict.fromkeys(keys))
        found, codec = {}, json_codec(kind)
        for key, entry in zip(wanted, await self.entries(wanted), strict=True):
            if entry is not None and (value := _value(entry.payload, codec)) is not _ABSENT:
                found[key] = value
        self.stats.hits += len(found)
        self.stats.misses += len(wanted) - len(found)
        return found

    async def entries(self, keys: Sequence[str]) -> list[Entry | None]:
        """What is stored under each key, with its times; None where nothing valid is. Nothing is counted."""
        return await self._slots.read_many([self.key(key) for key in keys]) if keys else []

    async def set_many(self, values: Mapping[str, object], ttl: float = MEDIUM, *, tags: Sequence[str] = ()) -> int:
        """Store several values; how many the cache took. Raises as `set`, before anything is stored."""
        life, codec = Life(ttl), json_codec()
        payloads = {key: codec.write(value) for key, value in values.items()}
        return await self._store_all(payloads, life, tuple(dict.fromkeys(tags))) if payloads else 0

    async def delete_pattern(self, pattern: str) -> int:
        """Drop the values whose keys match, such as ``user-*``; how many. It looks at every key: for operations.

        When the cache goes away half-way the rest stays, and the log says so.

        Args:
            pattern: ``*`` is any characters, ``?`` one, ``[ab]`` one of these; within the namespace.
        """
        return await drop_matching(self._cache, self._slots, pattern)

    async def fill(
        self, keys: Sequence[str], fetch: Callable[[], Awaitable[Mapping[str, bytes]]], life: Life
    ) -> Mapping[str, bytes]:
        """Fetch values together and store them, each unless it was deleted meanwhile; what was fetched.

        Args:
            keys: in the namespace; those that are missing.
            fetch: gives the bytes of those that there are, by key.
            life: how long they are kept.
        """
        seen = await self._slots.look_around([self.key(key) for key in keys], ())
        self.stats.loads += 1
        fetched = await fetch()
        await self._store_all(fetched, life, (), dict(zip(keys, seen, strict=True)))
        return fetched

    async def clear(self) -> int:
        """Drop the whole namespace, in batches; how many keys. Loaders that are under way store nothing.

        When the cache goes away half-way the rest stays, and the log says so.
        """
        await self._cache.ask(self._slots.mark_cleared, None)
        return await self.delete_pattern("*")

    async def invalidate(self, *tags: str) -> bool:
        """Let every value that bears one of the tags, in any namespace, count as absent.

        Returns:
            False when the cache is away, and the values may be served until they expire.
        """

        async def replace() -> bool:
            await self._slots.invalidate(tags)
            return True

        return await self._cache.ask(replace, False)

    # Loading

    @overload
    async def get_or_set(
        self,
        key: str,
        make: Callable[[], Awaitable[object]],
        ttl: float = MEDIUM,
        *,
        tags: Sequence[str] = (),
        stale: float = 0.0,
        negative_ttl: float = NEGATIVE,
    ) -> JsonValue: ...
    @overload
    async def get_or_set(
        self,
        key: str,
        make: Callable[[], Awaitable[T]],
        ttl: float = MEDIUM,
        *,
        kind: type[T],
        tags: Sequence[str] = (),
        stale: float = 0.0,
        negative_ttl: float = NEGATIVE,
    ) -> T: ...
    async def get_or_set(
        self,
        key: str,
        make: Callable[[], Awaitable[Any]],
        ttl: float = MEDIUM,
        *,
        kind: Any = None,
        tags: Sequence[str] = (),
        stale: float = 0.0,
        negative_ttl: float = NEGATIVE,
    ) -> Any:
        """The value; made and stored when it is absent, once for all who ask, in this process and in others.

        A cache that is away costs the making, not the answer. Inside a transaction the value is made each time and not
        stored: what it is made of may never be committed. Each caller gets a copy of its own.

        Args:
            key: its key in the namespace.
            make: makes the value; an error of it is the caller's, and nothing is stored.
            ttl: seconds the value is fresh, less up to a tenth at random.
            kind: the type to give back; plain JSON without one.
            tags: `invalidate` with one of them lets the value count as absent.
            stale: for so many seconds more the old value is given while one caller's task makes a fresh one.
            negative_ttl: seconds for which None is remembered; 0 not to.
        """
        return await self.load(key, make, json_codec(kind), Lives(ttl, stale, negative_ttl), tags)

    async def load(
        self,
        key: str,
        make: Callable[[], Awaitable[Any]],
        codec: ValueCodec,
        lives: Lives,
        tags: Sequence[str] = (),
    ) -> Any:
        """As `get_or_set`, with a codec of your own.

        Args:
            key: its key in the namespace.
            make: makes the value.
            codec: its form.
            lives: how long it is kept.
            tags: as for `get_or_set`.
        """

        async def made() -> Made:
            value = await make()
            return Made(codec.write(value), lives.of(value))

        if current_transaction() is not None:
            return codec.read((await made()).payload)
        whole = self.key(key)
        entry = await self._slots.read(whole, tags)
        if entry is not None and (value := _value(entry.payload, codec)) is not _ABSENT:
            if entry.is_fresh():
                self.stats.hits += 1
            else:
                self.stats.stale += 1
                self._flights.refresh(whole, Load(tags, made, partial(_is_value, codec)))
            return value
        self.stats.misses += 1
        value = _value(await self._flights.join(whole, Load(tags, made, partial(_is_value, codec))), codec)
        if value is _ABSENT:
            raise ValueError("what was made for a key of the cache cannot be read back as the type that was asked for")
        return value

    async def _store_all(
        self,
        payloads: Mapping[str, bytes],
        life: Life,
        tags: tuple[str, ...],
        seen: Mapping[str, Seen] | None = None,
    ) -> int:
        """Store values that nobody may have deleted since they were `seen` (by default, now); how many were stored."""
        keys = list(payloads)
        if seen is None:
            around = await self._slots.look_around([self.key(key) for key in keys], tags)
            seen = dict(zip(keys, around, strict=True))
        stored = 0
        for start in range(0, len(keys), _STORED_AT_ONCE):  # no more than the server's pool has connections
            part = keys[start : start + _STORED_AT_ONCE]
            stored += sum(
                await asyncio.gather(
                    *(self._slots.store(self.key(key), payloads[key], life, seen[key]) for key in part)
                )
            )
        return stored


_ABSENT: Final = object()


def _is_value(codec: ValueCodec, payload: bytes) -> bool:
    return _value(payload, codec) is not _ABSENT


def _value(payload: bytes, codec: ValueCodec) -> Any:
    try:
        return codec.read(payload)
    except Exception:  # whatever a model's own validators make of what an earlier release stored
        return _ABSENT
