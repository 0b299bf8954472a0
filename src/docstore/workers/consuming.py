"""Reading messages: the offset is committed after the effect, so a crash repeats a message and loses none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final, Protocol

from pymongo.errors import ConnectionFailure, PyMongoError

from docstore.errors import DocstoreError, OperationTimeout, ServerUnavailable, ValidationFailed
from docstore.workers.dead_letters import DeadLetter
from docstore.workers.messages import BatchWorker, Message, Worker

ATTEMPTS: Final = 5
"""How often a message is tried before it becomes a dead letter. Servers that are away do not count."""

_LONGEST_PAUSE_S: Final = 30.0

_log = logging.getLogger("docstore.workers")


class Consumer(Protocol):
    """What is used of a started driver's consumer (aiokafka's)."""

    async def getmany(self, *partitions: Any, timeout_ms: int, max_records: int | None) -> Mapping[Any, Sequence[Any]]:
        """Records by partition, as soon as there are any."""
        ...

    async def commit(self, offsets: Mapping[Any, int]) -> None:
        """Remember the next offset of partitions."""
        ...


async def run_consumer(
    consumer: Consumer, worker: Worker, stop: asyncio.Event, *, max_records: int = 200, poll_ms: int = 200
) -> None:
    """Hand messages to `worker` until `stop` is set, and commit each partition's offset after its effect.

    A message is tried again when a server is away, for as long as it takes, and otherwise `ATTEMPTS` times, after
    which it is kept as a `DeadLetter`. One that can never be handled is kept at once.

    Args:
        consumer: started, with automatic commits off.
        worker: what handles the messages.
        stop: ends the loop after the messages in hand; those that are being retried are left for the next time.
        max_records: most messages in hand.
        poll_ms: how long one wait for messages takes, and so how soon `stop` is noticed.
    """
    while not stop.is_set():
        fetched = await consumer.getmany(timeout_ms=poll_ms, max_records=max_records)
        for partition, records in fetched.items():
            done = await _handle_all(worker, [Message.from_record(record) for record in records], stop)
            if done:
                await _commit(consumer, partition, records[done - 1].offset + 1)
            if done < len(records):
                return  # stopped while retrying


async def _handle_all(worker: Worker, messages: Sequence[Message], stop: asyncio.Event) -> int:
    """Handle the messages of a partition; how many of them, from the first, are done with."""
    if isinstance(worker, BatchWorker) and len(messages) > 1:
        try:
            await worker.handle_many(messages)
        except Exception as error:
            # One by one: what keeps a message from being handled must not keep the others.
            _log.warning("%s failed on %d messages at once: %s", worker.group, len(messages), _told(error))
        else:
            return len(messages)
    for done, message in enumerate(messages):
        if not await _handle(worker, message, stop):
            return done
    return len(messages)


async def _handle(worker: Worker, message: Message, stop: asyncio.Event) -> bool:
    """Whether the message is done with: handled, or kept as a dead letter."""
    refusals = 0
    for tries in count(1):
        try:
            await worker.handle(message)
            return True
        except Exception as error:
            _log.warning(
                "%s failed on a message of %s (partition %d, offset %d, try %d): %s",
                worker.group,
                message.topic,
                message.partition,
                message.offset,
                tries,
                _told(error),
                exc_info=None if isinstance(error, DocstoreError) else error,
            )
            if isinstance(error, ValidationFailed):
                return await _keep(worker, message, error, stop)
            refusals += not _is_passing(error)
            if refusals >= ATTEMPTS:
                return await _keep(worker, message, error, stop)
        if await _stopped_within(stop, _backoff_s(tries)):
            break
    return False


async def _keep(worker: Worker, message: Message, error: Exception, stop: asyncio.Event) -> bool:
    """Make the message a dead letter, however long it takes; whether it is one before `stop`."""
    letter = DeadLetter(
        consumer=worker.group,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        event_id=message.event_id,
        key=message.key,
        value=message.value,
        headers=message.headers,
        error=_told(error),
    )
    for tries in count(1):
        try:
            await letter.insert()
        except Exception as failure:
            _log.error("A dead letter could not be written: %s", _told(failure))
        else:
            _log.error("%s gave up on a message of %s; it is a dead letter now.", worker.group, message.topic)
            return True
        if await _stopped_within(stop, _backoff_s(tries)):
            break
    return False


async def _commit(consumer: Consumer, partition: Any, offset: int) -> None:
    try:
        await consumer.commit({partition: offset})
    except Exception as error:
        # The group was rebalanced or its coordinator is away: the messages come again, and repeats do nothing.
        _log.warning("An offset of %s was not committed: %s", partition, type(error).__name__)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, ServerUnavailable | OperationTimeout | ConnectionFailure):
        return True
    return isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError")


def _told(error: Exception) -> str:
    # The messages of our own errors name no values; those of others might.
    return str(error) if isinstance(error, DocstoreError) else type(error).__name__


def _backoff_s(tries: int) -> float:
    return min(0.1 * 2.0 ** min(tries, 20), _LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


async def _stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
