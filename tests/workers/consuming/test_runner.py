"""Offsets follow effects; passing errors are waited out; what cannot be handled is kept aside."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from docstore.errors import AccessDenied, ServerUnavailable, ServiceError, ValidationFailed
from docstore.outbox import OutboxEntry
from docstore.store import Store
from docstore.workers import DeadLetter, Message, run_consumer
from docstore.workers.consuming import ATTEMPTS, ConsumerRunner, attempts, runner

QueueConsumer = Any
"""The double in conftest.py."""


class Recorder:
    """A worker that notes what it was given, after asking `fault`."""

    group = "recorder"
    topics = ("t",)

    def __init__(self, fault: Callable[[bytes], Exception | None] = lambda value: None) -> None:
        self.fault = fault
        self.handled: list[bytes] = []
        self.tries = 0

    async def handle(self, message: Message) -> None:
        self.tries += 1
        if error := self.fault(message.value):
            raise error
        self.handled.append(message.value)


class BatchRecorder(Recorder):
    def __init__(self, fault: Callable[[bytes], Exception | None] = lambda value: None) -> None:
        super().__init__(fault)
        self.batches: list[int] = []

    async def handle_many(self, messages: Sequence[Message]) -> None:
        self.batches.append(len(messages))
        if any(self.fault(message.value) for message in messages):
            raise ServiceError("one of them")
        self.handled.extend(message.value for message in messages)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_backoff_s", lambda tries: 0.001)
    monkeypatch.setattr(runner, "_COMMIT_EVERY_S", 0.05)


@pytest.fixture
def run() -> Callable[..., Awaitable[None]]:
    async def until(consumer: QueueConsumer, worker: Recorder, done: Callable[[], bool]) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run_consumer(consumer, worker, stop))
        async with asyncio.timeout(10):
            while not done() and not running.done():
                await asyncio.sleep(0.01)
        stop.set()
        await running

    return until


async def test_offsets_are_committed_after_the_effect(run: Any, consumer: QueueConsumer) -> None:
    consumer.put(b"1", b"2")
    consumer.put(b"3", partition="p1")
    worker = Recorder()
    await run(consumer, worker, lambda: len(consumer.committed) == 2)
    assert sorted(worker.handled) == [b"1", b"2", b"3"]
    assert consumer.committed == {"p0": 2, "p1": 1}


async def test_a_commit_that_nobody_answers_holds_up_neither_the_messages_nor_the_stop(
    run: Any, consumer: QueueConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def unanswered(offsets: Any) -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    monkeypatch.setattr(runner, "_COMMIT_LIMIT_S", 0.05)
    monkeypatch.setattr(runner, "_COMMIT_EVERY_S", 0)
    monkeypatch.setattr(consumer, "commit", unanswered)
    consumer.put(b"1")
    worker = Recorder()
    await run(consumer, worker, lambda: asked > 1)
    consumer.put(b"2")
    await run(consumer, worker, lambda: len(worker.handled) == 2)
    assert worker.handled == [b"1", b"2"]


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (None, [("ce_id", b"1")]),
        (b"{", [("trace", None)]),
        (b"{", [("a\0b", b"1"), ("$c.d", b"\xff"), ("", b"")]),
        (b"x" * 600_000, [("large", b"y" * 400_000)]),
        (b"[" * 200_000, []),
    ],
)
async def test_nothing_that_a_topic_can_hold_keeps_a_key_for_ever(
    run: Any, store: Store, consumer: QueueConsumer, value: bytes | None, headers: Any
) -> None:
    class Reader(Recorder):
        async def handle(self, message: Message) -> None:
            message.json()
            await super().handle(message)

    consumer.put(b"", b"{}", key=b"k")
    consumer.queues["p0"][0].value, consumer.queues["p0"][0].headers = value, headers
    worker = Reader()
    await run(consumer, worker, lambda: consumer.committed.get("p0") == 2)
    assert worker.handled == [b"{}"]
    assert await DeadLetter.find_all().count() == await OutboxEntry.find({"topic": "dead.recorder"}).count() == 1


async def test_an_error_of_many_words_is_cut(run: Any, store: Store, consumer: QueueConsumer) -> None:
    consumer.put(b"1")
    await run(consumer, Recorder(lambda value: ValidationFailed("field " * 400_000)), lambda: consumer.committed)
    letter = await DeadLetter.find_one()
    assert letter is not None
    assert len(letter.error) < 10_000


async def test_a_cancellation_from_within_a_handler_is_a_failure_like_others(
    run: Any, store: Store, consumer: QueueConsumer
) -> None:
    class Leaking(Recorder):
        async def handle(self, message: Message) -> None:
            if message.value == b"1":
                raise asyncio.CancelledError  # of a task that it waited for
            await super().handle(message)

    consumer.put(b"1", b"2", key=b"k")
    worker = Leaking()
    await run(consumer, worker, lambda: consumer.committed.get("p0") == 2)
    assert worker.handled == [b"2"]
    assert await DeadLetter.find_all().count() == 1


async def test_a_refused_login_makes_no_dead_letters(run: Any, store: Store, consumer: QueueConsumer) -> None:
    worker = Recorder(lambda value: AccessDenied("who are you") if worker.tries < 2 * ATTEMPTS else None)
    consumer.put(b"1")
    await run(consumer, worker, lambda: consumer.committed)
    assert worker.handled == [b"1"]
    assert await DeadLetter.find_all().count() == 0


async def test_a_server_that_is_away_is_waited_for(run: Any, consumer: QueueConsumer) -> None:
    consumer.put(b"1")
    worker = Recorder()
    worker.fault = lambda value: ServerUnavailable("away") if worker.tries < ATTEMPTS * 3 else None
    await run(consumer, worker, lambda: bool(consumer.committed))
    assert worker.handled == [b"1"]


async def test_stopping_while_retrying_leaves_the_message(run: Any, consumer: QueueConsumer) -> None:
    consumer.put(b"1", b"2", b"3")
    worker = Recorder(lambda value: ServerUnavailable("away") if value == b"2" else None)
    await run(consumer, worker, lambda: worker.tries > 5)
    assert worker.handled == [b"1"]
    assert consumer.committed == {"p0": 1}


async def test_what_always_fails_is_kept_aside(run: Any, store: Store, consumer: QueueConsumer) -> None:
    consumer.put(b"bad", b"good")
    worker = Recorder(lambda value: RuntimeError("secret value") if value == b"bad" else None)
    await run(consumer, worker, lambda: bool(consumer.committed))
    assert worker.handled == [b"good"]
    assert worker.tries == ATTEMPTS + 1
    (letter,) = await DeadLetter.find().to_list()
    assert (letter.consumer, letter.topic, letter.value, letter.offset) == ("recorder", "t", b"bad", 0)
    assert letter.error == "RuntimeError"
    assert letter.event_id
    assert consumer.committed == {"p0": 2}


async def test_what_cannot_be_read_is_kept_aside_at_once(run: Any, store: Store, consumer: QueueConsumer) -> None:
    consumer.put(b"bad")
    worker = Recorder(lambda value: ValidationFailed("no such thing"))
    await run(consumer, worker, lambda: bool(consumer.committed))
    assert worker.tries == 1
    (letter,) = await DeadLetter.find().to_list()
    assert letter.error == "no such thing"


async def test_a_batch_worker_gets_batches(run: Any, consumer: QueueConsumer) -> None:
    consumer.put(b"1", b"2", b"3")
    worker = BatchRecorder()
    await run(consumer, worker, lambda: bool(consumer.committed))
    assert (worker.batches, worker.handled) == ([3], [b"1", b"2", b"3"])


async def test_one_bad_message_does_not_keep_its_batch(run: Any, store: Store, consumer: QueueConsumer) -> None:
    consumer.put(b"1", b"bad", b"3")
    worker = BatchRecorder(lambda value: ValidationFailed("bad") if value == b"bad" else None)
    await run(consumer, worker, lambda: bool(consumer.committed))
    assert worker.handled == [b"1", b"3"]
    assert await DeadLetter.find().count() == 1
    assert consumer.committed == {"p0": 3}


async def test_a_failed_commit_is_survived(run: Any, consumer: QueueConsumer) -> None:
    consumer.commit_error = RuntimeError("rebalanced")
    consumer.put(b"1")
    worker = Recorder()
    await run(consumer, worker, lambda: bool(worker.handled))
    assert worker.handled == [b"1"]


async def test_cancelling_commits_nothing_unfinished(consumer: QueueConsumer) -> None:
    consumer.put(b"1")
    started = asyncio.Event()

    class Hanging(Recorder):
        async def handle(self, message: Message) -> None:
            started.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(run_consumer(consumer, Hanging(), asyncio.Event()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert consumer.committed == {}


async def test_keys_go_side_by_side_and_each_in_order(consumer: QueueConsumer) -> None:
    for number in range(30):
        consumer.put(b"%d" % number, key=b"k%d" % (number % 3))
    at_work, most = set[bytes | None](), 0

    class Slow(Recorder):
        async def handle(self, message: Message) -> None:
            nonlocal most
            assert message.key not in at_work
            at_work.add(message.key)
            most = max(most, len(at_work))
            await asyncio.sleep(0.005)
            at_work.discard(message.key)
            await super().handle(message)

    worker, stop = Slow(), asyncio.Event()
    running = asyncio.create_task(ConsumerRunner(worker).run(consumer, stop))
    async with asyncio.timeout(10):
        while len(worker.handled) < 30:
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert most == 3
    for key in range(3):
        assert [int(each) for each in worker.handled if int(each) % 3 == key] == list(range(key, 30, 3))
    assert consumer.committed == {"p0": 30}


async def test_a_message_that_waits_holds_up_its_key_alone(consumer: QueueConsumer) -> None:
    consumer.put(b"bad", b"behind", key=b"a")
    for number in range(8):
        consumer.put(b"bad", key=b"a%d" % number)  # as many as may be at work at once
    consumer.put(*(b"%d" % number for number in range(20)), key=b"b")
    worker = Recorder(lambda value: ServerUnavailable("away") if value == b"bad" else None)
    stop = asyncio.Event()
    runner = ConsumerRunner(worker)
    running = asyncio.create_task(runner.run(consumer, stop))
    async with asyncio.timeout(10):
        while len(worker.handled) < 20:
            await asyncio.sleep(0.01)
    health = runner.health()
    assert (health.waiting, health.in_hand, health.handled) == (9, 30, 20)
    assert health.ok
    assert consumer.committed == {}, "the first message of the partition is still open"
    worker.fault = lambda value: None
    async with asyncio.timeout(10):
        while consumer.committed != {"p0": 30}:
            await asyncio.sleep(0.01)
    assert worker.handled.index(b"bad") < worker.handled.index(b"behind")
    stop.set()
    await running


async def test_partitions_with_too_much_in_hand_are_paused(
    consumer: QueueConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer.put(*(b"%d" % number for number in range(100)), partition="p0")
    consumer.put(b"x", partition="p1")
    gate, polls, getmany = asyncio.Event(), 0, consumer.getmany

    async def counted(**how: Any) -> Any:
        nonlocal polls
        polls += 1
        return await getmany(**how)

    monkeypatch.setattr(consumer, "getmany", counted)

    class Slow(Recorder):
        async def handle(self, message: Message) -> None:
            if message.value != b"x":
                await gate.wait()
            await super().handle(message)

    worker, stop = Slow(), asyncio.Event()
    runner = ConsumerRunner(worker, in_hand=20)
    running = asyncio.create_task(runner.run(consumer, stop, max_records=10))
    async with asyncio.timeout(10):
        while not consumer.paused or b"x" not in worker.handled:
            await asyncio.sleep(0.01)
    held = runner.health().in_hand
    assert 20 <= held <= 30
    before = polls
    async with asyncio.timeout(60):
        while polls < before + 20:  # the broker is asked all the time
            await asyncio.sleep(0.01)
    assert runner.health().in_hand == held
    gate.set()
    async with asyncio.timeout(10):
        while len(worker.handled) < 101:
            await asyncio.sleep(0.01)
    assert not consumer.paused
    stop.set()
    await running


async def test_a_partition_that_is_taken_away_is_committed_and_forgotten(consumer: QueueConsumer) -> None:
    consumer.put(b"0", b"1", b"2")
    entered, gate = asyncio.Event(), asyncio.Event()

    class Slow(Recorder):
        async def handle(self, message: Message) -> None:
            if message.value == b"1":
                entered.set()
                await gate.wait()
            await super().handle(message)

    worker, stop = Slow(), asyncio.Event()
    runner = ConsumerRunner(worker)
    running = asyncio.create_task(runner.run(consumer, stop))
    await entered.wait()
    moving = asyncio.create_task(runner.on_partitions_revoked(["p0"]))
    await asyncio.sleep(0.05)
    gate.set()
    await moving
    assert worker.handled == [b"0", b"1"]
    assert consumer.committed == {"p0": 2}
    await runner.on_partitions_assigned(["p0"])
    assert runner.health().in_hand == 0
    stop.set()
    await running


async def test_what_is_fetched_of_a_partition_that_is_leaving_is_for_its_next_owner(consumer: QueueConsumer) -> None:
    consumer.put(b"0")
    entered, gate = asyncio.Event(), asyncio.Event()

    class Slow(Recorder):
        async def handle(self, message: Message) -> None:
            entered.set()
            await gate.wait()
            await super().handle(message)

    worker, stop = Slow(), asyncio.Event()
    runner = ConsumerRunner(worker)
    running = asyncio.create_task(runner.run(consumer, stop))
    await entered.wait()
    moving = asyncio.create_task(runner.on_partitions_revoked(["p0"]))
    await asyncio.sleep(0)
    consumer.put(b"1", b"2")  # the broker still gives them to this member
    consumer.put(b"else", partition="p1")
    while consumer.queues["p0"]:
        await asyncio.sleep(0.01)
    gate.set()
    await moving
    await runner.on_partitions_assigned(["p0"])
    consumer.put(b"again")
    async with asyncio.timeout(10):
        while b"again" not in worker.handled:
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert sorted(worker.handled) == [b"0", b"again", b"else"]


async def test_what_waits_to_be_tried_again_does_not_stay_when_its_partition_goes(
    consumer: QueueConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.workers.consuming.runner.REVOKE_SECONDS", 0.05)
    consumer.put(b"0")
    worker, stop = Recorder(lambda value: ServerUnavailable("away")), asyncio.Event()
    runner = ConsumerRunner(worker)
    running = asyncio.create_task(runner.run(consumer, stop))
    async with asyncio.timeout(10):
        while not worker.tries:
            await asyncio.sleep(0.01)
        await runner.on_partitions_revoked(["p0"])
    tries = worker.tries
    await asyncio.sleep(0.1)
    assert (worker.tries, runner.health().waiting) == (tries, 0)
    stop.set()
    await running
    assert consumer.committed == {}


async def test_what_is_at_work_is_finished_before_the_end_and_no_more_begun(consumer: QueueConsumer) -> None:
    consumer.put(b"0", b"1", b"2")
    entered = asyncio.Event()

    class Slow(Recorder):
        async def handle(self, message: Message) -> None:
            entered.set()
            await asyncio.sleep(0.1)
            await super().handle(message)

    worker, stop = Slow(), asyncio.Event()
    running = asyncio.create_task(ConsumerRunner(worker).run(consumer, stop))
    await entered.wait()
    stop.set()
    await running
    assert worker.handled == [b"0"]
    assert consumer.committed == {"p0": 1}


async def test_the_end_does_not_wait_for_ever(consumer: QueueConsumer) -> None:
    consumer.put(b"0")
    entered = asyncio.Event()

    class Hanging(Recorder):
        async def handle(self, message: Message) -> None:
            entered.set()
            await asyncio.Event().wait()

    stop = asyncio.Event()
    running = asyncio.create_task(ConsumerRunner(Hanging(), drain_s=0.1).run(consumer, stop))
    await entered.wait()
    stop.set()
    async with asyncio.timeout(5):
        await running
    assert consumer.committed == {}


async def test_a_dead_letter_is_told_of(run: Any, store: Store, consumer: QueueConsumer) -> None:
    consumer.put(b"\xff not json", key=b"k")
    worker = Recorder(lambda value: ValidationFailed("not JSON"))
    await run(consumer, worker, lambda: bool(consumer.committed))
    (row,) = await OutboxEntry.find({"name": "message.dead"}).to_list()
    assert row.topic == "dead.recorder"
    assert row.payload["error"] == "not JSON"
    assert base64.b64decode(row.payload["original"]["value"]) == b"\xff not json"
    letter = await DeadLetter.get(row.aggregate_id)
    assert letter is not None
    assert (letter.message().value, letter.message().key) == (b"\xff not json", b"k")
