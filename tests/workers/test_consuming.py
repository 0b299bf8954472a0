"""Offsets follow effects; passing errors are waited out; what cannot be handled is kept aside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from docstore.errors import ServerUnavailable, ServiceError, ValidationFailed
from docstore.store import Store
from docstore.workers import DeadLetter, Message, consuming, run_consumer
from docstore.workers.consuming import ATTEMPTS

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
    monkeypatch.setattr(consuming, "_backoff_s", lambda tries: 0.001)


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
            await asyncio.sleep(60)

    running = asyncio.create_task(run_consumer(consumer, Hanging(), asyncio.Event()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert consumer.committed == {}
