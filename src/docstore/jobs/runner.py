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
from functools import partial
from itertools import count
from typing import Any, Final, Generic, TypeVar
from uuid import uuid4

from docstore._tasks import Cancellations, came, ended
from docstore.clients.metrics import Metrics, NoMetrics
from docstore.documents import Document
from docstore.errors import DocstoreError, LeaseLost, OperationTimeout, ServerUnavailable, ValidationFailed
from docstore.jobs.queue import Claim, JobQueue

J = TypeVar("J", bound=Document)
R = TypeVar("R")

CONCURRENCY: Final = 4
POLL_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 20.0

_LEAVE_S: Final = 3.0
_LONGEST_BREAK_S: Final = 10.0

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

        A database that does not answer is waited for; jobs at work go on meanwhile.
        """
        looks = failures = 0
        cancellations = Cancellations()
        try:
            while not stop.is_set():
                cancellations.raise_lost()
                try:
                    if looks % 10 == 0:
                        await self._queue.recover()
                    looks += 1
                    claim = await self._next()
                except (ServerUnavailable, OperationTimeout) as error:
                    failures += 1
                    _log.warning("The queue of jobs cannot be read, and is asked again: %s", _told(error))
                    await came(stop, _break_s(failures))
                    continue
                failures = 0
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
            await came(stop, self._poll_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    async def _drain(self) -> None:
        try:
            if self._at_work:
                await asyncio.wait(self._at_work, timeout=self._drain_s)
        finally:
            # Also when the runner itself is cancelled: its jobs go back, and not to nobody.
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
            # First the end of the work: whoever takes the job next begins at once.
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({work}, timeout=_LEAVE_S)
            with contextlib.suppress(DocstoreError):
                await asyncio.shield(self._queue.release(claim))
            raise
        except LeaseLost:
            _log.warning("Job %s ended after its lease; another attempt counts.", claim.job.id)
        except Exception as error:
            # The lease runs out, and the job is tried again.
            _log.error("What came of job %s was not written down: %s", claim.job.id, _told(error))
        finally:
            await ended([beat])
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _write_down(self, claim: Claim[J], work: asyncio.Future[Any]) -> None:
        error = _failure_of(work)
        if error is None:
            try:
                await _persistently(partial(self._queue.complete, claim, work.result()))
            except ValidationFailed as refused:  # the result: the next attempt's would be no better
                error = refused
            else:
                self._metrics.count("jobs_completed")
                return
        retry = not isinstance(error, ValidationFailed)
        again = await _persistently(partial(self._queue.fail, claim, _told(error), retry=retry))
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


def _failure_of(work: asyncio.Future[Any]) -> Exception | None:
    if work.cancelled():
        # Not by this runner: by something that the handler waited for. It counts, lest it go on for ever.
        return RuntimeError("the handler was cancelled from within")
    error = work.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return error


async def _persistently(write: Callable[[], Awaitable[R]]) -> R:
    """Write what came of a job; while the database does not answer, again, for as long as the job is this worker's."""
    cancellations = Cancellations()
    for failures in count(1):
        cancellations.raise_lost()
        try:
            return await write()
        except (ServerUnavailable, OperationTimeout) as error:
            _log.warning("What came of a job is written down later: %s", _told(error))
        await asyncio.sleep(_break_s(failures))
    raise AssertionError  # the loop has no end


def _break_s(failures: int) -> float:
    return min(0.2 * 2.0 ** min(failures, 20), _LONGEST_BREAK_S) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _told(error: BaseException) -> str:
    # The messages of our own errors name no values; those of others might.
    return str(error) if isinstance(error, DocstoreError) else type(error).__name__
