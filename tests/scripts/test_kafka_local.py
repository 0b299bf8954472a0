"""The real Kafka that tests run on: its brokers keep what they acknowledged, and end with their owner."""

import asyncio
import subprocess
import sys
from uuid import uuid4

import pytest

from docstore.clients.kafka import ping_kafka
from docstore.settings import Settings
from scripts.kafka_local import LocalKafka

pytestmark = pytest.mark.kafka

_OWNER = """
import time
from scripts.kafka_local import LocalKafka
with LocalKafka() as kafka:
    print(kafka.brokers[0].process.pid, flush=True)
    time.sleep(60)
"""


async def test_two_members_of_a_group_share_the_partitions(kafka_settings: Settings, real_kafka: LocalKafka) -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    topic = f"shared-{uuid4().hex[:8]}"
    async with AIOKafkaProducer(bootstrap_servers=real_kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, b"first")
    members = [AIOKafkaConsumer(topic, bootstrap_servers=real_kafka.bootstrap, group_id=f"g-{topic}") for _ in range(2)]
    await asyncio.gather(*(each.start() for each in members))
    try:
        async with asyncio.timeout(30):
            while not (held := [each.assignment() for each in members])[0] or not held[1]:
                await asyncio.gather(*(each.getmany(timeout_ms=100) for each in members))
        assert not held[0] & held[1]
        assert len(held[0] | held[1]) == 4
    finally:
        await asyncio.gather(*(each.stop() for each in members))
    ping = await ping_kafka(kafka_settings)
    assert ping.server == "kafka"


def test_a_broker_dies_with_its_owner() -> None:
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        broker = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
    subprocess.run(["tail", f"--pid={broker}", "-f", "/dev/null"], timeout=20, check=True)
