"""What the driver tells of the commands it runs: a share of all of them, and every slow one.

Owns the listening alone, and only on clients that ask for it. What becomes of a command is a sink's business
(`operations/querylog` is one); sinks are attached and taken off while the client is in use.

PyMongo publishes two event objects for each command, which costs a look-up by id some 7 % of the client's processor
time, whatever the listener does with them. So its gate, asked before each command, is opened for a random share of
commands only. A slow command between them is noticed at its answer, by the clock, and then taken from the driver's own
frame. Both rest on names inside PyMongo, which `can_sample` looks for; where they are missing the listener is an
ordinary one: it sees all and costs more.
"""

from __future__ import annotations

import logging
import math
import random
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.asynchronous import command_runner
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    _EventListeners,
)

from docstore.context import Actor, current_actor

_log: Final = logging.getLogger(__name__)

_MOST_PENDING: Final = 1_000
"""Commands whose answers are awaited; those of lost connections never come."""
_RUNNER: Final = "_run_command"
_RUNNER_LOCALS: Final = frozenset({"orig", "dbname"})

_started: ContextVar[float] = ContextVar("docstore_command_started", default=math.inf)
_set_started: Final = _started.set
_get_started: Final = _started.get
_monotonic: Final = time.monotonic
_process_response: Final[Any] = getattr(AsyncMongoClient, "_process_response", None)

unobserved: ContextVar[bool] = ContextVar("docstore_unobserved", default=False)
"""True in a task whose commands are not to be told, such as those that write the query log."""


@dataclass(frozen=True, slots=True)
class ObservedCommand:
    """A command that was answered.

    Args:
        name: such as ``find``.
        database: where it ran.
        command: as it was sent, values included; not to be changed, nor kept.
        duration_ms: until the whole answer was there, as the client saw it.
        returned: documents of a cursor's first batch, or documents written; None where the answer does not say.
        failed: the server answered with an error, or not at all.
        slow: it took as long as the sink calls slow, so that it is told for certain.
        actor: who ran it.
    """

    name: str
    database: str
    command: Mapping[str, Any]
    duration_ms: float
    returned: int | None
    failed: bool
    slow: bool
    actor: Actor | None


Sink = Callable[[ObservedCommand], None]
"""Takes a command while its caller waits: must be quick, and must not raise."""


class CommandEvents:
    """The sinks of one client, by database, and which commands they are told of."""

    def __init__(self, *, sample_rate: float, slow_ms: float, seed: int | None = None) -> None:
        """Nothing is told before a sink is attached.

        Args:
            sample_rate: the share of commands to be told, 0 to 1.
            slow_ms: commands that take so many milliseconds are told in any case.
            seed: of the chance that picks the commands; another each time when None.
        """
        self.sample_rate = sample_rate
        self.slow_s = slow_ms / 1000
        self._sinks: dict[str, Sink] = {}
        self._random = random.Random(seed)  # noqa: S311 - picks samples, keeps no secret
        self._closed_for = sys.maxsize
        self._open_for = 3
        self.sampling = True

    def attach(self, database: str, sink: Sink) -> None:
        """Tell `sink` of the commands on a database from now on."""
        self._sinks[database] = sink
        self._closed_for = self._gap()

    def detach(self, database: str, sink: Sink) -> None:
        """Tell `sink` no more; another one that has taken its place stays."""
        if self._sinks.get(database) == sink:
            del self._sinks[database]
        if not self._sinks:
            self._closed_for = sys.maxsize

    def opens(self) -> bool:
        """Whether the driver is to tell of the command it asks for now.

        It asks once for an operation, once for the command, and once more when the answer was yes: so a yes holds for
        three questions, and the gaps between are counted in twos. All of this is on every command's way.
        """
        if self._closed_for > 0:
            self._closed_for -= 1
            _set_started(_monotonic())
            return False
        if self._open_for:
            self._open_for -= 1
        if not self._open_for:
            self._closed_for, self._open_for = self._gap(), 3
        _set_started(math.inf)
        return True

    def tell(
        self, name: str, database: str, command: Mapping[str, Any], seconds: float, reply: Mapping[str, Any] | None
    ) -> None:
        """Hand a command on; `reply` is None when it failed."""
        sink = self._sinks.get(database)
        if sink is None or unobserved.get():
            return
        returned = None if reply is None else _returned(reply)
        slow = seconds >= self.slow_s
        if not (slow or self.sampling) and self._random.random() >= self.sample_rate:
            return
        sink(ObservedCommand(name, database, command, seconds * 1000, returned, reply is None, slow, current_actor()))

    def tell_slow(self, seconds: float, reply: Any) -> None:
        """Tell of the command whose answer its runner, the caller's caller, has just received."""
        _set_started(math.inf)
        frame = sys._getframe(2)
        if frame.f_code.co_name != _RUNNER:
            return
        command, database = frame.f_locals.get("orig"), frame.f_locals.get("dbname")
        if isinstance(command, Mapping) and isinstance(database, str) and command:
            failed = not isinstance(reply, Mapping) or not reply.get("ok")
            self.tell(next(iter(command)), database, command, seconds, None if failed else reply)

    def _gap(self) -> int:
        if self.sample_rate >= 1:
            return 0
        return int(self._random.expovariate(self.sample_rate / 2)) if self.sample_rate > 0 else sys.maxsize


