"""A slot: one key of the cache with the tags its value bears, read and written with their generations."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from docstore.cache.core import Cache
from docstore.cache.entries import Entry, decode, encode, is_counter
from docstore.cache.lifetimes import NEGATIVE, spread
from docstore.cache.tags import Generations, fit, generation_in

GONE_SECONDS: Final = 600.0
"""How long a deletion is remembered: a loader that began before it and ends within that time stores nothing."""

_GONE, _LOCK = "~gone", "~lock"


@dataclass(frozen=True, slots=True)
class Life:
    """How long a value lives, in seconds.

    Args:
        ttl: it is fresh for this long, less the jitter.
        stale: it may be served for this much longer while a fresh one is made.
    """

    ttl: float
    stale: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.ttl < math.inf:
            raise ValueError("a cached value needs a lifetime (ttl) of more than 0 seconds, and not for ever")
        if not 0 <= self.stale < math.inf:
            raise ValueError("stale is a number of seconds, 0 or more")


@dataclass(frozen=True, slots=True)
class Lives:
    """How long what a loader makes is kept, in seconds.

    Args:
        ttl: a value is fresh for this long, less the jitter.
        stale: it may be served for this much longer while a fresh one is made.
        negative_ttl: None is remembered for this long, `ttl` at most; 0 not to.
    """

    ttl: float
    stale: float = 0.0
    negative_ttl: float = NEGATIVE

    def of(self, value: object) -> Life | None:
        """That of a value; None: it is not to be kept."""
        if value is not None:
            return Life(self.ttl, self.stale)
        return Life(min(self.ttl, self.negative_ttl)) if self.negative_ttl > 0 else None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a loader saw before it began: if any of it changed, what it made is outdated.

    Args:
        gone: the mark of the key's last deletion.
        cleared: that of the namespace.
        generations: of the tags.
    """

    gone: bytes | None
    cleared: bytes | None
    generations: Mapping[str, str | None]


class Slots:
    """Reads and writes the entries of a namespace, whole keys given.

    Args:
        cache: where they are.
        namespace: its name.
    """

    def __init__(self, cache: Cache, namespace: str) -> None:
        self._cache = cache
        self._generations = Generations(cache)
        self._cleared = f"{cache.prefix}~cleared-{namespace}"
        self._prefix = f"{cache.prefix}{namespace}-"

    def key(self, key: str) -> str:
        """The whole key of a key in the namespace."""
        return self._prefix + key

    @staticmethod
    def lock_key(key: str) -> str:
        """Where the lock of a key's loader stands."""
        return key + _LOCK

    @staticmethod
    def is_helper_key(key: str) -> bool:
        """Whether a key holds no value but something about one."""
        return key.endswith((_GONE, _LOCK))

    async def read(self, key: str, tags: Sequence[str]) -> Entry | None:
        """The valid entry of a key, or None; one round trip unless it bears tags that were not named."""
        if not tags:
            entry = decode(await self._cache.ask(lambda: self._cache.key_value.get(key), None))
            if entry is None or not entry.tags:
                return entry
            return entry if fit(entry.tags, await self._generations.read(entry.tags)) else None
        return (await self.read_many([key], tags))[0]

    async def read_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> list[Entry | None]:
        """As `read`, for several keys at once."""
        held = await self._cache.held([*keys, *(self._generations.key(tag) for tag in tags)])
        entries = [decode(raw) for raw in held[: len(keys)]]
        now = {tag: generation_in(raw) for tag, raw in zip(tags, held[len(keys) :], strict=True)}
        others = {tag for entry in entries if entry is not None for tag in entry.tags} - now.keys()
        now |= await self._generations.read(others)
        return [entry if entry is not None and fit(entry.tags, now) else None for entry in entries]

    async def look_around(self, keys: Sequence[str], tags: Sequence[str]) -> list[Seen]:
        """What loaders of the keys have to see before they begin; tags get generations where they have none."""
        seen = await self._seen(keys, tags)
        missing = [tag for tag, generation in seen[0].generations.items() if generation is None] if seen else []
        if not missing:
            return seen
        await self._generations.create(missing)
        return await self._seen(keys, tags)

    async def store(self, key: str, payload: bytes, life: Life, seen: Seen) -> bool:
        """Write an entry unless what was seen has changed; whether it was written."""
        unchanged: dict[str, bytes | None] = {key + _GONE: seen.gone, self._cleared: seen.cleared}
        tags: dict[str, str] = {}
        for tag, generation in seen.generations.items():
            if generation is None:
                return False  # the cache is away, or loses what it is told
            tags[tag] = generation
            unchanged[self._generations.key(tag)] = generation.encode()
        made_at = time.time()
        ttl = spread(life.ttl)
        # A bare number is a counter, which `increment` goes on from.
        bare = is_counter(payload) and not tags and not life.stale
        raw = payload if bare else encode(Entry(payload, made_at, made_at + ttl, tags))
        stored = await self._cache.ask(
            lambda: self._cache.key_value.set_if_unchanged(key, raw, ttl=ttl + life.stale, seen=unchanged), None
        )
        if stored:
            self._cache.stats.stores += 1
        elif stored is not None:
            self._cache.stats.outdated += 1
        return bool(stored)

    async def drop(self, keys: Sequence[str]) -> int:
        """Delete entries, and let loaders that are under way know; how many there were.

        Raises:
            ServerUnavailable, OperationTimeout, ServiceError: the server did not do it.
        """
        if not keys:
            return 0
        gone = set(keys)
        self._cache.forget_flights(gone.__contains__)
        mark = _mark()
        # The mark first: a loader that stores in between is seen by the delete.
        await self._cache.key_value.set_many({key + _GONE: mark for key in keys}, ttl=GONE_SECONDS)
        return await self._cache.key_value.delete(*keys)

    async def mark_cleared(self) -> None:
        """Let the loaders of the whole namespace know that it is being cleared. Raises as `drop`."""
        self._cache.forget_flights(lambda key: key.startswith(self._prefix))
        await self._cache.key_value.set(self._cleared, _mark(), ttl=GONE_SECONDS)

    async def invalidate(self, tags: Iterable[str]) -> None:
        """Let every value that bears one of the tags count as absent. Raises as `drop`."""
        # Which loads bear them is not known here; another load is no harm.
        self._cache.forget_flights()
        await self._generations.replace(tags)

    async def _seen(self, keys: Sequence[str], tags: Sequence[str]) -> list[Seen]:
        gone, after = [key + _GONE for key in keys], len(keys)
        held = await self._cache.held([*gone, self._cleared, *(self._generations.key(tag) for tag in tags)])
        generations = {tag: generation_in(raw) for tag, raw in zip(tags, held[after + 1 :], strict=True)}
        return [Seen(mark, held[after], generations) for mark in held[:after]]


def _mark() -> bytes:
    return secrets.token_hex(6).encode()
