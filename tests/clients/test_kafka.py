"""The Kafka clients against librdkafka's mock cluster, against a broker that dies, and against none."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.commit import OffsetCommitRequest

from docstore.clients import (
    KafkaPublisher,
    Probe,
    Publisher,
    close_kafka_producer,
    ensure_topic,
    get_kafka_producer,
    make_kafka_consumer,
    ping_kafka,
    replace_kafka_producer,
)
from docstore.clients._kafka_options import connection_options
from docstore.embedded import EmbeddedServers
from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError, SettingsError
from docstore.settings import Settings


@pytest.fixture
async def kafka(settings: Settings) -> AsyncIterator[Settings]:
    yield settings
    await close_kafka_producer(settings)


@pytest.fixture
async def topic(kafka: Settings) -> str:
    name = f"topic-{uuid4().hex}"
    await ensure_topic(name, settings=kafka)
    return name


async def received(settings: Settings, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = make_kafka_consumer(f"group-{topic}", [topic], settings)
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            messages = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return [(message.key, message.value) for message in messages]


async def test_messages_of_one_key_arrive_in_order_with_their_headers(kafka: Settings, topic: str) -> None:
    publisher = KafkaPublisher(kafka)
    assert isinstance(publisher, Publisher)
    assert isinstance(publisher, Probe)
    for number in range(5):
        await publisher.publish(topic, key=b"k", value=b"%d" % number, headers=[("ce_id", b"1")])
    assert await received(kafka, topic, 5) == [(b"k", b"%d" % number) for number in range(5)]


async def test_a_consumer_starts_at_the_earliest_and_commits_by_hand_only(kafka: Settings, topic: str) -> None:
    await KafkaPublisher(kafka).publish(topic, key=None, value=b"once")
    consumer = make_kafka_consumer(f"group-{topic}", [topic], kafka)
    await consumer.start()
    try:
        message = await asyncio.wait_for(consumer.getone(), 20)
        place = TopicPartition(topic, message.partition)
        assert (message.value, message.offset) == (b"once", 0)
        assert await consumer.committed(place) is None
        await consumer.commit()
        assert await consumer.committed(place) == 1
    finally:
        await consumer.stop()


async def test_those_who_ask_at_once_share_one_producer(kafka: Settings) -> None:
    producers = await asyncio.gather(*(get_kafka_producer(kafka) for _ in range(10)))
    assert len({id(producer) for producer in producers}) == 1
    await close_kafka_producer(kafka)
    await close_kafka_producer(kafka)
    assert await get_kafka_producer(kafka) is not producers[0]


async def test_who_gives_up_waiting_does_not_spoil_it_for_others(kafka: Settings) -> None:
    impatient = asyncio.create_task(get_kafka_producer(kafka))
    patient = asyncio.create_task(get_kafka_producer(kafka))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient is await get_kafka_producer(kafka)
    assert impatient.cancelled()


async def test_the_producer_is_idempotent_and_waits_for_all(kafka: Settings) -> None:
    producer = await get_kafka_producer(kafka)
    assert producer._txn_manager is not None
    assert producer._sender._acks == -1


async def test_closing_while_it_starts_stops_it(dead: Settings) -> None:
    patient = dead.with_urls(connect_attempts=1000, connect_timeout_s=100)
    starting = asyncio.create_task(get_kafka_producer(patient))
    await asyncio.sleep(0.05)
    await close_kafka_producer(patient)
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_a_replaced_producer_is_stopped_and_a_new_one_made(kafka: Settings) -> None:
    first = await get_kafka_producer(kafka)
    replace_kafka_producer(first, kafka)
    second = await get_kafka_producer(kafka)
    replace_kafka_producer(first, kafka)
    assert second is not first
    assert await get_kafka_producer(kafka) is second
    await close_kafka_producer(kafka)
    assert first._closed


async def test_a_message_that_is_too_large_is_refused_before_it_is_sent(kafka: Settings, topic: str) -> None:
    producer = await get_kafka_producer(kafka)
    with pytest.raises(ServiceError, match="1,048,576 bytes"):
        await KafkaPublisher(kafka).publish(topic, key=None, value=b"x" * 1_100_000)
    assert await get_kafka_producer(kafka) is producer


async def test_ensuring_a_topic_twice_is_fine(kafka: Settings, topic: str) -> None:
    await ensure_topic(topic, partitions=9, replication=1, settings=kafka)
    producer = await get_kafka_producer(kafka)
    assert len(await producer.partitions_for(topic)) == 4  # as the brokers made it by themselves


async def test_a_ping_tells_where_and_how_fast(kafka: Settings) -> None:
    ping = await KafkaPublisher(kafka).ping()
    assert (ping.server, ping.address) == ("kafka", kafka.kafka_service_uri)
    assert 0 < ping.latency_ms < 5_000
    assert ping.detail == "3 broker(s)"


async def test_brokers_that_die_make_the_outcome_unknown_and_nothing_hangs() -> None:
    async with EmbeddedServers(services=("kafka",)) as servers:
        settings = Settings(kafka_request_timeout_s=2, connect_attempts=1, connect_timeout_s=2).with_urls(
            **servers.settings_overrides()
        )
        publisher = KafkaPublisher(settings)
        await publisher.publish("t", key=b"k", value=b"alive")
        producer = await get_kafka_producer(settings)
    start = time.perf_counter()
    with pytest.raises(OperationTimeout, match=r"outcome .* is unknown"):
        await publisher.publish("t", key=b"k", value=b"dead")
    with pytest.raises(ServerUnavailable):
        await publisher.publish("t", key=b"k", value=b"dead")
    await close_kafka_producer(settings)
    assert time.perf_counter() - start < 15
    assert producer._closed


@pytest.mark.parametrize(
    "ask",
    [
        get_kafka_producer,
        ping_kafka,
        lambda s: ensure_topic("t", settings=s),
        lambda s: KafkaPublisher(s).publish("t", key=None, value=b""),
    ],
)
async def test_no_broker_is_told_with_address_setting_and_what_to_check(ask, dead: Settings) -> None:  # type: ignore[no-untyped-def]  # any of four callables
    with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:1 \(KAFKA_SERVICE_URI\).*Check that it runs"):
        await ask(dead)
    await close_kafka_producer(dead)


async def test_not_configured_is_told_with_an_example() -> None:
    with pytest.raises(SettingsError, match="KAFKA_SERVICE_URI=127"):
        await get_kafka_producer(Settings(db_method="EMBEDDED"))


def test_login_and_trust_are_handed_to_the_driver() -> None:
    plain = Settings(kafka_service_uri="a:1,b:2")
    login = plain.with_urls(kafka_username="u", kafka_password="p", kafka_sasl_mechanism="SCRAM-SHA-512")
    assert "ssl_context" not in connection_options(plain)
    options = connection_options(login)
    assert options["security_protocol"] == "SASL_SSL"
    assert options["ssl_context"].check_hostname
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")


async def test_a_consumer_whose_start_is_cancelled_leaves_nothing_behind(settings: Settings) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    consumer = make_kafka_consumer("g", ["t"], settings.with_urls(kafka_service_uri=f"127.0.0.1:{port}"))
    starting = asyncio.create_task(consumer.start())
    await asyncio.sleep(0.2)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert consumer._closed
    server.close()
    await server.wait_closed()


async def test_a_commit_that_was_given_up_leaves_no_error_that_nobody_saw(
    kafka: Settings, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    sent, broken = asyncio.Event(), asyncio.Event()
    async with make_kafka_consumer(f"group-{topic}", [topic], kafka) as consumer:
        async with asyncio.timeout(60):
            while not consumer.assignment():
                await asyncio.sleep(0.01)

        send, within = consumer._client.send, []

        async def hang_with_commits(node: object, request: object, **where: object) -> object:
            if not isinstance(request, OffsetCommitRequest):
                return await send(node, request, **where)
            within.append(asyncio.current_task())
            sent.set()
            await broken.wait()
            raise KafkaConnectionError("closed")

        monkeypatch.setattr(consumer._client, "send", hang_with_commits)
        committing = asyncio.create_task(consumer.commit({TopicPartition(topic, 0): 1}))
        async with asyncio.timeout(60):
            await sent.wait()
            committing.cancel()
            await asyncio.wait({committing})
            broken.set()
            await asyncio.wait(within)  # the driver went on with it
        assert committing.cancelled()
        within.clear()
    gc.collect()
    assert unseen == []
