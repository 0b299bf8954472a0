"""The loop that works a queue off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import uuid4

from docstore.clients.metrics import Metrics, NoMetrics
from docstore.documents import Document
from docstore.errors import DocstoreError, LeaseLost, ValidationFailed
from docstore.jobs.queue import Claim, JobQueue

J = TypeVar("J", bound=Document)

CONCURRENCY: Final = 4
POLL_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 20.0

_log = logging.getLogger("docstore.jobs")


@dataclass(frozen=True, slots=True)
class JobContext(Generic[J]):
    """What a handler is given: the job, and which attempt at it this is, from 1."""

    job: J
    attempt: int


Handler = Callable[[JobContext[J]], Awaitable[Any]]


class JobRunner(Generic[J]):
    """Works a queue off: claims jobs, runs the handler with a heartbeat, and writes down what came of it.

    What the handler returns is the job's result. An error is another attempt, after a pause; `ValidationFailed` is
    none: the job can never be done. A handler whose job was cancelled, or taken over, is cancelled.

    Args:
        queue: the jobs.
        handler: does the work; it may run more than once for a job.
        concurrency: jobs at the same time.
        poll_s: seconds between looks at an empty queue.
        drain_s: how long jobs at work may take once it is time to stop; then they go back to the queue.
        metrics: where counts go.
    """

    def __init__(
        self,
        queue: JobQueue[J],
        handler: Handler[J],
        *,
        concurrency: int = CONCURRENCY,
        poll_s: float = POLL_SECONDS,
        drain_s: float = DRAIN_SECONDS,
        metrics: Metrics | None = None,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._concurrency = concurrency
        self._poll_s = poll_s
        self._drain_s = drain_s
        self._metrics = metrics or NoMetrics()
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        """Whose the leases are; for operators."""
        self._at_work: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then let what is at work come to its end.

        Raises:
            ServerUnavailable: the database does not answer; jobs at work go back when their leases run out.
        """
        looks = 0
        try:
            while not stop.is_set():
                if looks % 10 == 0:
                    await self._queue.recover()
                looks += 1
                claim = await self._next()
                if claim is None:
                    await self._pause(stop)
                    continue
                task = asyncio.create_task(self._do(claim))
                self._at_work.add(task)
                task.add_done_callback(self._at_work.discard)
        finally:
            await self._drain()

    async def _next(self) -> Claim[J] | None:
        if len(self._at_work) >= self._concurrency:
            await asyncio.wait(self._at_work, return_when=asyncio.FIRST_COMPLETED, timeout=self._poll_s)
            return None if len(self._at_work) >= self._concurrency else await self._queue.claim(self.name)
        return await self._queue.claim(self.name)

    async def _pause(self, stop: asyncio.Event) -> None:
        if len(self._at_work) < self._concurrency:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._poll_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    async def _drain(self) -> None:
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=self._drain_s)
        left = list(self._at_work)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _do(self, claim: Claim[J]) -> None:
        work = asyncio.ensure_future(self._handler(JobContext(claim.job, claim.attempt)))
        beat = asyncio.create_task(self._keep(claim))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                _log.info("Job %s was cancelled, or taken over.", claim.job.id)
                return
            await self._write_down(claim, work)
        except asyncio.CancelledError:
            with contextlib.suppress(DocstoreError):
                await asyncio.shield(self._queue.release(claim))
            raise
        except LeaseLost:
            _log.warning("Job %s ended after its lease; another attempt counts.", claim.job.id)
        except Exception as error:
            # The lease runs out, and the job is tried again.
            _log.error("What came of job %s was not written down: %s", claim.job.id, _told(error))
        finally:
            for task in (work, beat):
                task.cancel()
            await asyncio.gather(work, beat, return_exceptions=True)

    async def _write_down(self, claim: Claim[J], work: asyncio.Future[Any]) -> None:
        error = work.exception()
        if error is None:
            await self._queue.complete(claim, work.result())
            self._metrics.count("jobs_completed")
            return
        if not isinstance(error, Exception):
            raise error
        again = await self._queue.fail(claim, _told(error), retry=not isinstance(error, ValidationFailed))
        self._metrics.count("jobs_retried" if again else "jobs_failed")
        _log.log(
            logging.WARNING if again else logging.ERROR,
            "Job %s failed at attempt %d%s: %s",
            claim.job.id,
            claim.attempt,
            "" if again else ", for good",
            _told(error),
            exc_info=None if isinstance(error, DocstoreError) else error,
        )

    async def _keep(self, claim: Claim[J]) -> None:
        """Renew the lease until it is lost."""
        while True:
            await asyncio.sleep(self._queue.lease_seconds / 3)
            try:
                await self._queue.heartbeat(claim)
            except LeaseLost:
                return
            except Exception as error:  # the next one may get through
                _log.warning("The lease of job %s was not renewed: %s", claim.job.id, _told(error))


def _told(error: BaseException) -> str:
    # The messages of our own errors name no values; those of others might.
    return str(error) if isinstance(error, DocstoreError) else type(error).__name__
