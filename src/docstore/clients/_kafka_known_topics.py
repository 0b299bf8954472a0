"""Whether a topic can be sent to: one that is missing must not hold up what is sent to others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from docstore.clients._kafka_options import unreachable
from docstore.errors import OperationTimeout, ServiceError
from docstore.settings import Settings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

_FIRST_LOOK_S: Final = 5.0
_NEXT_LOOK_S: Final = 1.0
_AGAIN_S: Final = 15.0


class KnownTopics:
    """What is known of topics; without KAFKA_TOPIC_PREFIX.

    Brokers need a moment to create a topic on demand, and that is waited for. Where they do not create it, it is asked
    for now and then, and for a short while.

    Args:
        settings: which brokers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._missing: dict[str, float] = {}

    async def unsendable(self, producer: AIOKafkaProducer, topics: Iterable[str]) -> dict[str, Exception]:
        """The topics to which nothing can be sent now, and why. All are asked for at the same time."""
        wanted = tuple(dict.fromkeys(topics))
        found = await asyncio.gather(*(self._why_not(producer, each) for each in wanted))
        return {topic: error for topic, error in zip(wanted, found, strict=True) if error is not None}

    async def _why_not(self, producer: AIOKafkaProducer, topic: str) -> Exception | None:
        from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

        name = self._settings.topic_prefix + topic
        if producer.client.cluster.partitions_for_topic(name) is not None:
            self._missing.pop(topic, None)
            return None
        missing_until = self._missing.get(topic)
        if missing_until is not None and time.monotonic() < missing_until:
            return _not_there(topic)
        look_s = _FIRST_LOOK_S if missing_until is None else _NEXT_LOOK_S
        try:
            async with asyncio.timeout(min(look_s, self._settings.kafka_request_timeout_s / 2)):
                await producer.partitions_for(name)
        except (TimeoutError, UnknownTopicOrPartitionError) as error:
            if not await _answers(producer):
                away = unreachable(self._settings, error)
                away.__cause__ = error
                return away
            self._missing[topic] = time.monotonic() + _AGAIN_S
            return _not_there(topic)
        except KafkaError as error:
            refused = ServiceError(
                f"Kafka refused to tell of topic {topic!r}: {type(error).__name__}.",
                hint="Check the rights of KAFKA_USERNAME.",
            )
            refused.__cause__ = error
            return refused
        self._missing.pop(topic, None)
        return None


async def _answers(producer: AIOKafkaProducer) -> bool:
    """Whether any broker tells of its topics at all."""
    try:
        async with asyncio.timeout(_NEXT_LOOK_S):
            return bool(await producer.client.force_metadata_update())
    except TimeoutError:
        return False


def _not_there(topic: str) -> OperationTimeout:
    return OperationTimeout(
        f"Kafka has no topic {topic!r}, and the brokers do not create it on demand.",
        hint="Create it (docstore.clients.ensure_topic, or the cluster's own tools); until then its messages wait.",
        field="topic",
    )
