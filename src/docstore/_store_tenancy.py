"""Which of a process's open Stores its models belong to, and which clients they share.

Models, event handlers, the cache and the search index of documents are the whole process's. The Store entered last has
them, and hands them back when it is left; clients are closed by the last one that uses them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

from docstore.cache import CachedDocuments, ChangeFollower, active_cache, use_cache
from docstore.clients import close_kafka_producer, close_mongo_client, close_redis
from docstore.documents import add_event_handler, remove_event_handler, use_read_through
from docstore.outbox import Outbox
from docstore.search import use_search_index
from docstore.settings import Settings

_Closer = tuple[Callable[[Settings], object], Callable[[Settings], Awaitable[None]]]

CACHED_DOCUMENTS: Final = CachedDocuments(active_cache)

_HANDLERS: Final = (Outbox(), ChangeFollower(CACHED_DOCUMENTS))
_present: Final[list[Tenancy]] = []


class Tenancy:
    """One Store's turn at what a process has once.

    Args:
        bind: gives the models, the cache and the search index to the Store.
        unbind: takes the models away, when no Store is left.
        settings: the Store's, as they are now.
    """

    def __init__(
        self, bind: Callable[[], Awaitable[None]], unbind: Callable[[], None], settings: Callable[[], Settings]
    ) -> None:
        self._bind = bind
        self._unbind = unbind
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()

    async def begin(self) -> None:
        """Take what the process has once."""
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        # Past caring are Stores whose loop ended without leaving them, and those of the process this one was forked of.
        _present[:] = [each for each in _present if each._is_live()]
        if not _present:
            for handler in _HANDLERS:
                remove_event_handler(handler)  # such a Store may have left it behind
                add_event_handler(handler)
            use_read_through(CACHED_DOCUMENTS)
        _present.append(self)
        await self._bind()

    async def end(self) -> None:
        """Hand it back to the Store that had it before; without one it is nobody's."""
        if self in _present:
            _present.remove(self)
        if _present and await _present[-1]._resume():
            return
        for handler in _HANDLERS:
            remove_event_handler(handler)
        use_read_through(None)
        use_cache(None)
        use_search_index(None)
        self._unbind()

    async def close_clients(self) -> None:
        """Close the shared clients, but for those that another open Store shares."""
        from docstore.clients.algolia import close_search_clients

        mine = self._settings()
        others = [each._settings() for each in _present if each._loop is self._loop]
        closers: tuple[_Closer, ...] = (
            (lambda of: of.algolia_hosts or of.algolia_app_id, close_search_clients),
            (lambda of: of.redis_dsn, close_redis),
            (lambda of: of.kafka_bootstrap, close_kafka_producer),
            (lambda of: (of.database_url_local, of.database_url), close_mongo_client),
        )
        async with AsyncExitStack() as closing:  # the rest is closed even when one fails
            for address, close in closers:
                if address(mine) and all(address(other) != address(mine) for other in others):
                    closing.push_async_callback(close, mine)

    def _is_live(self) -> bool:
        return self._loop is not None and not self._loop.is_closed() and self._process == os.getpid()

    async def _resume(self) -> bool:
        """Bind again, on the loop that the Store was entered on; False when that does not run."""
        if self._loop is asyncio.get_running_loop():
            await self._bind()
            return True
        if self._loop is None or not self._loop.is_running():
            return False
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_run(self._bind), self._loop))
        return True


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
