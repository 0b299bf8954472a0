"""The loop: results and failures are written down, leases kept, jobs given back at the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from docstore.errors import ServerUnavailable, ValidationFailed
from docstore.jobs import JobContext, JobQueue, JobRunner, JobTicket, claiming
from docstore.models import CrawlerJob
from docstore.models.operations import JobStatus
from docstore.store import Store

Queue = JobQueue[CrawlerJob]


@pytest.fixture
def queue(store: Store) -> Queue:
    return JobQueue(CrawlerJob)


@pytest.fixture
def brief(store: Store) -> Queue:
    """With heartbeats each two seconds."""
    return JobQueue(CrawlerJob, lease_seconds=6.0)


@asynccontextmanager
async def running(*runners: JobRunner[Any]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(runner.run(stop)) for runner in runners]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def count(status: str) -> int:
    return int(await CrawlerJob.find({"status": status}).count())


async def until(status: str, jobs: int) -> None:
    async with asyncio.timeout(60):
        while await count(status) < jobs:
            await asyncio.sleep(0.02)


async def test_two_runners_share_the_work(queue: Queue) -> None:
    for number in range(15):
        await queue.enqueue(CrawlerJob(url=f"https://{number}"))
    done: list[str] = []

    async def handle(context: JobContext[CrawlerJob]) -> dict[str, str]:
        done.append(context.job.url)
        return {"url": context.job.url}

    async with running(*(JobRunner(queue, handle, poll_s=0.02) for _ in range(2))):
        await until("COMPLETED", 15)
    assert len(done) == len(set(done)) == 15
    async for job in CrawlerJob.find():
        assert job.result == {"url": job.url}
        assert job.completed_at is not None


async def test_failures_are_tried_again_and_in_the_end_given_up(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "_FIRST_PAUSE", claiming._FIRST_PAUSE * 0)
    for url in ("https://flaky", "https://broken", "https://never"):
        await queue.enqueue(CrawlerJob(url=url))
    tries: list[str] = []

    async def handle(context: JobContext[CrawlerJob]) -> None:
        tries.append(context.job.url)
        if context.job.url == "https://never":
            raise ValidationFailed("no such thing")
        if context.job.url == "https://broken" or context.attempt == 1:
            raise RuntimeError("secret value")

    async with running(JobRunner(queue, handle, poll_s=0.02)):
        await until("FAILED", 2)
        await until("COMPLETED", 1)
    assert (tries.count("https://flaky"), tries.count("https://broken"), tries.count("https://never")) == (2, 3, 1)
    errors = {job.url: job.error async for job in CrawlerJob.find({"status": "FAILED"})}
    assert errors == {"https://broken": "RuntimeError", "https://never": "no such thing"}


async def lease_of(job: CrawlerJob) -> datetime:
    ticket = await JobTicket.get(f"CrawlerJob/{job.id}")
    assert ticket is not None
    assert ticket.until is not None
    return ticket.until


async def test_a_long_job_keeps_its_lease_and_no_more_run_than_allowed(brief: Queue) -> None:
    for number in range(4):
        await brief.enqueue(CrawlerJob(url=f"https://{number}"))
    at_work, most, attempts = 0, 0, list[int]()

    async def handle(context: JobContext[CrawlerJob]) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        attempts.append(context.attempt)
        begun = await lease_of(context.job)
        async with asyncio.timeout(60):
            while await lease_of(context.job) < begun + timedelta(seconds=3):  # two heartbeats
                await asyncio.sleep(0.1)
        at_work -= 1

    async with running(*(JobRunner(brief, handle, poll_s=0.02, concurrency=2) for _ in range(2))):
        await until("COMPLETED", 4)
    assert most <= 4
    assert attempts == [1] * 4


async def test_the_handler_of_a_cancelled_job_is_cancelled(brief: Queue) -> None:
    job = await brief.enqueue(CrawlerJob(url="https://a"))
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def handle(context: JobContext[CrawlerJob]) -> None:
        entered.set()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with running(JobRunner(brief, handle, poll_s=0.02)):
        async with asyncio.timeout(10):
            await entered.wait()
            await brief.cancel([job.id])
            await cancelled.wait()
    ended = await CrawlerJob.get(job.id)
    assert ended is not None
    assert (ended.status, ended.error) == (JobStatus.FAILED, "cancelled")


async def test_at_the_end_jobs_are_finished_or_given_back(queue: Queue) -> None:
    for url in ("https://quick", "https://slow"):
        await queue.enqueue(CrawlerJob(url=url))
    begun: list[str] = []

    async def handle(context: JobContext[CrawlerJob]) -> None:
        begun.append(context.job.url)
        await asyncio.sleep(0.2 if "quick" in context.job.url else 600)

    async with running(JobRunner(queue, handle, poll_s=0.02, drain_s=5)):
        async with asyncio.timeout(10):
            while len(begun) < 2:
                await asyncio.sleep(0.01)
    assert {job.url: job.status async for job in CrawlerJob.find()} == {
        "https://quick": JobStatus.COMPLETED,
        "https://slow": JobStatus.PENDING,
    }


async def only() -> CrawlerJob:
    job = await CrawlerJob.find_one()
    assert job is not None
    return job


async def test_a_result_that_cannot_be_stored_fails_the_job_with_its_reason(queue: Queue) -> None:
    await queue.enqueue(CrawlerJob(url="https://a"))

    async def handle(context: JobContext[CrawlerJob]) -> Any:
        return {1, 2}

    async with running(JobRunner(queue, handle, poll_s=0.02)):
        await until("FAILED", 1)
    job = await only()
    assert job.error is not None
    assert "result" in job.error
    assert job.attempts == 1


async def test_a_cancellation_from_within_a_handler_counts_as_a_failure(queue: Queue) -> None:
    await queue.enqueue(CrawlerJob(url="https://a", max_attempts=1))

    async def handle(context: JobContext[CrawlerJob]) -> None:
        raise asyncio.CancelledError  # of a task that it waited for

    async with running(JobRunner(queue, handle, poll_s=0.02)):
        await until("FAILED", 1)
    job = await only()
    assert job.attempts == 1


async def test_a_database_that_is_away_for_a_moment_ends_no_job(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    await queue.enqueue(CrawlerJob(url="https://a"))
    faults, begun = Counter[str](), 0

    def once_away(name: str) -> None:
        method = getattr(queue, name)

        async def away_at_first(*arguments: Any) -> Any:
            faults[name] += 1
            if faults[name] <= 2 and begun:
                raise ServerUnavailable("away")
            return await method(*arguments)

        monkeypatch.setattr(queue, name, away_at_first)

    async def handle(context: JobContext[CrawlerJob]) -> int:
        nonlocal begun
        begun += 1
        once_away("claim")
        once_away("complete")
        await asyncio.sleep(0.3)
        return begun

    async with running(JobRunner(queue, handle, poll_s=0.02)):
        await until("COMPLETED", 1)
    job = await only()
    assert (job.result, job.attempts) == (1, 1)
    assert faults["claim"] > 1


async def test_a_runner_that_is_cancelled_gives_its_jobs_back(queue: Queue) -> None:
    await queue.enqueue(CrawlerJob(url="https://a"))
    order: list[str] = []
    entered = asyncio.Event()

    async def handle(context: JobContext[CrawlerJob]) -> None:
        entered.set()
        try:
            await asyncio.sleep(600)
        finally:
            order.append((await only()).status.value)

    runner = asyncio.create_task(JobRunner(queue, handle, poll_s=0.02).run(asyncio.Event()))
    await asyncio.wait_for(entered.wait(), 10)
    runner.cancel()
    await asyncio.sleep(0.2)
    runner.cancel()  # while it waits for its jobs
    await asyncio.wait({runner}, timeout=10)
    assert order == ["RUNNING"]
    assert (await queue.status()).counts == {"PENDING": 1}
