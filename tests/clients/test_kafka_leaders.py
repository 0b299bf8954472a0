"""A partition without a leader holds up no message to another; real brokers are in `faults/test_kafka_away.py`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import LeaderNotAvailableError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from docstore.clients import KafkaPublisher, _kafka_leaders, kafka_publisher
from docstore.clients._kafka_leaders import Leaders, Place, place_of, places_of
from docstore.clients.protocols import OutgoingMessage
from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError
from docstore.settings import Settings

NOBODY = -1


class Producer:
    """A double of a producer: `leaders` of the partitions of topic t; those of 0 and above answer at once."""

    def __init__(self, *leaders: int) -> None:
        self.leaders = list(leaders)
        self.room = True
        self.failure: Exception | None = None
        self.sent: list[bytes] = []
        self.silent: set[int] = set()
        self.looks = 0
        self.client = self
        self.cluster = self

    def partitions_for_topic(self, name: str) -> set[int]:
        return set(range(len(self.leaders)))

    def leader_for_partition(self, place: Place) -> int:
        return self.leaders[place.partition]

    async def force_metadata_update(self) -> bool:
        self.looks += 1
        return True

    async def send(self, topic: str, *, value: bytes, key: bytes, partition: int, headers: Any) -> Any:
        answers = self.leaders[partition] != NOBODY and partition not in self.silent
        if not answers and not self.room:
            await asyncio.Event().wait()
        self.sent.append(key)
        answer = asyncio.get_running_loop().create_future()
        if answers and self.failure is not None:
            answer.set_exception(self.failure)
        elif answers:
            answer.set_result(None)
        return answer


class Clock:
    """The monotonic clock, put forward by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_kafka_leaders, "time", clock)
    return clock


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The producers that were replaced."""
    producers: list[object] = []
    monkeypatch.setattr(kafka_publisher, "replace_kafka_producer", lambda producer, _: producers.append(producer))
    monkeypatch.setattr(kafka_publisher, "LOOK_S", 0.01)
    monkeypatch.setattr(_kafka_leaders, "LOOK_S", 0.01)
    return producers


def publisher_on(producer: Producer, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> KafkaPublisher:
    async def get(_: Settings) -> Producer:
        return producer

    monkeypatch.setattr(kafka_publisher, "get_kafka_producer", get)
    return KafkaPublisher(Settings(kafka_service_uri="h:1", **{"kafka_request_timeout_s": 1000} | fields))


def one_of_each(producer: Producer) -> list[OutgoingMessage]:
    """A message to each partition, in their order."""
    found: dict[int, OutgoingMessage] = {}
    for number in range(1000):
        message = OutgoingMessage("t", b"k%d" % number, b"v")
        place: Any = place_of(places_of(producer, "t"), message.key)
        found.setdefault(place.partition, message)
    return [found[partition] for partition in range(len(producer.leaders))]


async def test_no_leader_for_a_moment_is_an_election(clock: Clock) -> None:
    leaders, producer, places = Leaders(), Producer(0, NOBODY), [Place("t", 0), Place("t", 1)]
    assert await leaders.lost(producer, places) == set()
    clock.now += 1.9
    assert await leaders.lost(producer, places) == set()
    clock.now += 0.2
    assert await leaders.lost(producer, places) == {places[1]}
    producer.leaders[1] = 2
    assert await leaders.lost(producer, places) == set()
    producer.leaders[1] = NOBODY
    assert await leaders.lost(producer, places) == set()  # another election


async def test_brokers_are_asked_when_a_leader_is_missing_and_once_a_second(clock: Clock) -> None:
    leaders, producer = Leaders(), Producer(0, NOBODY)
    await leaders.lost(producer, [Place("t", 0)])
    assert producer.looks == 0
    for _ in range(3):
        await leaders.lost(producer, [Place("t", 1)])
    assert producer.looks == 1
    clock.now += 1
    await leaders.lost(producer, [Place("t", 1)])
    assert producer.looks == 2


async def test_who_does_not_answer_is_asked_less_often(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kafka_leaders, "LOOK_S", 0.01)
    leaders, producer, asked = Leaders(), Producer(NOBODY), 0

    async def hang() -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    monkeypatch.setattr(producer, "force_metadata_update", hang)
    await leaders.look(producer)
    clock.now += 4.9
    await leaders.look(producer)
    assert asked == 1
    clock.now += 0.2
    await leaders.look(producer)
    assert asked == 2


@pytest.mark.parametrize("room", [True, False])
async def test_what_is_for_others_arrives_and_is_told(
    room: bool, replaced: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without room in its buffer the partition takes no message at all, and holds up whoever hands one over.
    monkeypatch.setattr(_kafka_leaders, "_ELECTION_S", 0.05)
    producer = Producer(NOBODY, 0, 1)
    producer.room = room
    publisher, messages = publisher_on(producer, monkeypatch), one_of_each(producer)
    async with asyncio.timeout(60):
        first, *others = await publisher.publish_many(messages)
    assert others == [None, None]
    assert isinstance(first, OperationTimeout)
    assert "No broker leads partition 0 of Kafka topic 't'" in str(first)
    assert ("may still arrive" in str(first)) == room
    assert replaced == ([producer] if room else [])

    producer.sent.clear()
    again = await publisher.publish_many(messages)
    assert isinstance(again[0], OperationTimeout)
    assert "its messages wait" in str(again[0])
    assert again[1:] == [None, None]
    assert messages[0].key not in producer.sent  # nothing that might arrive late was handed over
    assert len(replaced) == room

    producer.leaders[0] = 2
    monkeypatch.setattr(_kafka_leaders, "_ELECTION_S", 1000)
    assert await publisher.publish_many(messages) == [None, None, None]


async def test_an_answer_that_came_before_the_leader_went_counts(
    replaced: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kafka_leaders, "_ELECTION_S", 0.05)
    producer = Producer(0)
    publisher, messages = publisher_on(producer, monkeypatch), [OutgoingMessage("t", b"%d" % n, b"v") for n in (1, 2)]
    send = producer.send

    async def first_only(topic: str, **fields: Any) -> Any:
        answer = await send(topic, **fields)
        producer.leaders[0] = NOBODY
        return answer

    monkeypatch.setattr(producer, "send", first_only)
    async with asyncio.timeout(60):
        first, second = await publisher.publish_many(messages)
    assert first is None
    assert isinstance(second, OperationTimeout)


async def test_a_leader_that_is_slow_is_waited_for(replaced: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kafka_leaders, "_ELECTION_S", 0.0)
    producer = Producer(0, 1)
    producer.silent = {0}
    publisher = publisher_on(producer, monkeypatch, kafka_request_timeout_s=0.3)
    first, second = await publisher.publish_many(one_of_each(producer))
    assert isinstance(first, OperationTimeout)
    assert "not acknowledged within" in str(first)
    assert second is None
    assert replaced == [producer]


@pytest.mark.parametrize(("silent", "kind"), [({0}, OperationTimeout), ({0, 1}, ServerUnavailable)])
async def test_a_buffer_that_stays_full_means_away_only_where_nobody_answers(
    silent: set[int], kind: type[Exception], replaced: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(0, 1)
    producer.silent, producer.room = silent, False
    publisher = publisher_on(producer, monkeypatch, kafka_request_timeout_s=0.3)
    first, _ = await publisher.publish_many(one_of_each(producer))
    assert type(first) is kind


@pytest.mark.parametrize(
    ("failure", "kind"), [(LeaderNotAvailableError(), OperationTimeout), (MessageSizeTooLargeError(), ServiceError)]
)
async def test_what_may_be_tried_again_was_not_refused(
    failure: Exception, kind: type[Exception], replaced: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(0)
    producer.failure = failure
    [error] = await publisher_on(producer, monkeypatch).publish_many(one_of_each(producer))
    assert type(error) is kind
    assert isinstance(error.__cause__, type(failure))


async def test_a_publishing_that_is_cancelled_leaves_nothing_at_work(
    replaced: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(0, 1)
    producer.silent = {0, 1}
    publisher, before = publisher_on(producer, monkeypatch), asyncio.all_tasks()
    publishing = asyncio.create_task(publisher.publish_many(one_of_each(producer)))
    async with asyncio.timeout(60):
        while len(producer.sent) < 2:
            await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.wait({publishing})
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0)
    assert publishing.cancelled()


async def test_a_key_goes_where_the_driver_would_send_it() -> None:
    producer = Producer(0, 0, 0, 0, 0, 0)
    for number in range(50):
        key, every = b"key-%d" % number, list(range(6))
        assert place_of(places_of(producer, "t"), key) == Place("t", DefaultPartitioner()(key, every, every))
    assert place_of(places_of(producer, "t"), None) is None
    assert place_of([], b"k") is None
