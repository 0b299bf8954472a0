"""Redis away and back under workers and readers that use it: slower meanwhile, never an error, right in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit
from uuid import uuid4

import pytest_asyncio
from tests.databases import drop_database

from docstore.documents import declared_indexes
from docstore.models import Account, Platform, Review, Tag, User
from docstore.outbox import OutboxEntry
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import DeadLetter
from docstore.workers.ratings import cache_key
from docstore.workers.registry import WORKERS
from docstore.workers.running import RunningWorker, run_workers


class Gate:
    """A way to a server that can be closed: what is connected is cut off, and whoever comes is refused."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._to)
        self._open |= {writer, there_writer}
        try:
            await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))
        finally:
            self._open -= {writer, there_writer}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture
async def gate(settings: Settings) -> AsyncIterator[Gate]:
    assert settings.redis_dsn is not None
    parts = urlsplit(settings.redis_dsn.get_secret_value())
    gate = Gate(parts.hostname or "127.0.0.1", parts.port or 6379)
    await gate.open()
    yield gate
    await gate.close()


@pytest_asyncio.fixture
async def store(settings: Settings, gate: Gate) -> AsyncIterator[Store]:
    own = settings.with_urls(
        redis_url=f"redis://127.0.0.1:{gate.port}/0", kafka_topic_prefix=f"r{uuid4().hex[:6]}.", redis_timeout_s=1.0
    )
    async with Store(own) as opened:
        for model in opened.models:
            indexes = [wanted.to_index_model(model) for wanted in declared_indexes(model)]
            if indexes:
                await opened.database[model.get_collection_name()].create_indexes(indexes)
        yield opened
        await drop_database(opened.client, own.effective_database_name)


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await true():
            await asyncio.sleep(0.05)


async def test_workers_wait_for_redis_and_readers_do_not(store: Store, gate: Gate) -> None:
    stop = asyncio.Event()
    workers = {name: RunningWorker(WORKERS[name], store, drain_s=2) for name in ("relay", "ratings", "cache")}
    running = asyncio.create_task(run_workers([*workers.values()], stop, drain_s=2))
    account = await Account(platform=Platform.YOUTUBE, account_id=f"UC{uuid4().hex}").insert()
    user = await User(email="u@example.com").insert()
    tag = await Tag(slug="before").insert()
    key_value, key = await store.key_value(), cache_key(Platform.YOUTUBE, account.account_id)
    await key_value.set(key, b"old", ttl=600)

    async def cached_slug() -> str | None:
        found = await Tag.cached.get(tag.id)
        return found.slug if found is not None else None

    assert await cached_slug() == "before"

    await gate.close()
    tag.slug = "after"
    await tag.save()
    for stars in (5, 4):
        await Review(
            title="r", stars=stars, author_id=user.id, account_id=account.id, platform=account.platform
        ).insert()

    async def rated() -> bool:
        found = await Account.get(account.id)
        return found is not None and found.review_count == 2

    async def waits() -> bool:
        consumers = [workers[name].health().consumer for name in ("ratings", "cache")]
        return all(each is not None and each.waiting > 0 for each in consumers)

    await eventually(rated)  # the database does not wait for the cache
    await eventually(waits)  # and what has to reach it is in hand, for all to see
    assert await cached_slug() == "after"

    await gate.open()

    async def gone() -> bool:
        return not await key_value.exists(key)

    async def all_done() -> bool:
        consumers = [worker.health().consumer for worker in workers.values()]
        idle = all(each.in_hand == 0 and each.waiting == 0 for each in consumers if each is not None)
        return idle and await OutboxEntry.find({"status": "PENDING"}).count() == 0

    await eventually(gone)
    await eventually(all_done)
    assert await cached_slug() == "after"
    health = {name: worker.health() for name, worker in workers.items()}
    stop.set()
    await running
    assert {name: each.failures for name, each in health.items()} == dict.fromkeys(workers, 0)
    assert await DeadLetter.find().count() == 0
    assert await OutboxEntry.find({"topic": "new-review-algolia-update"}).count() == 2, "one for each review"
