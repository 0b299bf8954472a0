"""The cache that decorated functions and cached documents use: that of the open Store."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from docstore.cache.core import Cache
from docstore.cache.helper import CacheHelper
from docstore.errors import NotBound, SettingsError

Provider = Callable[[], Awaitable[Cache]]

_providers: Final[list[Provider]] = []
_log = logging.getLogger("docstore.cache")


def use_cache(provider: Provider | None) -> None:
    """Let `provider` open the cache of this process when it is first needed; None: there is none."""
    _providers[:] = [provider] if provider is not None else []


async def active_cache() -> Cache | None:
    """The cache of the open Store; None when none is open, or none is configured."""
    if not _providers:
        return None
    try:
        return await _providers[0]()
    except SettingsError as error:
        _log.info("There is no cache: %s", error.message)
        return None


async def clear_cache(namespace: str = "cache") -> int:
    """Drop every value of a namespace; how many keys there were.

    They are deleted in batches as SCAN finds them; what loaders that are under way make of earlier data is not stored.
    Neither KEYS nor FLUSHALL is run.

    Raises:
        NotBound: no Store with a cache is open.
    """
    cache = await active_cache()
    if cache is None:
        raise NotBound("There is no cache.", hint="Set REDIS_URL, and call it inside `async with Store.from_env()`.")
    return await CacheHelper(cache, namespace).clear()
