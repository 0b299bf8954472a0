"""What faults are made with: clocks that are wrong for one task and right for the next, and messages of events."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from docstore.clients import make_kafka_consumer
from docstore.outbox import OutboxEntry
from docstore.outbox.envelopes import envelope
from docstore.settings import Settings
from docstore.workers import Message

WrongClock = Callable[[timedelta], AbstractContextManager[None]]
Waiting = Callable[..., Awaitable[list[Message]]]

_wrong_by: ContextVar[int] = ContextVar("wrong_by", default=0)


class _Time:
    """The time module of a process whose clock is wrong; of each task, rather."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return time.time_ns() + _wrong_by.get()


@pytest.fixture
def wrong_clock(monkeypatch: pytest.MonkeyPatch) -> WrongClock:
    """A block in which the clock is wrong by so much, for what is called and for the tasks that begin in it."""
    for module in ("docstore.documents.fields", "docstore.outbox.sequences"):
        monkeypatch.setattr(f"{module}.time", _Time())

    @contextmanager
    def wrong_by(much: timedelta) -> Iterator[None]:
        before = _wrong_by.set(round(much.total_seconds() * 1e9))
        try:
            yield
        finally:
            _wrong_by.reset(before)

    return wrong_by


@pytest.fixture
def waiting() -> Waiting:
    """The messages of outbox rows of a topic, oldest first, without sending them."""

    async def of(topic: str) -> list[Message]:
        rows = await OutboxEntry.get_pymongo_collection().find({"topic": topic}).sort({"seq": 1}).to_list()
        return [
            Message(each.topic, each.value, each.key, {name: value.decode() for name, value in each.headers})
            for each in map(envelope, rows)
        ]

    return of


async def received(settings: Settings, topic: str, count: int) -> dict[str, list[int]]:
    """The numbers of a topic's messages by key, in the order in which they stand."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    ids: set[bytes] = set()
    async with make_kafka_consumer(f"look-{uuid4().hex[:6]}", [topic], settings) as consumer:
        async with asyncio.timeout(60):
            while len(ids) < count:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        ids.add(dict(record.headers)["ce_id"])
                        found[record.key.decode()].append(json.loads(record.value)["number"])
    return found
