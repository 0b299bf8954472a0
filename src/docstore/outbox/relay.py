"""The relay: takes waiting rows, publishes them in order, and marks them. Run as many as you like."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from docstore._tasks import Cancellations
from docstore.clients.metrics import Metrics, NoMetrics
from docstore.clients.protocols import Publisher
from docstore.errors import DocstoreError
from docstore.outbox.buckets import LEASE_SECONDS, BucketLeases
from docstore.outbox.queue import BucketQueue
from docstore.outbox.run import Run, backoff_s, told
from docstore.outbox.waking import Waker

BATCH = 500
"""Rows looked at in one go."""

# Longer, and it would outlast the outage, and its leases.
_LONGEST_BREAK_S = 10.0

_LETTING_GO_S = 5.0

_log = logging.getLogger("docstore.outbox")


@dataclass(frozen=True, slots=True)
class RelayReport:
    """What one run did: rows published and failed in it, and rows that wait now, in all buckets."""

    published: int
    failed: int
    pending: int


class Relay:
    """Publishes outbox rows at least once, those of one topic and key one after the other.

    Relays share the keys by leases on buckets of them; one that dies is replaced when its leases run out. A key stops
    at its first failure until that row's next attempt; other keys go on. What was sent and not yet marked when a relay
    died is sent once more.

    Args:
        publisher: where rows go.
        lease_seconds: how long a bucket is kept from other relays without a sign of life.
        metrics: where counts go.
    """

    def __init__(
        self, publisher: Publisher, *, lease_seconds: float = LEASE_SECONDS, metrics: Metrics | None = None
    ) -> None:
        self._publisher = publisher
        self._metrics = metrics or NoMetrics()
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        """Whose the leases are; for operators."""
        self._leases = BucketLeases(self.name, lease_seconds)
        self._answered = False

    async def run_once(self, limit: int = BATCH) -> RelayReport:
        """Publish up to `limit` rows that are due, of the buckets that are free, and let the buckets go."""
        try:
            await self._leases.settle()
            run = await self._batch(limit)
        finally:
            await self._leases.release()
        return RelayReport(len(run.sent), run.failed, await BucketQueue({}).pending())

    async def run(self, stop: asyncio.Event, *, poll_s: float = 1.0) -> None:
        """Publish until `stop` is set; what goes wrong is logged and tried again.

        New rows wake it through a change stream, where the server has them; what counts is what it finds when it looks.

        Args:
            stop: ends the loop after the batch in progress.
            poll_s: seconds between looks at an empty outbox.
        """
        failures = 0
        cancellations = Cancellations()
        async with Waker(stop) as waker:
            try:
                while not stop.is_set():
                    cancellations.raise_lost()
                    try:
                        await self._leases.keep()
                        run = await self._batch(BATCH)
                    except Exception as error:
                        failures += 1
                        self._metrics.count("outbox_run_failures")
                        _log.error(
                            "The outbox relay failed %d times in a row, and goes on: %s",
                            failures,
                            told(error),
                            exc_info=None if isinstance(error, DocstoreError) else error,
                        )
                        await waker.wait(min(backoff_s(failures), _LONGEST_BREAK_S), woken=False)
                        continue
                    failures = 0
                    # With all sent and a stream open, what comes next is heard of.
                    if run.sent and not (run.was_all and waker.watching):
                        await waker.be_busy()
                    else:
                        await waker.wait(poll_s)
            finally:
                await self._let_go()

    async def _batch(self, limit: int) -> Run:
        queue = BucketQueue(dict(self._leases.held), self._leases.now)
        until = time.monotonic() + self._leases.seconds_left * 2 / 3
        run = Run(self._publisher, queue, until=until, answered=self._answered)
        answered, self._answered = self._answered, False
        stolen = self._leases.stolen
        try:
            await run.publish(await queue.due(limit))
        finally:
            # Also when cancelled: what the broker holds should not be sent again without need.
            await _to_its_end(queue.mark_published(run.sent))
        self._answered = not run.failed and (answered or bool(run.sent))
        self._metrics.count("outbox_published", len(run.sent))
        self._metrics.count("outbox_failed", run.failed)
        self._metrics.gauge("outbox_lease_steals", stolen)
        for seconds in run.latencies:
            self._metrics.observe("outbox_publish_seconds", seconds)
        return run

    async def _let_go(self) -> None:
        # Should this fail, the leases run out by themselves.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_LETTING_GO_S):
                await self._leases.release()


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run `work`; one that is cancelled meanwhile waits for it before it ends."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_LETTING_GO_S)
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("What was sent could not be marked, and will be sent again: %s", told(cast(Exception, error)))
        raise
