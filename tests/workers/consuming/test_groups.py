"""Several members of one group, on a real Kafka: shared partitions, rebalances, nothing lost, each key in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from tests.databases import drop_database

from docstore.clients import KafkaPublisher, close_kafka_producer
from docstore.clients.protocols import OutgoingMessage
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import ConsumerRunner, Message

pytestmark = pytest.mark.kafka


class Noting:
    """A worker that notes which key's message it handled, for all members together."""

    def __init__(self, topic: str, seen: defaultdict[bytes | None, list[int]]) -> None:
        self.group = f"group-{topic}"
        self.topics = (topic,)
        self.seen = seen

    async def handle(self, message: Message) -> None:
        await asyncio.sleep(0.002)
        self.seen[message.key].append(int(message.value))


async def test_members_come_and_go_and_nothing_is_lost(kafka_settings: Settings) -> None:
    settings = kafka_settings.with_urls(kafka_topic_prefix=f"p{uuid4().hex[:6]}.")
    keys, each = [b"k%d" % number for number in range(12)], 60
    seen: defaultdict[bytes | None, list[int]] = defaultdict(list)
    async with Store(settings) as store, AsyncExitStack() as members:
        tasks: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

        async def member(stop: asyncio.Event) -> None:
            worker = Noting("numbers", seen)
            runner = ConsumerRunner(worker)
            async with store.make_consumer(worker.group, worker.topics, listener=runner) as consumer:
                await runner.run(consumer, stop)

        def join() -> None:
            stop = asyncio.Event()
            tasks.append((stop, asyncio.create_task(member(stop))))

        publisher = KafkaPublisher(settings)
        members.push_async_callback(close_kafka_producer, settings)
        join()
        for number in range(each):
            failures = await publisher.publish_many([OutgoingMessage("numbers", key, b"%d" % number) for key in keys])
            assert failures == [None] * len(keys)
            if number in (10, 20):
                join()
            if number == 40:
                tasks[0][0].set()  # the first one leaves politely
            await asyncio.sleep(0.02)
        async with asyncio.timeout(60):
            while any(set(seen[key]) != set(range(each)) for key in keys):
                await asyncio.sleep(0.1)
        for stop, _ in tasks:
            stop.set()
        await asyncio.gather(*(task for _, task in tasks))
        await drop_database(store.client, settings.effective_database_name)
    for key in keys:
        first_seen = list(dict.fromkeys(seen[key]))
        assert first_seen == list(range(each)), "a repeat may come, an overtaking may not"
