"""The embedded Kafka cluster, through the client that production uses."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from docstore.embedded import EmbeddedServers
from docstore.errors import EmbeddedServerError


async def test_what_is_produced_is_consumed_in_order_and_committed() -> None:
    async with EmbeddedServers(services=["kafka"]) as servers:
        brokers = servers.urls["kafka"]
        async with AIOKafkaProducer(bootstrap_servers=brokers, enable_idempotence=True, acks="all") as producer:
            for n in range(10):
                await producer.send_and_wait("reviews", str(n).encode(), key=b"one", headers=[("ce_id", b"x")])
        received = []
        for _ in range(2):  # the second takes up where the first has committed
            consumer = AIOKafkaConsumer(
                "reviews",
                bootstrap_servers=brokers,
                group_id="ratings",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=4000,  # the mock keeps a returning consumer waiting for nearly as long
                heartbeat_interval_ms=1000,
            )
            async with asyncio.timeout(30), consumer:
                for _ in range(5):
                    message = await consumer.getone()
                    received.append((message.value, message.headers))
                    await consumer.commit()
        assert received == [(str(n).encode(), (("ce_id", b"x"),)) for n in range(10)]


async def test_there_are_three_brokers_and_four_partitions() -> None:
    async with EmbeddedServers(services=["kafka"]) as servers:
        brokers = servers.urls["kafka"]
        assert len(set(brokers.split(","))) == 3
        async with AIOKafkaProducer(bootstrap_servers=brokers) as producer:
            assert await producer.partitions_for("reviews") == {0, 1, 2, 3}


async def test_a_port_for_kafka_is_refused_in_a_sentence() -> None:
    with pytest.raises(EmbeddedServerError, match=r"kafka server chooses its own ports.*Leave out the port"):
        async with EmbeddedServers(services=["kafka"], ports={"kafka": 9092}):
            pytest.fail("must not start")
