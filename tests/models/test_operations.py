"""The crawler's queue and the query log."""

from datetime import timedelta

import pytest

from docstore import Store
from docstore.documents import utc_now
from docstore.documents.indexes import declared_indexes
from docstore.errors import InvalidTransition
from docstore.models import CrawlerJob, JobStatus, QueryLog


async def test_one_of_two_workers_gets_the_job(store: Store) -> None:
    job = await CrawlerJob(url="https://example.com").insert()
    rival = await CrawlerJob.get(job.id)
    assert rival is not None
    await job.start()
    with pytest.raises(InvalidTransition, match="RUNNING"):
        await rival.start()
    assert (job.status, job.attempts) == (JobStatus.RUNNING, 1)
    assert job.started_at is not None


async def test_a_job_completes(store: Store) -> None:
    job = await CrawlerJob(url="https://example.com").insert()
    await job.start()
    await job.complete({"title": "Example"})
    stored = await CrawlerJob.get(job.id)
    assert stored is not None
    assert (stored.status, stored.result) == (JobStatus.COMPLETED, {"title": "Example"})
    with pytest.raises(InvalidTransition, match="final"):
        await job.requeue()


async def test_a_failed_job_and_one_whose_worker_died_come_back(store: Store) -> None:
    job = await CrawlerJob(url="https://example.com").insert()
    await job.start()
    await job.fail("timeout")
    later = utc_now() + timedelta(minutes=1)
    await job.requeue(later)
    assert (job.status, job.error, job.scheduled_at, job.started_at) == (JobStatus.PENDING, "timeout", later, None)
    await job.start()
    await job.requeue()
    assert (job.status, job.attempts, job.scheduled_at) == (JobStatus.PENDING, 2, None)


def test_the_query_log_expires() -> None:
    [expiring] = [each for each in declared_indexes(QueryLog) if each.expire_after is not None]
    assert expiring.attributes == ("timestamp",)
    assert expiring.expire_after == 30 * 24 * 3600
