"""What wakes a relay: new rows, as a change stream tells them. It may tell none; polling is what counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Any, Self

from docstore.outbox.entries import OutboxEntry

_INSERTS: list[dict[str, Any]] = [{"$match": {"operationType": "insert"}}]
_AGAIN_S = 30.0
_CLOSING_S = 0.5
_CANCELLED_TIMES = 10

_log = logging.getLogger("docstore.outbox")


class Waker:
    """Waits for new rows, for a time that is up, or for the end.

    Args:
        stop: ends every wait.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._end())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = set(self._tasks)
        for _ in range(_CANCELLED_TIMES):
            for task in left:
                task.cancel()
            # The driver may lose a cancellation while it deals with the stream's connection.
            _, left = await asyncio.wait(left, timeout=_CLOSING_S)
            if not left:
                return

    async def wait(self, seconds: float, *, woken: bool = True) -> None:
        """Wait until there is news (unless `woken` is False), or the time is up."""
        waited = self._news if woken else self._stop
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(waited.wait(), seconds)
        if not self._stop.is_set():
            self._news.clear()

    async def _end(self) -> None:
        await self._stop.wait()
        self._news.set()

    async def _watch(self) -> None:
        while True:
            try:
                # No resume token: one that points past what a server kept would resume to silence.
                async with await OutboxEntry.get_pymongo_collection().watch(_INSERTS) as stream:
                    async for _ in stream:
                        self._news.set()
            except Exception as error:  # a server without change streams, or one that is away
                _log.debug("No change stream on the outbox (%s); it is polled.", type(error).__name__)
            await asyncio.sleep(_AGAIN_S)
