"""A topic that is missing holds up no message to another, and is not taken for a broker that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.kafkas import running_or_skipped

from docstore.clients import KafkaPublisher, close_kafka_producer, ensure_topic
from docstore.clients import _kafka_known_topics as known_topics
from docstore.clients._kafka_known_topics import KnownTopics
from docstore.clients.protocols import OutgoingMessage
from docstore.errors import OperationTimeout, ServerUnavailable
from docstore.settings import Settings
from scripts.kafka_local import LocalKafka


class Producer:
    """A double of a producer whose brokers create no topics; `there` are those that they have."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.away = False
        self.asked = 0
        self.client = self
        self.cluster = self

    def partitions_for_topic(self, name: str) -> set[int] | None:
        return {0} if name in self.there else None

    async def partitions_for(self, name: str) -> set[int]:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def force_metadata_update(self) -> bool:
        return not self.away


@pytest.fixture
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_topics, "_FIRST_LOOK_S", 0.02)


@pytest.mark.usefixtures("short_looks")
async def test_a_missing_topic_is_asked_for_seldom_and_found_when_it_is_made(settings: Settings) -> None:
    topics, producer = KnownTopics(settings), Producer()
    name = settings.topic_prefix + "t"
    for _ in range(3):
        unsendable: Any = await topics.unsendable(producer, ["t", "t"])
        assert isinstance(unsendable["t"], OperationTimeout)
    assert producer.asked == 1
    producer.there.add(name)
    assert await topics.unsendable(producer, ["t"]) == {}


@pytest.mark.usefixtures("short_looks")
async def test_brokers_that_are_away_are_told_apart(settings: Settings) -> None:
    producer = Producer()
    producer.away = True
    unsendable: Any = await KnownTopics(settings).unsendable(producer, ["t"])
    assert isinstance(unsendable["t"], ServerUnavailable)


@pytest_asyncio.fixture
async def strict(settings: Settings) -> AsyncIterator[Settings]:
    """Settings of a Kafka that creates no topic on demand."""
    with running_or_skipped(LocalKafka(properties={"auto.create.topics.enable": "false"})) as kafka:
        own = settings.with_urls(kafka_service_uri=kafka.bootstrap)
        yield own
        await close_kafka_producer(own)


@pytest.mark.kafka
async def test_brokers_that_create_no_topics_take_what_is_for_others(
    strict: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topic("there", settings=strict)
    publisher = KafkaPublisher(strict)
    messages = [OutgoingMessage(topic, b"k", b"1") for topic in ("missing", "there")]
    first, second = await publisher.publish_many(messages)
    assert isinstance(first, OperationTimeout)
    assert "no topic 'missing'" in str(first)
    assert second is None
    monkeypatch.setattr(known_topics, "_AGAIN_S", 0.5)
    publisher = KafkaPublisher(strict)
    assert await publisher.publish_many(messages[:1]) != [None]
    await ensure_topic("missing", settings=strict)
    async with asyncio.timeout(30):
        while await publisher.publish_many(messages[:1]) != [None]:
            await asyncio.sleep(0.2)
