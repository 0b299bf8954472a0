"""Looking at the servers past the library: the counts that its own are held against.

Raw queries with a condition of their own for "not deleted", sums in Python, and a Kafka consumer that only watches.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import uuid4

from pymongo.asynchronous.database import AsyncDatabase

from docstore.clients import ensure_topic, make_kafka_consumer
from docstore.store import Store

Database = AsyncDatabase[dict[str, Any]]

_ASSIGNED_WITHIN_S = 20.0


def is_living(document: Mapping[str, Any]) -> bool:
    """Whether a stored document bears none of the three marks of deletion."""
    return document.get("deletedAt") is None and not document.get("isDeleted") and document.get("status") != "DELETED"


async def living(database: Database, collection: str, filter_: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The documents of a collection that match and are not deleted."""
    return [each async for each in database[collection].find(filter_ or {}) if is_living(each)]


async def expected_recipients(database: Database, newsletter_type: str) -> set[str]:
    """The addresses a newsletter of a type has to reach: subscribed members, within its audience if it has one."""
    members = {each["email"].lower() for each in await living(database, "Member") if not each.get("unsubscribed")}
    names = [newsletter_type, newsletter_type.lower(), newsletter_type.capitalize()]
    letters = [each["_id"] for each in await living(database, "Newsletter", {"name": {"$in": names}})]
    audience = await living(database, "NewsletterAudience", {"newsletterId": {"$in": letters}})
    if not audience:
        return members
    subscribed = {each["userId"] for each in audience if each.get("subscribed", True)}
    return members & {each["email"].lower() for each in await living(database, "User") if each["_id"] in subscribed}


async def expected_rating(database: Database, account_id: Any) -> tuple[float | None, int]:
    """Mean (two places) and number of an account's published reviews."""
    reviews = await living(database, "Review", {"accountId": account_id, "status": "PUBLISHED"})
    if not reviews:
        return None, 0
    mean = Decimal(sum(int(each["stars"]) for each in reviews)) / len(reviews)
    return float(mean.quantize(Decimal("0.01"), ROUND_HALF_UP)), len(reviews)


class KafkaWatch:
    """Counts messages by topic and aggregate as they pass."""

    def __init__(self) -> None:
        self._seen: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)

    async def count(self, topic: str, subject: str, **fields: Any) -> int:
        """How many messages of a topic have been about an aggregate, and held these fields."""
        wanted = fields.items()
        return sum(wanted <= value.items() for value in self._seen[topic, subject])

    def values(self, topic: str, subject: str) -> Sequence[dict[str, Any]]:
        """The messages of a topic about an aggregate."""
        return self._seen[topic, subject]

    async def run(self, consumer: Any) -> None:
        """Watch until cancelled."""
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    headers = {name.lower(): value.decode() for name, value in record.headers}
                    subject = headers.get("ce_subject", "")
                    self._seen[record.topic, subject].append(json.loads(record.value))


@asynccontextmanager
async def kafka_watch(store: Store, topics: Sequence[str]) -> AsyncIterator[KafkaWatch]:
    """A watch over what is sent to topics from now on, by a consumer in a group of its own."""
    watch = KafkaWatch()
    for topic in topics:
        await ensure_topic(topic, settings=store.settings)
    async with make_kafka_consumer(f"docstore-demo-{uuid4().hex[:8]}", topics, store.settings) as consumer:
        async with asyncio.timeout(_ASSIGNED_WITHIN_S):
            while not consumer.assignment():
                await consumer.getmany(timeout_ms=50)
            await consumer.seek_to_end()
            # The seek is carried out with the first look at the position.
            for partition in consumer.assignment():
                await consumer.position(partition)
        task = asyncio.create_task(watch.run(consumer))
        try:
            yield watch
        finally:
            task.cancel()
            await asyncio.wait([task])
