"""A search engine that is away, or takes no more for now, asked again: with growing pauses, and an end."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar, cast

from docstore.clients.protocols import SearchIndex
from docstore.errors import OperationTimeout, ServerUnavailable

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0

_log = logging.getLogger("docstore.search")


def patient(index: SearchIndex, seconds: float) -> SearchIndex:
    """The same engine, whose calls are repeated for so many seconds each while it is away; every one may be repeated.

    Browsing begins anew when a page fails for good, so that a record may come twice.
    """
    return cast("SearchIndex", _Patient(index, seconds)) if seconds > 0 else index


class _Patient:
    """Hands every call on. By name: what an engine can do is said in one place, its Protocol."""

    def __init__(self, index: SearchIndex, seconds: float) -> None:
        self.unwrapped = index
        self._index = index
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._index, name)
        if name == "prepare":
            return method

        async def call(*arguments: Any, **options: Any) -> Any:
            return await self._ask(partial(method, *arguments, **options))

        return call

    async def browse(self, index: str, **options: Any) -> AsyncIterator[dict[str, Any]]:
        """See `SearchIndex.browse`."""
        wait = _Waiting(self._seconds)
        while True:
            try:
                async for hit in self._index.browse(index, **options):
                    yield hit
            except (ServerUnavailable, OperationTimeout) as error:
                await wait.after(error)
            else:
                return

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        wait = _Waiting(self._seconds)
        while True:
            try:
                return await call()
            except (ServerUnavailable, OperationTimeout) as error:
                await wait.after(error)


class _Waiting:
    """The pauses of one call."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._pause = _FIRST_PAUSE_S

    async def after(self, error: Exception) -> None:
        """Pause, unless the time is over: then the error is raised."""
        if time.monotonic() + self._pause > self._deadline:
            raise error
        _log.warning("The search engine is waited for: %s", error)
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_S)
