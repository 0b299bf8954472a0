"""What all helpers of one cache share: the server behind a breaker, the counts, and the loads under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from docstore.cache.breaker import Breaker
from docstore.cache.stats import CacheStats
from docstore.clients.protocols import KeyValue
from docstore.errors import CommandRefused, DocstoreError, OperationTimeout, ServerUnavailable, ServiceError

T = TypeVar("T")

REFRESH: Final = "\0refresh"
"""Ends the name of a load that only refreshes."""

COMMAND_SECONDS: Final = 1.0
"""How long a command may take before it counts as failed: a cache that is slower than that is none."""

_LAST_LOOK_SECONDS: Final = 0.1
"""What a command gets on top, counted from when the process saw that its time was over: a process that stood still
meanwhile finds the answer now."""

COMMANDS_AT_ONCE: Final = 32
"""Commands under way in one process. Others wait, and only then their time begins: what a busy process is slow with is
no failure of the server, and a breaker that opens for it would send everybody to the database at the worst moment."""

_log = logging.getLogger("docstore.cache")


class Flight(NamedTuple):
    """A load that is under way, and since when by the monotonic clock."""

    task: asyncio.Task[Any]
    since: float


class Cache:
    """One cache: a `KeyValue` that may be away. Make one a server and process, and `CacheHelper`s on it.

    Args:
        key_value: where the values are.
        prefix: put before every key, so that deployments can share a server; empty by default.
        breaker: when to stop asking; three failures in a row, for five seconds, by default.
        command_seconds: see `COMMAND_SECONDS`.
    """

    def __init__(
        self,
        key_value: KeyValue,
        *,
        prefix: str = "",
        breaker: Breaker | None = None,
        command_seconds: float = COMMAND_SECONDS,
    ) -> None:
        self.key_value = key_value
        self.prefix = prefix
        self.stats = CacheStats()
        self.flights: dict[str, Flight] = {}
        self._breaker = breaker or Breaker()
        self._command_seconds = command_seconds
        self._places = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._refusal_told = False
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def is_away(self) -> bool:
        """Whether the server has failed, and is not asked for now."""
        return self._breaker.is_open

    async def ask(self, command: Callable[[], Awaitable[T]], otherwise: T, *, commands: int | None = 1) -> T:
        """The command's answer; `otherwise` when the server does not give one in time, refuses it, or is not asked.

        Args:
            command: asks the server.
            otherwise: what stands for no answer.
            commands: for how many commands it has time; None: for any number, each of which has the driver's limit.
        """
        await self._places.acquire()
        try:
            if not self._breaker.allows():
                self.stats.skipped += 1
                return otherwise
            answer = await (command() if commands is None else _within(commands * self._command_seconds, command))
            self._breaker.succeeded()
            return answer
        except CommandRefused as error:
            self._breaker.succeeded()  # it is there, and answers
            self._note_refusal(error)
            return otherwise
        except (ServerUnavailable, OperationTimeout, ServiceError, TimeoutError) as error:
            self._note(error)
            return otherwise
        finally:
            self._places.release()

    async def held(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is stored under each key; None where nothing is, and everywhere when the cache is away."""
        nothing: list[bytes | None] = [None] * len(keys)
        return await self.ask(lambda: self.key_value.get_many(*keys), nothing) if keys else nothing

    def forget_flights(self, concerned: Callable[[str], bool] = lambda _: True) -> None:
        """Let nobody join the loads of some keys any more: what they make may be outdated by now."""
        for name in [each for each in self.flights if concerned(each.removesuffix(REFRESH))]:
            del self.flights[name]

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` beside its caller, who may go away; `close` ends it."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """End what is still running beside; the server's handle stays open."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.flights.clear()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, should everybody who waited have gone

    def _note_refusal(self, error: CommandRefused) -> None:
        self.stats.errors += 1
        level = logging.INFO if self._refusal_told else logging.WARNING
        self._refusal_told = True
        _log.log(level, "A cache command was refused: %s", error)

    def _note(self, error: Exception) -> None:
        self.stats.errors += 1
        told = error.message if isinstance(error, DocstoreError) else "no answer in time"
        if self._breaker.failed():
            _log.warning("The cache is away and is not asked for a while: %s", told)
        else:
            _log.info("A cache command failed: %s", told)


async def _within(seconds: float, command: Callable[[], Awaitable[T]]) -> T:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        over = loop.call_later(seconds, lambda: limit.reschedule(loop.time() + _LAST_LOOK_SECONDS))
        try:
            return await command()
        finally:
            over.cancel()
