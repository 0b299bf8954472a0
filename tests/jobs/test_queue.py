"""Each job is had by one worker at a time, comes back when that one dies, and ends as it should."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from docstore.documents import Document, utc_now
from docstore.errors import LeaseLost, NotFound, SettingsError, UniqueViolation, ValidationFailed
from docstore.jobs import Claim, JobQueue, JobTicket
from docstore.models import CrawlerJob, Tag
from docstore.models.operations import JobStatus
from docstore.store import Store

Queue = JobQueue[CrawlerJob]


@pytest.fixture
def queue(store: Store) -> Queue:
    return JobQueue(CrawlerJob)


async def put(queue: Queue, url: str = "https://example.com", **fields: Any) -> CrawlerJob:
    return await queue.enqueue(CrawlerJob(url=url, **fields))


async def taken(queue: Queue, owner: str = "w") -> Claim[CrawlerJob]:
    claim = await queue.claim(owner)
    assert claim is not None
    return claim


async def let_leases_run_out() -> None:
    """As if nobody had said anything for long: no test is to depend on how fast it runs."""
    ago = utc_now() - timedelta(hours=1)
    await JobTicket.get_pymongo_collection().update_many({"until": {"$ne": None}}, {"$set": {"until": ago}})
    await CrawlerJob.get_pymongo_collection().update_many({"status": "RUNNING"}, {"$set": {"startedAt": ago}})


async def stored(job: Document) -> CrawlerJob:
    found = await CrawlerJob.get(job.id)
    assert found is not None
    return found


async def test_jobs_are_taken_by_priority_and_then_age(queue: Queue) -> None:
    for name, priority in (("old", 0), ("urgent", 5), ("new", 0)):
        await put(queue, f"https://{name}", priority=priority)
        await asyncio.sleep(0.005)
    await put(queue, "https://later", priority=9, scheduled_at=utc_now() + timedelta(hours=1))
    first = await taken(queue)
    assert first.job.url == "https://urgent"
    assert (first.job.status, first.job.attempts, first.attempt) == (JobStatus.RUNNING, 1, 1)
    assert {(await taken(queue)).job.url, (await taken(queue)).job.url} == {"https://old", "https://new"}
    assert await queue.claim("w") is None


async def test_of_many_workers_exactly_one_gets_each_job(queue: Queue) -> None:
    jobs = [await put(queue, f"https://{number}") for number in range(20)]
    got: list[Any] = []

    async def work(owner: str) -> None:
        while (claim := await queue.claim(owner)) is not None:
            got.append(claim.job.id)
            await queue.complete(claim, owner)

    await asyncio.gather(*(work(f"w{number}") for number in range(6)))
    assert sorted(got) == sorted(job.id for job in jobs)
    assert await CrawlerJob.find({"status": "COMPLETED"}).count() == 20
    assert await JobTicket.find().count() == 0


async def test_a_key_lets_one_job_in_at_a_time(queue: Queue) -> None:
    first = await queue.enqueue(CrawlerJob(url="https://a"), key="a")
    assert (await queue.enqueue(CrawlerJob(url="https://b"), key="a")).id == first.id
    again = await asyncio.gather(*(queue.enqueue(CrawlerJob(url="https://c"), key="c") for _ in range(5)))
    assert len({job.id for job in again}) == 1
    assert await CrawlerJob.find().count() == 2
    claims = [await taken(queue), await taken(queue)]
    (claim,) = [each for each in claims if each.job.id == first.id]
    assert (await queue.enqueue(CrawlerJob(url="https://d"), key="a")).id == first.id
    await queue.fail(claim, "no luck")
    assert (await queue.enqueue(CrawlerJob(url="https://d"), key="a")).id == first.id, "it is tried again"
    await CrawlerJob.get_pymongo_collection().update_one({"_id": first.id}, {"$set": {"scheduledAt": None}})
    await queue.complete(await taken(queue))
    assert (await queue.enqueue(CrawlerJob(url="https://e"), key="a")).id != first.id


async def test_a_key_is_free_when_its_job_was_deleted(queue: Queue) -> None:
    first = await queue.enqueue(CrawlerJob(url="https://a"), key="a")
    await first.delete()
    second = await queue.enqueue(CrawlerJob(url="https://a"), key="a")
    assert second.id != first.id
    assert (await queue.enqueue(CrawlerJob(url="https://a"), key="a")).id == second.id


async def test_a_failed_job_has_its_key_back_when_it_is_tried_again(queue: Queue) -> None:
    first = await queue.enqueue(CrawlerJob(url="https://a", max_attempts=1), key="a")
    await queue.fail(await taken(queue), "no")
    await queue.retry([first.id])
    assert (await queue.enqueue(CrawlerJob(url="https://a"), key="a")).id == first.id
    await queue.cancel([first.id])
    assert (await queue.enqueue(CrawlerJob(url="https://a"), key="a")).id != first.id


async def failed(queue: Queue, key: str) -> CrawlerJob:
    """A job with a key, that failed."""
    job = await queue.enqueue(CrawlerJob(url="https://a", priority=9), key=key)
    await queue.fail(await taken(queue), "no", retry=False)
    return job


async def test_a_failed_job_is_not_tried_again_while_another_has_its_key(queue: Queue) -> None:
    first, second = await failed(queue, "a"), await failed(queue, "a")
    third = await queue.enqueue(CrawlerJob(url="https://c"), key="a")
    for claimed in (None, taken):
        claim = await claimed(queue) if claimed is not None else None
        with pytest.raises(UniqueViolation, match=f"{first.id} .its key is with {third.id}.") as caught:
            await queue.retry([first.id])
        assert caught.value.field == "key"
        assert await queue.retry() == 0, "they stay as they are"
        assert [(await stored(each)).status for each in (first, second)] == [JobStatus.FAILED] * 2
    assert claim is not None
    await queue.complete(claim)

    with pytest.raises(UniqueViolation, match="name one"):
        await queue.retry([first.id, second.id])
    assert await queue.retry([first.id]) == 1
    with pytest.raises(UniqueViolation, match=str(first.id)):
        await queue.retry([second.id])
    assert (await queue.enqueue(CrawlerJob(url="https://d"), key="a")).id == first.id
    await queue.cancel([first.id])
    assert await queue.retry([second.id]) == 1, "it has the key of one that failed"
    with pytest.raises(UniqueViolation, match=str(second.id)):
        await queue.retry([first.id])


async def test_of_all_failed_jobs_with_a_key_one_is_tried_again(queue: Queue) -> None:
    for _ in range(3):
        await failed(queue, "a")
    other = await failed(queue, "b")
    assert await queue.retry() == 2
    assert (await stored(other)).status is JobStatus.PENDING
    assert await CrawlerJob.find({"status": "PENDING"}).count() == 2


async def test_whoever_comes_first_has_the_key(queue: Queue) -> None:
    for displaced in (False, True) * 4:
        key = str(ObjectId())
        job = await failed(queue, key)
        if displaced:
            between = await queue.enqueue(CrawlerJob(url="https://b", priority=9), key=key)
            await queue.complete(await taken(queue))
            assert (await stored(between)).status is JobStatus.COMPLETED
        answers = await asyncio.gather(
            queue.retry([job.id]),
            *(queue.enqueue(CrawlerJob(url=f"https://{key}"), key=key) for _ in range(3)),
            return_exceptions=True,
        )
        assert isinstance(answers[0], int | UniqueViolation)
        assert all(isinstance(each, CrawlerJob) for each in answers[1:]), answers
        waiting = await CrawlerJob.find({"status": "PENDING"}).to_list()
        assert len(waiting) == 1
        assert {each.id for each in answers if isinstance(each, CrawlerJob)} == {waiting[0].id}
        assert isinstance(answers[0], UniqueViolation) == (waiting[0].id != job.id)
        await queue.complete(await taken(queue))


async def test_of_jobs_that_are_removed_no_key_is_remembered(queue: Queue) -> None:
    first = await failed(queue, "a")
    await failed(queue, "a")
    tickets = JobTicket.get_pymongo_collection()
    assert await tickets.distinct("job", {"key": {"$ne": None}}) == [f"CrawlerJob/{first.id}"]
    await first.purge(reason="test")
    await failed(queue, "a")
    (former,) = await tickets.distinct("job", {"key": {"$ne": None}})
    assert former != f"CrawlerJob/{first.id}"


async def test_a_row_without_what_docstore_writes_is_a_job_like_others(queue: Queue) -> None:
    rows = [{"url": "https://a", "status": "PENDING"}, {"url": "https://b", "status": "PENDING", "attempts": None}]
    await CrawlerJob.get_pymongo_collection().insert_many(rows)
    await put(queue, "https://c")
    assert (await queue.status()).due == 3
    claims = [await taken(queue) for _ in range(3)]
    assert {(claim.job.url, claim.attempt) for claim in claims} == {(f"https://{name}", 1) for name in "abc"}
    for claim in claims:
        await queue.complete(claim)


@pytest.mark.parametrize("odd", [{"url": 5}, {"priority": "high"}, {"attempts": "x"}])
async def test_a_job_that_cannot_be_read_fails_and_stops_nothing(queue: Queue, odd: dict[str, Any]) -> None:
    row = {"url": "https://odd", "status": "PENDING", "priority": 9, "attempts": 0, **odd}
    stored_odd = await CrawlerJob.get_pymongo_collection().insert_one(row)
    await put(queue, "https://good")
    claims = [await queue.claim("w"), await queue.claim("w")]
    assert "https://good" in [claim.job.url for claim in claims if claim is not None]
    raw = await CrawlerJob.get_pymongo_collection().find_one({"_id": stored_odd.inserted_id})
    if "attempts" not in odd:
        assert raw["status"] == "FAILED"
        assert "does not fit" in raw["error"]


@pytest.mark.parametrize("result", [{1, 2}, object(), 2**70, {"a\0b": 1}, "x" * 17_000_000])
async def test_a_result_that_cannot_be_stored_is_told(queue: Queue, result: Any) -> None:
    await put(queue)
    claim = await taken(queue)
    with pytest.raises(ValidationFailed):
        await queue.complete(claim, result)
    await queue.heartbeat(claim)


async def test_a_failed_attempt_waits_and_the_last_one_is_the_end(queue: Queue) -> None:
    job = await put(queue, max_attempts=2)
    assert await queue.fail(await taken(queue), "first")
    waiting = await stored(job)
    assert (waiting.status, waiting.error) == (JobStatus.PENDING, "first")
    assert waiting.scheduled_at is not None
    assert waiting.scheduled_at > utc_now()
    assert await queue.claim("w") is None
    await CrawlerJob.get_pymongo_collection().update_one({"_id": job.id}, {"$set": {"scheduledAt": None}})
    claim = await taken(queue)
    assert claim.attempt == 2
    assert not await queue.fail(claim, "second")
    ended = await stored(job)
    assert (ended.status, ended.error, ended.attempts) == (JobStatus.FAILED, "second", 2)
    assert await queue.retry([job.id]) == 1
    assert (await taken(queue)).attempt == 3


async def test_what_can_never_be_done_is_not_tried_again(queue: Queue) -> None:
    job = await put(queue)
    assert not await queue.fail(await taken(queue), "nonsense", retry=False)
    assert (await stored(job)).status is JobStatus.FAILED


async def test_a_job_whose_worker_died_comes_back(queue: Queue) -> None:
    job = await put(queue)
    dead = await taken(queue, "dead")
    assert await queue.recover() == 0
    await let_leases_run_out()
    assert (await queue.status()).abandoned == 1
    assert await queue.recover() == 1
    heir = await taken(queue, "heir")
    assert (heir.job.id, heir.attempt) == (job.id, 2)
    for work in (queue.heartbeat(dead), queue.complete(dead, "late"), queue.fail(dead, "late")):
        with pytest.raises(LeaseLost):
            await work
    await queue.complete(heir, {"ok": True})
    ended = await stored(job)
    assert (ended.status, ended.result) == (JobStatus.COMPLETED, {"ok": True})


async def test_a_worker_that_died_before_its_lease_was_written(queue: Queue) -> None:
    job = await put(queue, max_attempts=1)
    await CrawlerJob.get_pymongo_collection().update_one(
        {"_id": job.id}, {"$set": {"status": "RUNNING", "startedAt": utc_now(), "attempts": 1}}
    )
    assert await queue.recover() == 0, "it may be about to write it"
    await let_leases_run_out()
    assert await queue.recover() == 1
    ended = await stored(job)
    assert (ended.status, ended.error) == (JobStatus.FAILED, "its worker died"), "its only attempt was used"


async def test_heartbeats_keep_a_job(queue: Queue) -> None:
    await put(queue)
    claim = await taken(queue)
    for _ in range(2):
        await let_leases_run_out()
        await queue.heartbeat(claim)
        assert (await queue.recover(), (await queue.status()).abandoned) == (0, 0)
    await queue.complete(claim)


async def test_a_released_job_is_there_at_once_and_loses_no_attempt(queue: Queue) -> None:
    job = await put(queue, max_attempts=1)
    first = await taken(queue)
    await queue.release(first)
    second = await taken(queue)
    assert second.attempt == 2
    with pytest.raises(LeaseLost):
        await queue.complete(first)
    await queue.complete(second)
    assert (await stored(job)).status is JobStatus.COMPLETED


async def test_jobs_are_cancelled_where_they_stand(queue: Queue) -> None:
    waiting, running = await put(queue, "https://a"), await put(queue, "https://b", priority=1)
    claim = await taken(queue)
    assert claim.job.id == running.id
    assert await queue.cancel([waiting.id, str(running.id)]) == 2
    with pytest.raises(LeaseLost):
        await queue.heartbeat(claim)
    assert {(await stored(job)).error for job in (waiting, running)} == {"cancelled"}
    with pytest.raises(NotFound, match="no CrawlerJob in state"):
        await queue.cancel([waiting.id])
    with pytest.raises(NotFound):
        await queue.retry([ObjectId()])
    assert await queue.retry() == 2


async def test_the_status_tells_how_a_queue_stands(queue: Queue) -> None:
    await put(queue)
    await put(queue)
    await put(queue, scheduled_at=utc_now() + timedelta(hours=1))
    await queue.fail(await taken(queue, "w1"), "broken", retry=False)
    await taken(queue, "w2")
    status = await queue.status()
    assert status.counts == {"PENDING": 1, "RUNNING": 1, "FAILED": 1}
    assert (status.due, status.workers, status.abandoned) == (0, {"w2": 1}, 0)
    assert [(each.attempts, each.error) for each in status.failed] == [(1, "broken")]


async def test_a_model_that_is_no_queue_is_refused(store: Store) -> None:
    with pytest.raises(SettingsError, match="it has no status, priority"):
        JobQueue(Tag)
