"""Clocks two minutes wrong, in either direction: nothing comes too early, too late, twice, or in another order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from tests.faults.conftest import Waiting, WrongClock

from docstore.clients.protocols import OutgoingMessage
from docstore.documents import Event, emit, server_now, utc_now
from docstore.errors import ServiceError
from docstore.jobs import JobContext, JobQueue, JobRunner
from docstore.models import Author, CrawlerJob, EmailRecipient, Member, Post, Tag
from docstore.models.blog import PostStatus
from docstore.models.operations import JobStatus
from docstore.outbox import OutboxEntry, Relay, handle_once, outbox_status
from docstore.store import Store
from docstore.workers import NewsletterWorker, PublishingWorker

AHEAD, RIGHT, BEHIND = timedelta(minutes=2), timedelta(0), timedelta(minutes=-2)
BOTH = pytest.mark.parametrize("wrong", [AHEAD, BEHIND], ids=["ahead", "behind"])


class Told(Event):
    name: ClassVar[str] = "faults.told"
    collection: ClassVar[str] = "Faults"

    number: int


class Kafka:
    """A publisher that keeps what it is given, and refuses the numbers that it is told to, once each."""

    def __init__(self, *refused: int) -> None:
        self.refused = set(refused)
        self.sent: list[bytes] = []

    async def publish(self, topic: str, **message: Any) -> None:
        raise NotImplementedError

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        return [self._take(each) for each in messages]

    def _take(self, message: OutgoingMessage) -> Exception | None:
        for number in self.refused:
            if b'"number":%d' % number in message.value:
                self.refused.remove(number)
                return ServiceError("not yet")
        self.sent.append(message.value)
        return None


async def test_the_clock_of_a_test_is_wrong_where_it_should_be(wrong_clock: WrongClock) -> None:
    with wrong_clock(AHEAD):
        task = asyncio.create_task(asyncio.sleep(0, utc_now()))
    assert timedelta(minutes=1) < await task - utc_now() < timedelta(minutes=3)


async def test_events_are_sent_as_they_were_committed_whoevers_clock_wrote_them(
    store: Store, wrong_clock: WrongClock
) -> None:
    kafka = Kafka()
    for number, wrong in enumerate((RIGHT, AHEAD, BEHIND, RIGHT, BEHIND, AHEAD, RIGHT)):
        with wrong_clock(wrong):
            await emit(Told(aggregate_id="a", number=number))
    with wrong_clock(BEHIND):
        assert (await Relay(kafka).run_once()).published == 7
    assert [int(each.split(b'"number":')[1].rstrip(b"}")) for each in kafka.sent] == list(range(7))


@BOTH
async def test_a_row_that_failed_at_a_wrong_clock_waits_no_longer_for_it(
    store: Store, wrong_clock: WrongClock, wrong: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = Kafka(1)
    monkeypatch.setattr("docstore.outbox.run.backoff_s", lambda attempts: 60.0)
    await emit(Told(aggregate_id="a", number=1), Told(aggregate_id="a", number=2))
    before = await server_now(OutboxEntry)
    with wrong_clock(wrong):
        assert (await Relay(kafka).run_once()).failed == 1
    after = await server_now(OutboxEntry)
    (row,) = await OutboxEntry.find(OutboxEntry.attempts == 1).to_list()
    # Looked at from beside: the relay's clock goes on from what the server told it, to the millisecond.
    pause, beside = timedelta(seconds=60), timedelta(seconds=5)
    assert before + pause - beside < row.next_attempt_at < after + pause + beside
    with wrong_clock(-wrong):
        assert (await Relay(kafka).run_once()).published == 0, "its pause is the same for everybody"
        rows = OutboxEntry.get_pymongo_collection()
        await rows.update_many({}, {"$set": {"nextAttemptAt": before}})  # the pause is over
        assert (await Relay(kafka).run_once()).published == 2
    with wrong_clock(wrong):
        assert (await outbox_status()).oldest_pending_s < 60


@BOTH
async def test_two_relays_whose_clocks_differ_send_everything_once(
    store: Store, wrong_clock: WrongClock, wrong: timedelta
) -> None:
    kafka, stop = Kafka(), asyncio.Event()
    relays = []
    for each in (wrong, -wrong):
        with wrong_clock(each):
            relays.append(asyncio.create_task(Relay(kafka).run(stop, poll_s=0.05)))
    for number in range(30):
        with wrong_clock(wrong if number % 2 else -wrong):
            await emit(Told(aggregate_id=f"k{number % 5}", number=number))
    async with asyncio.timeout(20):
        while await OutboxEntry.find({"status": "PENDING"}).count():
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*relays)
    assert len(kafka.sent) == len(set(kafka.sent)) == 30


async def make_post(url: str, due_in: timedelta, **more: Any) -> Post:
    author = await Author.find_one() or await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
    post = await Post(title=url, content="…", post_url=url, author_id=author.id, **more).insert()
    await post.schedule(utc_now() + timedelta(hours=1))
    await Post.get_pymongo_collection().update_one({"_id": post.id}, {"$set": {"publishDate": utc_now() + due_in}})
    return post


async def test_publishers_whose_clocks_differ_publish_what_is_due_and_nothing_else(
    store: Store, wrong_clock: WrongClock
) -> None:
    due = [await make_post(f"due{number}", timedelta(seconds=-1)) for number in range(4)]
    later = await make_post("later", timedelta(minutes=1))
    counts = []
    for wrong in (AHEAD, BEHIND):
        with wrong_clock(wrong):
            counts.append(asyncio.create_task(PublishingWorker().publish_due()))
    assert sum(await asyncio.gather(*counts)) == len(due)
    published = await OutboxEntry.find({"name": "post.published"}).to_list()
    assert sorted(row.aggregate_id for row in published) == sorted(str(post.id) for post in due)
    waits = await Post.get(later.id)
    assert waits is not None
    assert waits.status is PostStatus.SCHEDULED


@BOTH
async def test_a_newsletter_is_written_once_by_workers_whose_clocks_differ(
    store: Store, wrong_clock: WrongClock, waiting: Waiting, wrong: timedelta
) -> None:
    await Member.insert_many([Member(email=f"m{number}@example.com") for number in range(20)])
    await make_post("news", timedelta(seconds=-1), is_newsletter=True)
    with wrong_clock(wrong):
        assert await PublishingWorker().publish_due() == 1
    (message,) = await waiting("post.published")
    at_work = []
    for each in (wrong, -wrong):
        with wrong_clock(each):
            at_work.append(asyncio.create_task(NewsletterWorker(batch=5).handle(message)))
    await asyncio.gather(*at_work)
    assert len({row.email async for row in EmailRecipient.find()}) == await EmailRecipient.find().count() == 20


@BOTH
async def test_jobs_begin_when_they_are_due(store: Store, wrong_clock: WrongClock, wrong: timedelta) -> None:
    queue = JobQueue(CrawlerJob)
    due = await queue.enqueue(CrawlerJob(url="https://due", scheduled_at=utc_now() - timedelta(seconds=1)))
    await queue.enqueue(CrawlerJob(url="https://later", scheduled_at=utc_now() + timedelta(minutes=1)))
    with wrong_clock(wrong):
        claim = await queue.claim("w")
        assert claim is not None
        assert claim.job.id == due.id
        assert await queue.claim("w") is None
        assert await queue.fail(claim, "once more")
    again = await CrawlerJob.get(due.id)
    assert again is not None
    assert again.scheduled_at is not None
    assert timedelta(0) < again.scheduled_at - utc_now() < timedelta(seconds=30)


async def test_a_job_taken_at_a_wrong_clock_is_not_taken_for_abandoned(store: Store, wrong_clock: WrongClock) -> None:
    """Between taking a job and writing its lease, the instant in the job alone tells how long ago that was."""

    class Slow(JobQueue[CrawlerJob]):
        async def _lease(self, job_id: Any, owner: str, attempt: int) -> None:
            taken.set()
            await go_on.wait()
            await super()._lease(job_id, owner, attempt)

    taken, go_on = asyncio.Event(), asyncio.Event()
    await JobQueue(CrawlerJob).enqueue(CrawlerJob(url="https://x"))
    with wrong_clock(BEHIND):
        claiming = asyncio.create_task(Slow(CrawlerJob).claim("w"))
    await taken.wait()
    assert await JobQueue(CrawlerJob).recover() == 0
    go_on.set()
    claim = await claiming
    assert claim is not None
    await JobQueue(CrawlerJob).complete(claim)


@BOTH
async def test_each_job_is_done_once_by_runners_whose_clocks_differ(
    store: Store, wrong_clock: WrongClock, wrong: timedelta
) -> None:
    queue, stop, done = JobQueue(CrawlerJob), asyncio.Event(), list[str]()

    async def work(context: JobContext[CrawlerJob]) -> None:
        await asyncio.sleep(0.01)
        done.append(context.job.url)

    for number in range(12):
        with wrong_clock(wrong if number % 2 else -wrong):
            await queue.enqueue(CrawlerJob(url=f"https://{number}"))
    runners = []
    for each in (wrong, -wrong):
        with wrong_clock(each):
            runners.append(asyncio.create_task(JobRunner(queue, work, poll_s=0.05).run(stop)))
    async with asyncio.timeout(20):
        while await CrawlerJob.find(CrawlerJob.status != JobStatus.COMPLETED).count():
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*runners)
    assert sorted(done) == sorted({f"https://{number}" for number in range(12)})


@BOTH
async def test_an_event_is_handled_once_by_consumers_whose_clocks_differ(
    store: Store, wrong_clock: WrongClock, wrong: timedelta
) -> None:
    async def effect() -> None:
        await Tag(slug="once").insert()

    outcomes = []
    for each in (wrong, -wrong, RIGHT):
        with wrong_clock(each):
            outcomes.append(asyncio.create_task(handle_once("counter", "event-1", effect)))
    assert sorted(await asyncio.gather(*outcomes)) == [False, False, True]
    assert await Tag.find().count() == 1
