"""What every client needs: one handle for all who ask, retries while connecting, a clock round a ping."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from docstore.errors import DocstoreError
from docstore.settings import Settings

Handle = TypeVar("Handle")
Answer = TypeVar("Answer")


class SharedHandles(Generic[Handle]):
    """One handle per process, running event loop and settings that matter to it.

    Drivers tie their sockets and locks to the loop that was running when they were made, and a socket must
    not be used on both sides of a fork; so neither a loop nor a child process is given another's handle.
    """

    def __init__(self, opener: str) -> None:
        self._opener = opener
        self._pid = os.getpid()
        self._handles: dict[tuple[asyncio.AbstractEventLoop, Hashable], Handle] = {}
        self._inherited: list[object] = []

    def get(self, identity: Hashable, make: Callable[[], Handle]) -> Handle:
        """The shared handle, made now when there is none. Not a coroutine: nobody can come in between.

        Raises:
            DocstoreError: no event loop is running.
        """
        key = (self._running_loop(), identity)
        self._forget_dead()
        if key not in self._handles:
            self._handles[key] = make()
        return self._handles[key]

    def peek(self, identity: Hashable) -> Handle | None:
        """The handle, if there is one."""
        return self._handles.get((self._running_loop(), identity)) if self._pid == os.getpid() else None

    def pop(self, identity: Hashable) -> Handle | None:
        """Take the handle out, so that the next `get` makes a new one; None when there is none."""
        self._forget_dead()
        return self._handles.pop((self._running_loop(), identity), None)

    def discard(self, identity: Hashable, handle: Handle) -> bool:
        """Take out this very handle, unless another took its place already; whether it was there."""
        key = (self._running_loop(), identity)
        if self._handles.get(key) is not handle:
            return False
        del self._handles[key]
        return True

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            raise DocstoreError(
                f"{self._opener} was called outside a running event loop.",
                hint="Call it inside a coroutine, such as one that asyncio.run() runs.",
            ) from None

    def _forget_dead(self) -> None:
        if self._pid != os.getpid():
            # Kept, not dropped: a finaliser in the child would speak on sockets that are still the parent's.
            self._inherited.append(self._handles)
            self._handles, self._pid = {}, os.getpid()
        # A copy, because loops in other threads come and go meanwhile.
        for key in list(self._handles):
            if key[0].is_closed():
                self._handles.pop(key, None)


def resolve(settings: Settings | None) -> Settings:
    """The given settings, or those of the environment."""
    return Settings.from_env() if settings is None else settings


async def with_retries(
    attempt: Callable[[], Awaitable[Answer]], settings: Settings, on: tuple[type[Exception], ...]
) -> Answer:
    """Run `attempt` until it succeeds, with exponential backoff and jitter.

    Gives up after ``connect_attempts`` tries or ``connect_timeout_s`` seconds, and raises the last error.
    """
    import stamina

    caller = stamina.AsyncRetryingCaller(
        attempts=settings.connect_attempts, timeout=settings.connect_timeout_s, wait_max=2.0, wait_jitter=0.5
    )
    return await caller(on, attempt)


async def ping_ms(ping: Callable[[], Awaitable[object]]) -> float:
    """How long a ping takes, in milliseconds: the second one, because the first makes the connection.

    Raises:
        Exception: whatever `ping` raises.
    """
    await ping()
    start = time.perf_counter()
    await ping()
    return elapsed_ms(start)


def elapsed_ms(start: float) -> float:
    """Milliseconds since ``time.perf_counter()`` read `start`."""
    return (time.perf_counter() - start) * 1000
