"""The relay publishes everything at least once, a key's events in order, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from tests.outbox.conftest import run_out

from docstore.documents import Event, emit, utc_now
from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError
from docstore.outbox import EntryStatus, OutboxEntry, OutboxLease, Relay, replay_entries
from docstore.outbox.buckets import BucketLeases
from docstore.outbox.queue import BucketQueue
from docstore.outbox.run import MAX_REFUSALS
from docstore.store import Store

RecordingPublisher = Any
"""The double in conftest.py."""


class Step(Event):
    name: ClassVar[str] = "test.step"
    collection: ClassVar[str] = "Test"

    number: int


async def steps(key: str, *numbers: int) -> None:
    await emit(*(Step(aggregate_id=key, number=number) for number in numbers))


async def make_due() -> None:
    """Let every waiting row be due, as after its pause."""
    await OutboxEntry.find({"status": "PENDING"}).update({"$set": {"nextAttemptAt": utc_now()}})


def numbers(publisher: RecordingPublisher, key: str) -> list[Any]:
    return [body["number"] for body in publisher.bodies("test.step") if body["aggregateId"] == key]


async def test_rows_are_published_in_order_and_marked(store: Store, publisher: RecordingPublisher) -> None:
    for number in range(5):
        await steps("a", number)
        await steps("b", number)
    report = await Relay(publisher).run_once()
    assert (report.published, report.failed, report.pending) == (10, 0, 0)
    assert numbers(publisher, "a") == numbers(publisher, "b") == [0, 1, 2, 3, 4]
    row = await OutboxEntry.find_one()
    assert row is not None
    assert row.status is EntryStatus.PUBLISHED
    assert row.fence > 0
    assert row.published_at is not None
    again = await Relay(publisher).run_once()
    assert (again.published, again.pending) == (0, 0)


async def test_leases_that_got_lost_let_nothing_be_sent_for_ever(store: Store, publisher: RecordingPublisher) -> None:
    for number in range(3):
        await steps("a", number)
        await Relay(publisher).run_once()
    await OutboxLease.get_pymongo_collection().delete_many({})
    await replay_entries(utc_now() - timedelta(hours=1))
    assert (await Relay(publisher).run_once()).pending == 0


async def test_a_limit_leaves_the_rest_in_order(store: Store, publisher: RecordingPublisher) -> None:
    await steps("a", *range(10))
    relay = Relay(publisher)
    assert (await relay.run_once(limit=4)).pending == 6
    assert (await relay.run_once(limit=4)).pending == 2
    assert (await relay.run_once(limit=4)).pending == 0
    assert numbers(publisher, "a") == list(range(10))


async def test_a_key_stops_at_its_first_failure_and_the_others_go_on(
    store: Store, publisher: RecordingPublisher
) -> None:
    await steps("a", 0, 1, 2)
    await steps("b", 0, 1, 2)
    publisher.fault = lambda topic, key, body: (
        ServiceError("refused") if (body["aggregateId"], body["number"]) == ("a", 1) else None
    )
    relay = Relay(publisher)
    report = await relay.run_once()
    assert (report.published, report.failed, report.pending) == (4, 1, 2)
    assert numbers(publisher, "a") == [0]
    failed = await OutboxEntry.find_one({"key": "a", "attempts": 1})
    assert failed is not None
    assert failed.last_error == "refused"
    assert failed.next_attempt_at > utc_now()

    # A later event must not overtake it, though it is due itself.
    await steps("a", 3)
    publisher.fault = lambda topic, key, body: None
    assert (await relay.run_once()).published == 0
    await make_due()
    assert (await relay.run_once()).published == 3
    assert numbers(publisher, "a") == [0, 1, 2, 3]


async def test_what_is_refused_too_often_is_dead_and_lets_the_others_pass(
    store: Store, publisher: RecordingPublisher
) -> None:
    await steps("a", 0, 1)
    publisher.fault = lambda topic, key, body: ServiceError("too large") if body["number"] == 0 else None
    relay = Relay(publisher)
    for _ in range(MAX_REFUSALS):
        await make_due()
        await relay.run_once()
    dead = await OutboxEntry.find({"status": EntryStatus.DEAD.value}).to_list()
    assert [row.payload["number"] for row in dead] == [0]
    assert dead[0].attempts == MAX_REFUSALS
    await relay.run_once()
    assert numbers(publisher, "a") == [1]


@pytest.mark.parametrize("error", [ServerUnavailable("away"), OperationTimeout("no answer")])
async def test_a_broker_that_is_away_kills_nothing(
    store: Store, publisher: RecordingPublisher, error: Exception
) -> None:
    await steps("a", 0)
    publisher.fault = lambda topic, key, body: error
    relay = Relay(publisher)
    for _ in range(MAX_REFUSALS + 3):
        await make_due()
        assert (await relay.run_once()).pending == 1
    publisher.fault = lambda topic, key, body: None
    await make_due()
    assert (await relay.run_once()).pending == 0
    assert numbers(publisher, "a") == [0]


async def test_failures_that_are_alike_are_one_line_and_written_at_once(
    store: Store, publisher: RecordingPublisher, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    mark = BucketQueue.mark_failed

    async def counted(queue: BucketQueue, rows: Sequence[Any], changes: Mapping[str, Any]) -> None:
        written.append(len(rows))
        await mark(queue, rows, changes)

    monkeypatch.setattr(BucketQueue, "mark_failed", counted)
    for key in ("a", "b", "c", "refused"):
        await steps(key, 0)
    publisher.fault = lambda topic, key, body: (
        ServiceError("refused") if key == b"refused" else OperationTimeout("late")
    )
    report = await Relay(publisher).run_once()
    assert report.failed == 4
    assert sorted(written) == [1, 3]
    told = sorted(record.getMessage().partition(" for topic ")[2] for record in caplog.records)
    assert told == ["test.step: not published: late", "test.step: not published: refused"]
    assert sum(" and 2 more for" in record.getMessage() for record in caplog.records) == 1
    rows = await OutboxEntry.find({"status": "PENDING", "attempts": 1}).to_list()
    assert {row.key: row.last_error for row in rows} == {"a": "late", "b": "late", "c": "late", "refused": "refused"}


async def test_a_broker_that_took_all_is_asked_for_many_keys_at_once_until_it_fails(
    store: Store, publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    waves: list[int] = []
    publish_many = publisher.publish_many

    async def counted(messages: Sequence[Any]) -> list[Exception | None]:
        waves.append(len(messages))
        outcomes: list[Exception | None] = await publish_many(messages)
        return outcomes

    monkeypatch.setattr(publisher, "publish_many", counted)
    relay = Relay(publisher)

    async def forty(fault: Exception | None = None) -> list[int]:
        publisher.fault = lambda topic, key, body: fault
        waves.clear()
        for key in range(40):
            await steps(f"k{key}", 0)
        await relay.run_once()
        return list(waves)

    assert await forty() == [16, 24]
    assert await forty() == [40]
    assert await forty(ServerUnavailable("away")) == [40]
    await make_due()
    assert (await forty())[0] == 16


async def test_a_broker_that_is_away_is_not_asked_for_every_key(store: Store, publisher: RecordingPublisher) -> None:
    for key in range(100):
        await steps(f"k{key}", 0)
    asked = 0

    def away(topic: str, key: bytes | None, body: dict[str, Any]) -> Exception:
        nonlocal asked
        asked += 1
        return ServerUnavailable("away")

    publisher.fault = away
    report = await Relay(publisher).run_once()
    assert asked == report.failed
    assert asked <= 32
    assert report.pending == 100


async def test_a_relay_that_died_before_marking_is_made_good(store: Store, publisher: RecordingPublisher) -> None:
    await steps("a", 0, 1)
    await BucketLeases("dead-relay", seconds=600).settle()  # and then it is gone without a trace
    assert (await Relay(publisher).run_once()).published == 0
    await run_out("dead-relay")
    relay = Relay(publisher)
    assert (await relay.run_once()).published == 2
    assert numbers(publisher, "a") == [0, 1]


async def test_the_word_of_a_relay_that_lost_its_bucket_does_not_count(
    store: Store, publisher: RecordingPublisher
) -> None:
    await steps("a", 0, 1)
    slow = BucketLeases("slow-relay", seconds=600)
    await slow.settle()
    stale = BucketQueue(dict(slow.held))
    (taken,) = await stale.due(10)
    await run_out("slow-relay")
    publisher.fault = lambda topic, key, body: ServiceError("refused") if body["number"] == 0 else None
    assert (await Relay(publisher).run_once()).failed == 1
    await stale.mark_published(taken)
    rows = await OutboxEntry.find({"status": "PENDING"}).to_list()
    assert sorted((row.payload["number"], row.attempts) for row in rows) == [(0, 1)], "row 1 was nobody else's yet"


async def test_a_cancelled_run_marks_what_it_sent(store: Store, publisher: RecordingPublisher) -> None:
    await steps("a", 0, 1, 2)
    reached = asyncio.Event()
    publish = publisher.publish

    async def hang_on_the_second(topic: str, **message: Any) -> None:
        if publisher.sent:
            reached.set()
            await asyncio.Event().wait()
        await publish(topic, **message)

    publisher.publish = hang_on_the_second
    run = asyncio.create_task(Relay(publisher).run_once())
    await reached.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    marked = await OutboxEntry.find({"status": "PUBLISHED"}).to_list()
    assert [row.payload["number"] for row in marked] == [0]


async def test_relays_side_by_side_send_each_row_once_and_keep_order(
    store: Store, publisher: RecordingPublisher
) -> None:
    for number in range(8):
        for key in "abcdef":
            await steps(key, number)
    stop = asyncio.Event()
    relays = [asyncio.create_task(Relay(publisher).run(stop, poll_s=0.02)) for _ in range(3)]
    async with asyncio.timeout(30):
        while await OutboxEntry.find({"status": "PENDING"}).count():
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*relays)
    assert len(publisher.sent) == 48
    for key in "abcdef":
        assert numbers(publisher, key) == list(range(8))


async def test_an_error_of_the_database_is_raised_as_it_is(
    store: Store, publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: Any, **kwargs: Any) -> None:
        raise ServerUnavailable("MongoDB is away")

    monkeypatch.setattr(BucketQueue, "mark_failed", fail)
    await steps("a", 0)
    await steps("b", 0)
    publisher.fault = lambda topic, key, body: ServiceError("refused") if key == b"a" else None
    with pytest.raises(ServerUnavailable, match="MongoDB is away"):
        await Relay(publisher).run_once()
    assert numbers(publisher, "b") == [0]
    assert await OutboxEntry.find({"key": "b", "status": "PUBLISHED"}).count() == 1


async def test_run_goes_on_after_an_error(
    store: Store, publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(publisher)
    settle = BucketLeases.settle
    calls = 0

    async def fail_first(leases: BucketLeases) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ServerUnavailable("MongoDB is away")
        await settle(leases)

    monkeypatch.setattr(BucketLeases, "settle", fail_first)
    await steps("a", 0)
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop, poll_s=0.02))
    async with asyncio.timeout(20):
        while not publisher.sent:
            await asyncio.sleep(0.05)
    stop.set()
    await running
    assert not await OutboxLease.find({"owner": relay.name}).count(), "others take over at once"


async def test_a_relay_that_is_cancelled_marks_what_it_sent_before_it_ends(
    store: Store, publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    marking, mark = asyncio.Event(), BucketQueue.mark_published

    async def slow(queue: BucketQueue, rows: Sequence[Any]) -> None:
        marking.set()
        await asyncio.sleep(0.2)
        await mark(queue, rows)

    monkeypatch.setattr(BucketQueue, "mark_published", slow)
    await steps("a", 0)
    running = asyncio.create_task(Relay(publisher).run(asyncio.Event(), poll_s=0.02))
    await marking.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await OutboxEntry.find({"status": "PUBLISHED"}).count() == 1


async def test_a_relay_cancelled_while_it_lets_go_leaves_nothing_running(
    store: Store, publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    letting_go = asyncio.Event()

    async def hang(leases: BucketLeases) -> None:
        letting_go.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(BucketLeases, "release", hang)
    stop, before = asyncio.Event(), asyncio.all_tasks()
    running = asyncio.create_task(Relay(publisher).run(stop, poll_s=0.02))
    stop.set()
    await letting_go.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() <= before


async def test_new_rows_wake_a_relay(store: Store, publisher: RecordingPublisher) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(publisher).run(stop, poll_s=3600))
    await asyncio.sleep(1)  # by now it has looked, and waits
    await steps("a", 0)
    async with asyncio.timeout(20):
        while not publisher.sent:
            await asyncio.sleep(0.02)
    stop.set()
    async with asyncio.timeout(5):
        await running


async def test_a_writer_whose_clock_is_ahead_is_not_kept_waiting(
    store: Store, publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = utc_now() + timedelta(minutes=2)
    monkeypatch.setattr("docstore.outbox.writing.utc_now", lambda: ahead)
    await steps("a", 0)
    assert (await Relay(publisher).run_once()).published == 1


async def test_a_row_committed_behind_the_back_of_a_read_is_sent_before_its_followers(
    store: Store, publisher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read in the order of `seq` passes a place, a row is committed there, and then one that the read comes to."""
    await emit(*(Step(aggregate_id=key, number=number) for number in range(3) for key in ("a", "b")))
    whole = BucketQueue._read

    async def passed_by(self: BucketQueue, now: datetime, limit: int) -> list[Any]:
        monkeypatch.setattr(BucketQueue, "_read", whole)
        rows = await whole(self, now, limit)
        return [row for row in rows if (row["key"], row["payload"]["number"]) not in {("a", 0), ("b", 2)}]

    monkeypatch.setattr(BucketQueue, "_read", passed_by)
    assert (await Relay(publisher).run_once()).published == 5, "and the last of b, which was not read, is for later"
    await Relay(publisher).run_once()
    assert numbers(publisher, "a") == numbers(publisher, "b") == [0, 1, 2]
