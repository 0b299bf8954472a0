"""Waiting until Algolia has carried out a task, with a limit and without recursion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from docstore.errors import OperationTimeout

_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 1.0


async def wait_for_task(is_published: Callable[[], Awaitable[bool]], index: str, timeout_s: float) -> None:
    """Ask, at growing intervals, until the task is published.

    Args:
        is_published: asks once.
        index: the index's name, for the message.
        timeout_s: seconds to go on asking.

    Raises:
        OperationTimeout: it is not published in time; it may still be.
    """
    deadline = time.monotonic() + timeout_s
    wait = _FIRST_WAIT_S
    while not await is_published():
        left = deadline - time.monotonic()
        if left <= 0:
            raise OperationTimeout(
                f"Algolia took a change of index {index!r} and did not publish it within {timeout_s:g} s.",
                hint="It may still be: read before sending it again.",
            )
        await asyncio.sleep(min(wait, left))
        wait = min(wait * 2, _LONGEST_WAIT_S)
