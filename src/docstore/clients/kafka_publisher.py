"""`KafkaPublisher`: the adapter that services send messages through."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docstore.clients._kafka_known_topics import KnownTopics
from docstore.clients._kafka_leaders import LOOK_S, Leaders, Place, place_of, places_of
from docstore.clients._kafka_options import unreachable
from docstore.clients._shared import resolve
from docstore.clients.kafka import MAX_MESSAGE_BYTES, get_kafka_producer, ping_kafka, replace_kafka_producer
from docstore.clients.protocols import OutgoingMessage, Ping
from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError
from docstore.settings import Settings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer


@dataclass(eq=False, slots=True)
class _Delivery:
    """A message on its way: why it could not be handed over, or the answer, as far as there is one."""

    message: OutgoingMessage
    error: Exception | None = None
    answer: asyncio.Future[object] | None = None

    @property
    def acknowledged(self) -> bool:
        return self.answer is not None and self.answer.done() and self.answer.exception() is None


class KafkaPublisher:
    """`Publisher` and `Probe` on Kafka, over the shared producer.

    Every wait has an end: ``kafka_request_timeout_s`` for a message, besides the first connecting. A producer
    whose delivery failed or timed out is replaced. A topic that is missing, and that the brokers do not create, holds
    up none of the others; nor does a partition that no broker leads, once the brokers know it.

    Args:
        settings: which brokers; those of the environment when None.
    """

    name = "kafka"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = resolve(settings)
        self._topics = KnownTopics(self._settings)
        self._leaders = Leaders()

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
            OperationTimeout: handed over, but not acknowledged in time: it may still arrive; or the topic is missing,
                or its partition has no leader.
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
        deliveries = [_Delivery(message, unsendable.get(message.topic)) for message in messages]
        names = {message.topic: self._settings.topic_prefix + message.topic for message in messages}
        places = {topic: places_of(producer, name) for topic, name in names.items()}
        parcels: defaultdict[Place | None, list[_Delivery]] = defaultdict(list)
        for each in deliveries:
            if each.error is None:
                parcels[place_of(places[each.message.topic], each.message.key)].append(each)
        for place in await self._leaders.lost(producer, filter(None, parcels)):
            for each in parcels.pop(place):
                each.error = _leaderless(each, place)
        await self._deliver(producer, parcels, deadline)
        if any(each.answer is not None and not each.acknowledged for each in deliveries):
            replace_kafka_producer(producer, self._settings)
        answered = any(each.acknowledged for each in deliveries)
        return [self._outcome(each, answered=answered) for each in deliveries]

    async def _deliver(
        self, producer: AIOKafkaProducer, parcels: Mapping[Place | None, Sequence[_Delivery]], deadline: float
    ) -> None:
        """Send to all partitions at the same time, and wait until each has answered, lost its leader, or been late."""
        sending = {
            asyncio.create_task(self._send(producer, place, parcel, deadline)): place
            for place, parcel in parcels.items()
        }
        try:
            while sending:
                done, _ = await asyncio.wait(sending, timeout=LOOK_S)
                for task in done:
                    del sending[task]
                    task.result()
                if not sending:
                    return
                # A broker that hangs, or that is not missed yet, is asked for what the others know.
                await self._leaders.look(producer)
                lost = await self._leaders.lost(producer, filter(None, sending.values()))
                for task in [task for task, place in sending.items() if place in lost]:
                    place = sending.pop(task)
                    await _cancelled(task)
                    assert place is not None
                    for each in parcels[place]:
                        if each.error is None and not (each.answer is not None and each.answer.done()):
                            each.error = _leaderless(each, place)
        finally:
            for task in sending:
                task.cancel()

    async def _send(
        self, producer: AIOKafkaProducer, place: Place | None, parcel: Sequence[_Delivery], deadline: float
    ) -> None:
        """Hand over what goes to one partition, and wait for its answers."""
        for each in parcel:
            await self._hand_over(producer, place, each, deadline)
        waited = {each.answer for each in parcel if each.answer is not None}
        if waited:
            # Not wait_for: cancelling a future would not take its message back, only hide what became of it.
            await asyncio.wait(waited, timeout=deadline - asyncio.get_running_loop().time())

    async def _hand_over(
        self, producer: AIOKafkaProducer, place: Place | None, each: _Delivery, deadline: float
    ) -> None:
        """Begin a delivery, or keep why it could not begin."""
        from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

        message = each.message
        try:
            async with asyncio.timeout_at(deadline):
                # Waits for room in the partition's buffer; the answer is a future.
                each.answer = await producer.send(
                    self._settings.topic_prefix + message.topic,
                    value=message.value,
                    key=message.key,
                    partition=None if place is None else place.partition,
                    headers=list(message.headers),
                )
        except (TimeoutError, KafkaTimeoutError, KafkaConnectionError) as error:
            each.error = _caused(unreachable(self._settings, error), error)
        except KafkaError as error:
            each.error = _caused(_refused(message.topic, error), error)
        except Exception as error:  # of one message, which must not keep the others
            each.error = error
        else:
            # Marks an error as seen, should nobody wait for it any more.
            each.answer.add_done_callback(lambda late: late.cancelled() or late.exception())

    def _outcome(self, each: _Delivery, *, answered: bool) -> Exception | None:
        from aiokafka.errors import KafkaError, KafkaTimeoutError

        if isinstance(each.error, ServerUnavailable) and answered:
            return _caused(_late(each.message.topic, self._settings), each.error)
        if each.error is not None:
            return each.error
        if each.answer is None or not each.answer.done():
            return _unknown(each.message.topic, self._settings)
        failure = each.answer.exception()
        if failure is None:
            return None
        # What may be tried again was not refused: replicas that are away, a leader that is about to be another.
        if isinstance(failure, KafkaTimeoutError) or (isinstance(failure, KafkaError) and failure.retriable):
            return _caused(_unknown(each.message.topic, self._settings), failure)
        return _caused(_refused(each.message.topic, failure), failure)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


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


def _late(topic: str, settings: Settings) -> OperationTimeout:
    return OperationTimeout(
        f"Kafka took nothing for topic {topic!r} within {settings.kafka_request_timeout_s:g} s, while others arrived.",
        hint="The broker that leads its partition is slow or hangs; the message was not handed over.",
        field="KAFKA_SERVICE_URI",
    )


def _leaderless(each: _Delivery, place: Place) -> OperationTimeout:
    begun = each.answer is not None
    return OperationTimeout(
        f"No broker leads partition {place.partition} of Kafka topic {each.message.topic!r}"
        + (": the outcome of a message is unknown." if begun else "; its messages wait."),
        hint="Bring the broker back that holds it; more replicas would outlive the loss of one."
        + (" The message may still arrive." if begun else ""),
        field="topic",
    )


def _refused(topic: str, error: BaseException) -> ServiceError:
    from aiokafka.errors import MessageSizeTooLargeError

    if isinstance(error, MessageSizeTooLargeError):
        hint = f"Send a reference instead of the content; the limit is {MAX_MESSAGE_BYTES:,} bytes."
    else:
        hint = "Check the topic's configuration and the rights of KAFKA_USERNAME."
    return ServiceError(f"Kafka refused a message to topic {topic!r}: {type(error).__name__}.", hint=hint)
