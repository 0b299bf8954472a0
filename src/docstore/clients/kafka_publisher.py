"""`KafkaPublisher`: the adapter that services send messages through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from docstore.clients._kafka_options import unreachable
from docstore.clients._shared import resolve
from docstore.clients.kafka import MAX_MESSAGE_BYTES, get_kafka_producer, ping_kafka, replace_kafka_producer
from docstore.clients.protocols import Ping
from docstore.errors import OperationTimeout, ServiceError
from docstore.settings import Settings


class KafkaPublisher:
    """`Publisher` and `Probe` on Kafka, over the shared producer.

    Every wait has an end: ``kafka_request_timeout_s`` for a message, besides the first connecting. A producer
    whose delivery failed or timed out is replaced.

    Args:
        settings: which brokers; those of the environment when None.
    """

    name = "kafka"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = resolve(settings)

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
            OperationTimeout: handed over, but not acknowledged in time: it may still arrive.
            ServerUnavailable: no broker, or no leader of the topic, answers; nothing was handed over.
            ServiceError: the message is too large, or the brokers refuse it.
        """
        from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

        producer = await get_kafka_producer(self._settings)
        deadline = asyncio.get_running_loop().time() + self._settings.kafka_request_timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                # Waits for the topic's metadata and room in the buffer; the answer is a future.
                delivery = await producer.send(topic, value=value, key=key, headers=list(headers))
        except (TimeoutError, KafkaTimeoutError, KafkaConnectionError) as error:
            raise unreachable(self._settings, error) from error
        except KafkaError as error:
            raise _refused(topic, error) from error
        # Marks an error as seen, should nobody wait for it any more.
        delivery.add_done_callback(lambda late: late.cancelled() or late.exception())
        # Not wait_for: cancelling the future would not take the message back, only hide what became of it.
        done, _ = await asyncio.wait({delivery}, timeout=deadline - asyncio.get_running_loop().time())
        if not done:
            replace_kafka_producer(producer, self._settings)
            raise _unknown(topic, self._settings)
        failure = delivery.exception()
        if failure is not None:
            replace_kafka_producer(producer, self._settings)
        if isinstance(failure, KafkaTimeoutError):
            raise _unknown(topic, self._settings) from failure
        if failure is not None:
            raise _refused(topic, failure) from failure


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
