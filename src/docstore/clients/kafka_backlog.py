"""How far a consumer group is behind: messages that stand in topics and are not committed yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from docstore.clients._kafka_refusals import why_unreachable
from docstore.clients._shared import resolve
from docstore.clients.kafka_consumer import make_kafka_consumer
from docstore.settings import Settings


async def messages_behind(
    group: str, topics: Sequence[str], settings: Settings | None = None, *, timeout_s: float = 5.0
) -> int:
    """How many messages a group has not committed yet, without joining it. Topics that are not there have none.

    Args:
        group: the consumer group.
        topics: the topics; KAFKA_TOPIC_PREFIX is put before them and the group.
        settings: those of the environment when None.
        timeout_s: seconds to wait for the brokers.

    Raises:
        SettingsError: Kafka is not configured.
        ServerUnavailable: no broker answers, or its certificate or protocol does not fit.
        AccessDenied: it refuses the login.
    """
    from aiokafka import TopicPartition
    from aiokafka.errors import KafkaError

    settings = resolve(settings)
    consumer = make_kafka_consumer(group, (), settings)
    try:
        async with asyncio.timeout(timeout_s):
            await consumer.start()
            there = await consumer.topics()
            names = [name for each in topics if (name := settings.topic_prefix + each) in there]
            # The brokers tell of all partitions of a topic when they are asked about one.
            await consumer.end_offsets([TopicPartition(name, 0) for name in names])
            parts = [TopicPartition(name, n) for name in names for n in consumer.partitions_for_topic(name) or ()]
            ends, begins = await consumer.end_offsets(parts), await consumer.beginning_offsets(parts)
            consumer.assign(parts)
            committed = {part: await consumer.committed(part) for part in parts}
    except (KafkaError, TimeoutError) as error:
        raise await why_unreachable(settings, error) from error
    finally:
        await consumer.stop()
    return sum(
        max(0, ends[part] - max(begins[part], begins[part] if committed[part] is None else committed[part]))
        for part in parts
    )
