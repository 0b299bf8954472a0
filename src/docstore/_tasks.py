"""Tasks and their ends: side by side, all or none; and the cancellations that are lost on the way.

`asyncio.wait_for` of Python 3.11 gives its result, and forgets the cancellation, when both come in the same turn of the
loop (python/cpython#86296). PyMongo sends every command through it. So what goes on for long looks for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Coroutine
from typing import Any, Final

_CLOSING_S: Final = 0.5
_CANCELLED_TIMES: Final = 20


class Cancellations:
    """Those of the current task, from when this is made."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = self._count()

    def raise_lost(self) -> None:
        """Raise the one that came, and was lost in what the task waited for."""
        if self._count() > self._before:
            raise asyncio.CancelledError

    def _count(self) -> int:
        return self._task.cancelling() if self._task is not None else 0


async def came(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, so many seconds at most; whether it came."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def run_together(work: Collection[Coroutine[Any, Any, None]]) -> None:
    """Run all; when one fails, or this is cancelled, the others are ended, and the first failure is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await ended(tasks)
    for task in done:
        task.result()


async def ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended.

    Once is not enough: a driver may lose a cancellation while it deals with a connection, and whoever was cancelled
    goes on and waits for somebody who is gone.
    """
    left = {task for task in tasks if not task.done()}
    for _ in range(_CANCELLED_TIMES):
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=_CLOSING_S)
        if not left:
            break
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # it was looked at
