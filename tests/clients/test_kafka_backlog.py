"""How far a group is behind, on the embedded broker."""

from __future__ import annotations

from uuid import uuid4

import pytest

from docstore.clients import KafkaPublisher, OutgoingMessage, make_kafka_consumer, messages_behind
from docstore.errors import ServerUnavailable
from docstore.settings import Settings


async def test_what_a_group_has_not_committed_is_counted(settings: Settings) -> None:
    own = settings.with_urls(kafka_topic_prefix=f"b{uuid4().hex[:6]}.")
    group, topic = "readers", "news"
    assert await messages_behind(group, [topic, "absent"], own) == 0
    publisher = KafkaPublisher(own)
    for number in range(5):
        await publisher.publish_many([OutgoingMessage(topic, b"k%d" % number, b"x")])
    assert await messages_behind(group, [topic, "absent"], own) == 5
    async with make_kafka_consumer(group, [topic], own) as consumer:
        read = 0
        while read < 5:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                read += len(records)
        await consumer.commit()
    assert await messages_behind(group, [topic], own) == 0


async def test_a_broker_that_is_away_is_told() -> None:
    away = Settings(db_method="LOCAL", database_url_local="mongodb://localhost:1", kafka_service_uri="127.0.0.1:1")
    with pytest.raises(ServerUnavailable, match="KAFKA_SERVICE_URI"):
        await messages_behind("readers", ["news"], away, timeout_s=2)
