"""The end of commands that run until they are told to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from docstore.cli.invocation import TERMINATED

if TYPE_CHECKING:
    from docstore.cli.invocation import Invocation


def stopped_by_signals(invocation: Invocation) -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C; the second cancels."""
    stop, loop, task = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()

    def asked(name: signal.Signals) -> None:
        if stop.is_set() and task is not None:
            task.cancel(TERMINATED if name is signal.SIGTERM else None)
            return
        invocation.err.print("Finishing what is at work …")
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, asked, name)
    return stop
