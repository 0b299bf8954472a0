"""Tasks side by side: all to their end, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, Final

_CLOSING_S: Final = 0.5
_CANCELLED_TIMES: Final = 20


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
