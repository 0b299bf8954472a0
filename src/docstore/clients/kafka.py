"""Kafka: one shared producer a loop, consumers, and how to find out whether a broker answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from docstore.clients._kafka_options import connection_options, identity, require_brokers
from docstore.clients._kafka_refusals import why_unreachable
from docstore.clients._shared import SharedHandles, elapsed_ms, resolve, with_retries
from docstore.clients.protocols import Ping
from docstore.errors import ServerUnavailable
from docstore.settings import Settings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

MAX_MESSAGE_BYTES = 1_048_576
_STOP_LIMIT_S = 5.0
_ABANDON_LIMIT_S = 1.0

# Tasks, not producers: whoever asks while the first is still starting waits for the same one.
_producers: SharedHandles[asyncio.Task[AIOKafkaProducer]] = SharedHandles("get_kafka_producer()")
_retiring: set[asyncio.Task[None]] = set()


async def get_kafka_producer(settings: Settings | None = None) -> AIOKafkaProducer:
    """The shared, started producer of this event loop: idempotent, acknowledged by all in-sync replicas.

    Tries ``connect_attempts`` times within ``connect_timeout_s`` seconds, with backoff and jitter. Prefer
    `KafkaPublisher`: the producer's own calls can wait without end while brokers are down.

    Args:
        settings: those of the environment when None.

    Raises:
        SettingsError: Kafka is not configured.
        ServerUnavailable: no broker answered, or its certificate or protocol does not fit; names the brokers, the
            setting and what to check.
        AccessDenied: a broker answered, and refused the login; it is not tried again.
    """
    settings = resolve(settings)
    key = identity(settings)

    def start() -> asyncio.Task[AIOKafkaProducer]:
        task = asyncio.create_task(with_retries(lambda: _start(settings), settings, on=(ServerUnavailable,)))
        # A failed start is not shared with those who ask later. Asking for the exception marks it as seen,
        # should everybody who waited have been cancelled.
        task.add_done_callback(lambda done: (done.cancelled() or done.exception()) and _producers.discard(key, done))
        return task

    require_brokers(settings)
    return await asyncio.shield(_producers.get(key, start))


async def ping_kafka(settings: Settings | None = None) -> Ping:
    """Connect to the first broker that answers and ask for the cluster's metadata; latency includes both.

    Raises:
        ServerUnavailable: no broker answers, or its certificate or protocol does not fit.
        AccessDenied: it refuses the login.
    """
    from aiokafka.client import AIOKafkaClient
    from aiokafka.errors import KafkaError

    settings = resolve(settings)
    client = AIOKafkaClient(**connection_options(settings))
    start = time.perf_counter()
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await client.bootstrap()
        latency = elapsed_ms(start)
        brokers = len(client.cluster.brokers())
    except (KafkaError, TimeoutError) as error:
        raise await why_unreachable(settings, error) from error
    finally:
        await client.close()
    return Ping("kafka", ",".join(settings.kafka_bootstrap), latency, f"{brokers} broker(s)")


async def close_kafka_producer(settings: Settings | None = None) -> None:
    """Flush and stop this event loop's producer; nothing happens when there is none. Takes 8 s at most."""
    task = _producers.pop(identity(resolve(settings)))
    if task is not None:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled() and not task.exception():
            await _stop(task.result())
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(task for task in _retiring if task.get_loop() is loop))


def replace_kafka_producer(producer: AIOKafkaProducer, settings: Settings) -> None:
    """Let the next `get_kafka_producer` make a new one, and stop this one in the background.

    For a producer whose delivery failed or timed out: its sequence numbers may not fit the brokers' any more,
    after which every further message would be refused.
    """
    key = identity(settings)
    task = _producers.peek(key)
    if task is None or not task.done() or task.cancelled() or task.exception() or task.result() is not producer:
        return  # somebody else replaced it already
    _producers.discard(key, task)
    retiring = asyncio.create_task(_stop(producer))
    _retiring.add(retiring)
    retiring.add_done_callback(_retiring.discard)


async def _start(settings: Settings) -> AIOKafkaProducer:
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    producer = AIOKafkaProducer(
        enable_idempotence=True,
        acks="all",
        max_request_size=MAX_MESSAGE_BYTES,
        **connection_options(settings),
    )
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await producer.start()
    except (KafkaError, TimeoutError) as error:
        await _stop(producer)
        raise await why_unreachable(settings, error) from error
    except BaseException:
        await _stop(producer)
        raise
    return producer


async def _stop(producer: AIOKafkaProducer) -> None:
    """Flush and close; without the flush when brokers do not take what is left."""
    try:
        async with asyncio.timeout(_STOP_LIMIT_S):
            await producer.stop()
    except TimeoutError:
        await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    # aiokafka offers no stop without a flush; these are the rest of what its stop does. The connections end first:
    # the sender waits for answers on them, and a broker that hangs lets it wait for as long as a request may take.
    async def close() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ABANDON_LIMIT_S):
                await producer.client.close()

    await close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ABANDON_LIMIT_S):
            await producer._sender.close()
    await close()
