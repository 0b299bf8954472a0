"""`KafkaPublisher`: the adapter that services send messages through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from docstore.clients._kafka_known_topics import KnownTopics
from docstore.clients._kafka_options import unreachable
from docstore.clients._shared import resolve
from docstore.clients.kafka import MAX_MESSAGE_BYTES, get_kafka_producer, ping_kafka, replace_kafka_producer
from docstore.clients.protocols import OutgoingMessage, Ping
from docstore.errors import OperationTimeout, ServiceError
from docstore.settings import Settings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer


class KafkaPublisher:
    """`Publisher` and `Probe` on Kafka, over the shared producer.

    Every wait has an end: ``kafka_request_timeout_s`` for a message, besides the first connecting. A producer
    whose delivery failed or timed out is replaced. A topic that is missing, and that the brokers do not create, holds
    up none of the others.

    Args:
        settings: which brokers; those of the environment when None.
    """

    name = "kafka"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = resolve(settings)
        self._topics = KnownTopics(self._settings)

    async def ping(self) -> Ping:
        """See `ping_kafka`."""
        return await ping_kafka(self._settings)

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """See `Publisher.publish`. A message larger than 1 MiB is refused before it is sent.

        Raises:
            OperationTimeout: handed over, but not acknowledged in time: it may still arrive; or the topic is missing.
            ServerUnavailable: no broker answers; nothing was handed over.
            ServiceError: the message is too large, or the brokers refuse it; AccessDenied: they refuse the login.
        """
        [error] = await self.publish_many([OutgoingMessage(topic, key, value, tuple(headers))])
        if error is not None:
            raise error

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        """See `Publisher.publish_many`; one limit for all of them."""
        producer = await get_kafka_producer(self._settings)
        unsendable = await self._topics.unsendable(producer, (message.topic for message in messages))
        deadline = asyncio.get_running_loop().time() + self._settings.kafka_request_timeout_s
        deliveries = [
            unsendable.get(message.topic) or await self._hand_over(producer, message, deadline) for message in messages
        ]
        waited = {each for each in deliveries if isinstance(each, asyncio.Future)}
        if waited:
            # Not wait_for: cancelling a future would not take its message back, only hide what became of it.
            await asyncio.wait(waited, timeout=deadline - asyncio.get_running_loop().time())
        outcomes = [self._outcome(message, each) for message, each in zip(messages, deliveries, strict=True)]
        failed = [each for each in waited if not each.done() or each.exception() is not None]
        if failed:
            replace_kafka_producer(producer, self._settings)
        return outcomes

    async def _hand_over(
        self, producer: AIOKafkaProducer, message: OutgoingMessage, deadline: float
    ) -> asyncio.Future[object] | Exception:
        """The delivery that began, or why it could not."""
        from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

        try:
            async with asyncio.timeout_at(deadline):
                # Waits for room in the buffer; the answer is a future.
                delivery: asyncio.Future[object] = await producer.send(
                    self._settings.topic_prefix + message.topic,
                    value=message.value,
                    key=message.key,
                    headers=list(message.headers),
                )
        except (TimeoutError, KafkaTimeoutError, KafkaConnectionError) as error:
            return _caused(unreachable(self._settings, error), error)
        except KafkaError as error:
            return _caused(_refused(message.topic, error), error)
        except Exception as error:  # of one message, which must not keep the others
            return error
        # Marks an error as seen, should nobody wait for it any more.
        delivery.add_done_callback(lambda late: late.cancelled() or late.exception())
        return delivery

    def _outcome(self, message: OutgoingMessage, delivery: asyncio.Future[object] | Exception) -> Exception | None:
        from aiokafka.errors import KafkaTimeoutError

        if isinstance(delivery, Exception):
            return delivery
        if not delivery.done():
            return _unknown(message.topic, self._settings)
        failure = delivery.exception()
        if failure is None:
            return None
        if isinstance(failure, KafkaTimeoutError):
            return _caused(_unknown(message.topic, self._settings), failure)
        return _caused(_refused(message.topic, failure), failure)


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def _unknown(topic: str, settings: Settings) -> OperationTimeout:
    return OperationTimeout(
        f"The outcome of a message to Kafka topic {topic!r} is unknown: not acknowledged within "
        f"{settings.kafka_request_timeout_s:g} s.",
        hint="It may still arrive: send it again and let consumers tell repeats by their id.",
        field="KAFKA_SERVICE_URI",
    )


def _refused(topic: str, error: BaseException) -> ServiceError:
    from aiokafka.errors import MessageSizeTooLargeError

    if isinstance(error, MessageSizeTooLargeError):
        hint = f"Send a reference instead of the content; the limit is {MAX_MESSAGE_BYTES:,} bytes."
    else:
        hint = "Check the topic's configuration and the rights of KAFKA_USERNAME."
    return ServiceError(f"Kafka refused a message to topic {topic!r}: {type(error).__name__}.", hint=hint)
