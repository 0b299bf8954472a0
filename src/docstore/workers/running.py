"""Running workers until they are told to stop: each by itself, begun again when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from docstore._tasks import Cancellations, came
from docstore.clients.metrics import Metrics, NoMetrics
from docstore.errors import DocstoreError, MissingExtra, SettingsError
from docstore.workers.consuming import ConsumerHealth, ConsumerRunner
from docstore.workers.consuming.runner import DRAIN_SECONDS
from docstore.workers.messages import Worker
from docstore.workers.registry import AnyWorker, Resources, WorkerKind

_LONGEST_PAUSE_S: Final = 30.0
_LASTS_S: Final = 60.0
_LATE_S: Final = 5.0

_log = logging.getLogger("docstore.workers")


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """How a worker is doing.

    Attributes:
        name: its name.
        running: whether it is at work, connected to what it reads, and not waiting to begin again.
        ending: whether it was told to stop, and finishes what it has begun.
        failures: how often it failed since it began.
        last_error: the last failure in words.
        consumer: how its consumer is doing; None of one that reads no topic.
    """

    name: str
    running: bool
    ending: bool
    failures: int
    last_error: str | None
    consumer: ConsumerHealth | None

    @property
    def ok(self) -> bool:
        """Whether it is at work, is to go on, and, if it reads topics, reads them."""
        return self.running and not self.ending and (self.consumer is None or self.consumer.ok)


class RunningWorker:
    """A worker at work; one that fails begins again after a pause.

    Args:
        kind: which.
        resources: what it is made of.
        drain_s: how long what is at work may take once it is time to stop.
        metrics: where counts go.
    """

    def __init__(
        self,
        kind: WorkerKind,
        resources: Resources,
        *,
        drain_s: float = DRAIN_SECONDS,
        metrics: Metrics | None = None,
    ) -> None:
        self._kind = kind
        self._resources = resources
        self._drain_s = drain_s
        self._metrics = metrics or NoMetrics()
        self._stop: asyncio.Event | None = None
        self._running = False
        self._failures = 0
        self._last_error: str | None = None
        self._runner: ConsumerRunner | None = None

    def health(self) -> WorkerHealth:
        """How it is doing now."""
        consumer = self._runner.health() if self._runner is not None else None
        ending = self._stop is not None and self._stop.is_set()
        return WorkerHealth(self._kind.name, self._running, ending, self._failures, self._last_error, consumer)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set.

        Raises:
            SettingsError, MissingExtra: it cannot begin as things are set up; trying again would not help.
        """
        self._stop = stop
        in_a_row = 0
        cancellations = Cancellations()
        while not stop.is_set():
            cancellations.raise_lost()
            began = time.monotonic()
            try:
                await self._work(await self._kind.make(self._resources, self._metrics), stop)
            except (SettingsError, MissingExtra):
                raise
            except Exception as error:
                in_a_row = 1 if time.monotonic() - began > _LASTS_S else in_a_row + 1
                self._failures += 1
                self._last_error = str(error) if isinstance(error, DocstoreError) else type(error).__name__
                self._metrics.count("worker_failures", worker=self._kind.name)
                _log.error(
                    "Worker %s failed, and begins again: %s",
                    self._kind.name,
                    self._last_error,
                    exc_info=None if isinstance(error, DocstoreError) else error,
                )
                await _pause(stop, in_a_row)

    async def _work(self, worker: AnyWorker, stop: asyncio.Event) -> None:
        async with contextlib.AsyncExitStack() as holding:
            if isinstance(worker, contextlib.AbstractAsyncContextManager):
                await holding.enter_async_context(worker)  # what it holds is let go of, also before it begins again
            await self._work_on(worker, stop)

    async def _work_on(self, worker: AnyWorker, stop: asyncio.Event) -> None:
        try:
            if not hasattr(worker, "topics"):
                self._running = True
                await worker.run(stop)
                return
            reader = cast(Worker, worker)
            self._runner = ConsumerRunner(reader, drain_s=self._drain_s, metrics=self._metrics)
            async with self._resources.make_consumer(reader.group, reader.topics, listener=self._runner) as consumer:
                self._running = True
                await self._runner.run(consumer, stop)
        finally:
            self._running = False
            self._runner = None


async def run_workers(workers: Sequence[RunningWorker], stop: asyncio.Event, *, drain_s: float = DRAIN_SECONDS) -> None:
    """Run workers side by side until `stop` is set, then wait for what they have at work.

    Args:
        workers: which.
        stop: ends them.
        drain_s: what takes longer than this, and some seconds more, is cancelled.

    Raises:
        SettingsError, MissingExtra: one of them cannot begin; the others are stopped.
    """
    tasks = [asyncio.create_task(worker.run(stop)) for worker in workers]
    stopping = asyncio.create_task(stop.wait())
    try:
        # A worker ends by itself only when it cannot begin.
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        done, _ = await asyncio.wait(tasks, timeout=drain_s + _LATE_S)
        for task in done:
            task.result()
    finally:
        stop.set()
        stopping.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)


async def _pause(stop: asyncio.Event, failures: int) -> None:
    longest = min(0.5 * 2.0 ** min(failures, 20), _LONGEST_PAUSE_S)
    await came(stop, longest * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