class ObservedClient(AsyncMongoClient[dict[str, Any]]):
    """PyMongo's client, with `command_events` that sinks can be attached to."""

    command_events: CommandEvents
    _slow_s: float

    def __init__(self, uri: str, *, events: CommandEvents, **options: Any) -> None:
        listener = _Listener(events)
        self.command_events = events
        self._slow_s = events.slow_s
        events.sampling = can_sample()
        if not events.sampling:
            _log.warning("This PyMongo has other insides than expected: the query log observes every command.")
            super().__init__(uri, event_listeners=[listener], **options)
            return
        super().__init__(uri, **options)
        gate = _Gate(events, listener)
        self._event_listeners = gate
        self._options.pool_options._PoolOptions__event_listeners = gate  # type: ignore[attr-defined]  # its slot

    def _process_response(self, reply: Mapping[str, Any], session: Any) -> Coroutine[Any, Any, None]:
        # Not a coroutine itself: it would be one more to await for every command, and a frame in between.
        seconds = _monotonic() - _get_started()
        if seconds >= self._slow_s:
            self.command_events.tell_slow(seconds, reply)
        response: Coroutine[Any, Any, None] = _process_response(self, reply, session)
        return response


def can_sample() -> bool:
    """Whether this PyMongo has the insides that make a sampled listener possible."""
    runner = getattr(command_runner, _RUNNER, None)
    names = set(getattr(getattr(runner, "__code__", None), "co_varnames", ()))
    from pymongo.pool_options import PoolOptions

    return (
        names >= _RUNNER_LOCALS
        and isinstance(getattr(_EventListeners, "enabled_for_commands", None), property)
        and _process_response is not None
        and "_PoolOptions__event_listeners" in vars(PoolOptions)
    )


class _Listener(CommandListener):
    """Brings a command and its answer together."""

    def __init__(self, events: CommandEvents) -> None:
        self._events = events
        self._pending: dict[int, tuple[str, Mapping[str, Any]]] = {}

    def started(self, event: CommandStartedEvent) -> None:
        if event.command:
            if len(self._pending) >= _MOST_PENDING:
                self._pending.pop(next(iter(self._pending)))
            self._pending[event.request_id] = (event.database_name, event.command)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._finish(event, event.reply)

    def failed(self, event: CommandFailedEvent) -> None:
        self._finish(event, None)

    def _finish(self, event: CommandSucceededEvent | CommandFailedEvent, reply: Mapping[str, Any] | None) -> None:
        found = self._pending.pop(event.request_id, None)
        if found is not None:
            seconds = timedelta(microseconds=event.duration_micros).total_seconds()
            self._events.tell(event.command_name, found[0], found[1], seconds, reply)


class _Gate(_EventListeners):
    """PyMongo's own listeners, which say yes to a share of commands."""

    def __init__(self, events: CommandEvents, listener: _Listener) -> None:
        super().__init__([listener])
        self._opens = events.opens

    @property
    def enabled_for_commands(self) -> bool:
        return self._opens()


def _returned(reply: Mapping[str, Any]) -> int | None:
    cursor = reply.get("cursor")
    if isinstance(cursor, Mapping):
        batch = cursor.get("firstBatch", cursor.get("nextBatch"))
        return len(batch) if batch is not None else None
    written = reply.get("n")
    if isinstance(written, int):
        return written
    return len(reply["values"]) if isinstance(reply.get("values"), list) else None
