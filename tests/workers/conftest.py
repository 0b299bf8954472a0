"""Messages as the relay would send them, and a Kafka consumer double for the runner's own tests."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from docstore.models import Author, Member, Post
from docstore.outbox import OutboxEntry
from docstore.outbox.envelopes import envelope
from docstore.store import Store
from docstore.workers import Message


@pytest.fixture
def waiting() -> Callable[..., Awaitable[list[Message]]]:
    """The messages of waiting outbox rows of a topic, oldest first, without sending them."""

    async def of(topic: str, **where: Any) -> list[Message]:
        rows = await OutboxEntry.get_pymongo_collection().find({"topic": topic, **where}).sort({"seq": 1}).to_list()
        sent = [envelope(row) for row in rows]
        return [
            Message(each.topic, each.value, each.key, {name: value.decode() for name, value in each.headers})
            for each in sent
        ]

    return of


@pytest.fixture
def foreign() -> Callable[[str, Any], Message]:
    """A message of another service: no event id."""
    return lambda topic, value: Message(topic, value if isinstance(value, bytes) else json.dumps(value).encode())


@pytest_asyncio.fixture
async def members(store: Store) -> list[Member]:
    """Ten members, of whom m0 and m5 have unsubscribed."""
    made = [Member(email=f"m{number}@example.com", unsubscribed=number % 5 == 0) for number in range(10)]
    await Member.insert_many(made)
    return made


@pytest_asyncio.fixture
async def newsletter(store: Store) -> Post:
    """A published newsletter post."""
    author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
    post = await Post(title="News", content="…", post_url="news", author_id=author.id, is_newsletter=True).insert()
    return await post.publish()


@dataclass
class Record:
    topic: str
    value: bytes
    offset: int
    partition: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class QueueConsumer:
    """A double of aiokafka's consumer over lists of records; it remembers what was committed."""

    queues: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[str, int] = field(default_factory=dict)
    commit_error: Exception | None = None
    paused: set[str] = field(default_factory=set)
    ends: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def put(self, *values: bytes, partition: str = "p0", key: bytes | None = None) -> None:
        for value in values:
            headers = [("ce_id", uuid4().hex.encode())]
            self.queues[partition].append(Record("t", value, self.ends[partition], key=key, headers=headers))
            self.ends[partition] += 1

    async def getmany(self, *, timeout_ms: int, max_records: int | None) -> Mapping[str, Sequence[Record]]:
        await asyncio.sleep(0.01)
        fetched = {}
        for name, records in self.queues.items():
            if records and name not in self.paused:
                fetched[name], records[:] = list(records[:max_records]), records[max_records:]
        return fetched

    def pause(self, *partitions: str) -> None:
        self.paused |= set(partitions)

    def resume(self, *partitions: str) -> None:
        self.paused -= set(partitions)

    async def commit(self, offsets: Mapping[str, int]) -> None:
        if self.commit_error is not None:
            raise self.commit_error
        self.committed |= offsets


@pytest.fixture
def consumer() -> QueueConsumer:
    return QueueConsumer()
