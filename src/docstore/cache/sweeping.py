"""Dropping all values of a namespace whose keys match: for operations, as it looks at every key."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

from docstore.cache.core import Cache
from docstore.cache.slots import Slots

_log = logging.getLogger("docstore.cache")

_DELETED_AT_ONCE: Final = 500


async def drop_matching(cache: Cache, slots: Slots, pattern: str) -> int:
    """Drop the values whose keys match, in batches; how many.

    When the cache goes away half-way the rest stays, and the log says so.

    Args:
        cache: where they are.
        slots: the namespace.
        pattern: as of `fnmatch`, within the namespace.
    """
    literal = pattern
    for special in "*?[":
        literal = literal.split(special, 1)[0]
    namespace, dropped = slots.key(""), 0
    async for batch in _batches(cache, namespace + literal):
        found = (key for key in batch if not slots.is_helper_key(key))
        wanted = [key for key in found if fnmatch.fnmatchcase(key[len(namespace) :], pattern)]
        dropped += await _drop(cache, slots, wanted)
    return dropped


async def _drop(cache: Cache, slots: Slots, keys: Sequence[str]) -> int:
    return await cache.ask(lambda: slots.drop(keys), 0) if keys else 0


async def _batches(cache: Cache, prefix: str) -> AsyncIterator[list[str]]:
    keys = cache.key_value.scan(prefix)

    async def next_batch() -> list[str]:
        batch: list[str] = []
        async for key in keys:
            batch.append(key)
            if len(batch) >= _DELETED_AT_ONCE:
                break
        return batch

    # A batch may be many looks at a server that holds little of this: no time limit but that of each look.
    while batch := await cache.ask(next_batch, None, commands=None):
        yield batch
    if batch is None:
        _log.warning("Not all keys of the cache that begin with %s were looked at.", prefix)
