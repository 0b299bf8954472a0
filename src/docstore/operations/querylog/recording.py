"""Writing the query log: a bounded queue, and one task that turns what is in it into rows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from contextvars import Context
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from pymongo import WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from docstore._tasks import came, ended
from docstore.clients.command_events import CommandEvents, ObservedCommand, unobserved
from docstore.documents import utc_now
from docstore.models import QueryLog
from docstore.operations.querylog.plans import Plan, explain
from docstore.operations.querylog.shapes import LOGGED, Shape, shape_of

_log: Final = logging.getLogger("docstore.querylog")

Database = AsyncDatabase[dict[str, Any]]
COLLECTION: Final = QueryLog.__name__

_QUEUE: Final = 2_000
_BATCH: Final = 500
_INTERVAL_S: Final = 1.0
_EXPLAIN_AGAIN_S: Final = 600.0
_EXPLAINS_A_ROUND: Final = 5
_SHAPES_KNOWN: Final = 2_000
_CLOSE_LIMIT_S: Final = 5.0


@dataclass
class QueryLogCounts:
    """What became of the commands that were told: `written` rows, `dropped` because the queue was full or the
    database did not take them."""

    written: int = 0
    dropped: int = 0


class QueryRecorder:
    """Keeps a database's queries in its QueryLog, for the length of an ``async with`` block.

    Taking a command puts it into a queue, and drops it when that is full: a query never waits for its log, and an
    error of the log is never a query's. A task of its own shapes, explains and writes them in batches, and its own
    commands are not told. Leaving writes what is left, for five seconds at most.
    """

    def __init__(
        self,
        database: Database,
        events: CommandEvents,
        *,
        queue: int = _QUEUE,
        interval_s: float = _INTERVAL_S,
        explain_again_s: float = _EXPLAIN_AGAIN_S,
    ) -> None:
        """Nothing is taken before the block is entered.

        Args:
            database: the raw database whose commands are logged, on the client of `events`.
            events: what tells of commands.
            queue: commands that may wait; more are dropped.
            interval_s: how long commands are gathered before they are written.
            explain_again_s: how long a shape's plan counts as known.
        """
        self.counts = QueryLogCounts()
        self._database = database
        self._rows = database[COLLECTION].with_options(write_concern=WriteConcern(1))
        self._events = events
        self._most = queue
        self._interval_s = interval_s
        self._explain_again_s = explain_again_s
        self._queue: deque[ObservedCommand] = deque()
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()
        self._plans: dict[str, tuple[float, Plan | None]] = {}
        self._hurried = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    async def written(self) -> None:
        """Wait until what was taken so far is in the log, or dropped."""
        if self._task is not None and not self._task.done():
            self._hurried.set()
            await self._idle.wait()

    async def __aenter__(self) -> Self:
        # An empty context: no transaction, no actor, and what this task does is not told.
        context = Context()
        context.run(unobserved.set, True)
        self._task = asyncio.create_task(self._run(), name="docstore-querylog", context=context)
        self._events.attach(self._database.name, self.take)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.detach(self._database.name, self.take)
        task, self._task = self._task, None
        if task is None:
            return
        self._closing.set()
        self._hurried.set()
        self._woken.set()
        try:
            await asyncio.wait({task}, timeout=_CLOSE_LIMIT_S)
        finally:
            if not task.done():
                self.counts.dropped += len(self._queue)
                self._queue.clear()
                await ended([task])

    def take(self, command: ObservedCommand) -> None:
        """Put a command into the queue; the sink of the command events."""
        if command.name not in LOGGED or command.command.get(command.name) == COLLECTION:
            return
        if len(self._queue) >= self._most:
            self.counts.dropped += 1
            return
        self._queue.append(_light(command))
        self._idle.clear()
        if not self._woken.is_set():
            self._woken.set()

    async def _run(self) -> None:
        try:
            while not (self._closing.is_set() and not self._queue):
                await self._woken.wait()
                # Gathered for a while, unless somebody waits for it.
                await came(self._hurried, self._interval_s)
                self._hurried.clear()
                self._woken.clear()
                while self._queue:
                    await self._flush([self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))])
                self._idle.set()
        finally:
            self._idle.set()

    async def _flush(self, commands: list[ObservedCommand]) -> None:
        try:
            rows = await self._shaped(commands)
            if rows:
                await self._rows.insert_many(rows, ordered=False)
            self.counts.written += len(rows)
        except PyMongoError as error:
            self.counts.dropped += len(commands)
            _log.debug("%d entries of the query log were dropped: %s", len(commands), type(error).__name__)
        except Exception as error:
            # A command this code does not understand must not end the log for good.
            self.counts.dropped += len(commands)
            _log.warning("%d entries of the query log were dropped: %s", len(commands), type(error).__name__)

    async def _shaped(self, commands: list[ObservedCommand]) -> list[dict[str, Any]]:
        rows = []
        budget = _EXPLAINS_A_ROUND
        for command in commands:
            shape = shape_of(command.name, command.command)
            if shape is None:
                continue
            digest = shape.digest
            if budget and self._is_unknown(digest) and not self._closing.is_set():
                budget -= 1
                self._know(digest, await explain(self._database, command.command))
            plan = self._plans.get(digest, (0.0, None))[1]
            if command.slow:
                _tell_slow(command, shape, plan)
            rows.append(_row(command, shape, digest, plan, self._weight(command)))
        return rows

    def _is_unknown(self, digest: str) -> bool:
        known = self._plans.get(digest)
        return known is None or time.monotonic() - known[0] > self._explain_again_s

    def _know(self, digest: str, plan: Plan | None) -> None:
        if len(self._plans) >= _SHAPES_KNOWN:
            self._plans.pop(next(iter(self._plans)))
        self._plans.pop(digest, None)
        self._plans[digest] = (time.monotonic(), plan)

    def _weight(self, command: ObservedCommand) -> float:
        """How many queries a row stands for: slow ones are all told, of the others a share."""
        rate = self._events.sample_rate
        return 1.0 if command.slow or not 0 < rate < 1 else round(1 / rate, 3)


def _light(command: ObservedCommand) -> ObservedCommand:
    """The command without the bulk of what it writes, which would wait in the queue with it."""
    if command.name == "insert":
        kept: Mapping[str, Any] = {"insert": command.command.get("insert")}
    elif command.name in ("update", "delete"):
        writes = "updates" if command.name == "update" else "deletes"
        kept = {**command.command, writes: list(command.command.get(writes) or ())[:1]}
    else:
        return command
    return replace(command, command=kept)


def _row(command: ObservedCommand, shape: Shape, digest: str, plan: Plan | None, weight: float) -> dict[str, Any]:
    now = utc_now()
    facts: dict[str, Any] = {
        "shape": digest,
        "collection": shape.collection,
        "operation": shape.operation,
        "weight": weight,
        "slow": command.slow,
        "failed": command.failed,
        "returned": command.returned,
        "limit": command.command.get("limit"),
        "skip": command.command.get("skip"),
        "requestId": command.actor.request_id if command.actor else None,
        "plan": plan.summary if plan else None,
        "examined": plan.examined if plan else None,
        "keys": plan.keys if plan else None,
        "found": plan.returned if plan else None,
    }
    fields = {
        "query": shape.text,
        "params": {name: value for name, value in facts.items() if value is not None},
        "duration": round(command.duration_ms, 3),
        "user_id": command.actor.name if command.actor else None,
        "timestamp": now,
        "created_at": now,
        "updated_at": now,
    }
    return {QueryLog.stored_name(name): value for name, value in fields.items()}


def _tell_slow(command: ObservedCommand, shape: Shape, plan: Plan | None) -> None:
    told = f"{plan.summary}, {plan.examined} examined" if plan else "plan unknown"
    _log.warning("slow query: %.0f ms, %s (%s)", command.duration_ms, shape.text, told)
