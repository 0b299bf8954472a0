"""What wakes a relay: new rows, as a change stream tells them. It may tell none; polling is what counts."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

from docstore._tasks import came, ended
from docstore.outbox.entries import OutboxEntry

_INSERTS: list[dict[str, Any]] = [{"$match": {"operationType": "insert"}}]
_AGAIN_S = 30.0
_FIRST_LOOK_S = 0.02
_LOOKS_BEFORE_STREAM = 5
_BUSY_BEFORE_CLOSING = 3

_log = logging.getLogger("docstore.outbox")


class Waker:
    """Waits for new rows, for a time that is up, or for the end.

    The stream is open while there is little to do: a busy relay finds new rows anyway, and a server has to look at
    every row that it marks. To open and close one costs more than some looks, so neither is done for a short while:
    after work a relay looks again soon, and less soon each time, before it opens a stream.

    Args:
        stop: ends every wait.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._news = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._streaming = False
        self._busy = 0
        self._looks = _LOOKS_BEFORE_STREAM  # whoever begins with nothing to do waits for news

    async def __aenter__(self) -> Self:
        self._ending = asyncio.create_task(self._end())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await ended([task for task in (self._ending, self._watching) if task is not None])

    @property
    def watching(self) -> bool:
        """Whether whatever comes from now on ends the next wait."""
        return self._watching is not None and self._streaming

    async def wait(self, seconds: float, *, woken: bool = True) -> None:
        """Wait until there is news (unless `woken` is False), or the time is up; less long just after work."""
        self._busy = 0
        if woken and self._watching is None:
            if self._looks < _LOOKS_BEFORE_STREAM:
                seconds = min(seconds, _FIRST_LOOK_S * 2.0**self._looks)
                self._looks += 1
            else:
                self._watching = asyncio.create_task(self._watch())
        waited = self._news if woken else self._stop
        await came(waited, seconds)
        if not self._stop.is_set():
            self._news.clear()

    async def be_busy(self) -> None:
        """There was something to do; where that goes on, no stream is needed."""
        self._looks, self._busy = 0, self._busy + 1
        if self._busy >= _BUSY_BEFORE_CLOSING and self._watching is not None:
            watching, self._watching = self._watching, None
            await ended([watching])

    async def _end(self) -> None:
        await self._stop.wait()
        self._news.set()

    async def _watch(self) -> None:
        while True:
            try:
                # No resume token: one that points past what a server kept would resume to silence.
                async with await OutboxEntry.get_pymongo_collection().watch(_INSERTS) as stream:
                    self._streaming = True
                    async for _ in stream:
                        self._news.set()
            except Exception as error:  # a server without change streams, or one that is away
                _log.debug("No change stream on the outbox (%s); it is polled.", type(error).__name__)
            finally:
                self._streaming = False
            await asyncio.sleep(_AGAIN_S)
