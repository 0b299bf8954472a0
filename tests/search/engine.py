"""What tests of search need: an engine of their own, one that lets them act between calls, the changes since then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from docstore.clients import SearchIndex
from docstore.clients.algolia import AlgoliaIndex, close_search_clients
from docstore.embedded.algolia import Limits, LocalAlgolia
from docstore.settings import Settings
from docstore.workers import OutboxChanges


@asynccontextmanager
async def own_engine(
    limits: Limits | None = None, *, state: Path | None = None, **fields: Any
) -> AsyncIterator[tuple[LocalAlgolia, AlgoliaIndex]]:
    """A server that takes faults, and an index on it that gives up soon."""
    async with LocalAlgolia(allow_faults=True, limits=limits, state=state) as server:
        given = {
            "algolia_app_id": "docstore-local",
            "algolia_write_api_key": "local-write-key",
            "algolia_search_api_key": "local-search-key",
            "algolia_hosts": server.url,
            "connect_attempts": 2,
            "connect_timeout_s": 2,
        }
        settings = Settings(**given | fields)
        try:
            yield server, AlgoliaIndex(settings)
        finally:
            await close_search_clients(settings)


class Meddled:
    """An index; `before` is awaited before each call of the named methods, with the method's name."""

    def __init__(self, index: SearchIndex, before: Callable[[str], Awaitable[None]], *names: str) -> None:
        self._index = index
        self._before = before
        self._names = names

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._index, name)
        if name not in self._names:
            return method

        async def call(*arguments: Any, **options: Any) -> Any:
            await self._before(name)
            return await method(*arguments, **options)

        return call


class Killed(BaseException):
    """As if the process were gone."""


async def changes_since(begun: datetime) -> list[tuple[str, str]]:
    """Which documents changed since then, as the outbox tells."""
    return [(each.collection, each.document_id) async for each in OutboxChanges().since(begun)]


async def next_second() -> datetime:
    """The next whole second, which has come: ids tell seconds apart, and no less."""
    begun = (await OutboxChanges().now() + timedelta(seconds=1)).replace(microsecond=0)
    while await OutboxChanges().now() < begun:
        await asyncio.sleep(0.05)
    return begun
