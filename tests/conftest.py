"""Real local servers for the whole run, and a fresh database for every test."""

import faulthandler
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio
from _pytest.faulthandler import fault_handler_stderr_fd_key
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from tests.databases import drop_database
from tests.kafkas import running_or_skipped

from docstore.documents import bind, declared_indexes
from docstore.documents.guard import GuardedDatabase
from docstore.documents.transactions import use_client
from docstore.embedded import EmbeddedServers
from docstore.settings import Settings
from scripts.kafka_local import LocalKafka

if TYPE_CHECKING:
    from docstore.store import Store

Bind = Callable[..., Awaitable[GuardedDatabase]]

TEARDOWN_SECONDS = 120


def pytest_configure() -> None:
    """Let children hear Ctrl-C: a shell hands what it runs in the background an ignored one, and they inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """End a run whose teardown hangs: neither timeout watches what follows a failure."""
    faulthandler.dump_traceback_later(TEARDOWN_SECONDS, exit=True, file=item.config.stash[fault_handler_stderr_fd_key])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()  # the next test may take longer


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers() -> AsyncIterator[EmbeddedServers]:
    """All four local servers, one set for each test process, in a temporary directory."""
    redis = os.environ.get("DOCSTORE_TEST_REDIS", "auto")  # "fake": the Redis in Python, "server": the real one
    async with EmbeddedServers(redis=redis, durable=False) as running:
        yield running


@pytest.fixture
def settings(servers: EmbeddedServers) -> Settings:
    """Settings of a deployment of its own on those servers: a fresh database and index prefix."""
    name = f"t{uuid4().hex[:12]}"
    return Settings(
        db_method="LOCAL",
        database_name=name,
        algolia_index_prefix=f"{name}_",
        **servers.settings_overrides(),
    )


@pytest.fixture(scope="session")
def real_kafka() -> Iterator[LocalKafka]:
    """A real Apache Kafka of one broker, for tests marked `kafka`; skips them where it cannot run."""
    with running_or_skipped(LocalKafka()) as kafka:
        yield kafka


@pytest.fixture
def kafka_settings(settings: Settings, real_kafka: LocalKafka) -> Settings:
    """As `settings`, with the real Kafka."""
    return settings.with_urls(kafka_service_uri=real_kafka.bootstrap)


@pytest_asyncio.fixture
async def store(settings: Settings) -> AsyncIterator["Store"]:
    """An open Store over all models, with their indexes, on a database that is dropped afterwards."""
    from docstore.store import Store

    async with Store(settings) as opened:
        for model in opened.models:
            wanted = [each.to_index_model(model) for each in declared_indexes(model)]
            if wanted:
                await opened.database[model.get_collection_name()].create_indexes(wanted)
        yield opened
        await drop_database(opened.client, settings.effective_database_name)


@pytest_asyncio.fixture
async def database(settings: Settings) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """A fresh, plain, unguarded database."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(settings.mongo_uri.get_secret_value(), tz_aware=True)
    yield client[settings.effective_database_name]
    await drop_database(client, settings.effective_database_name)
    await client.close()


@pytest_asyncio.fixture
async def bind_models(database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[Bind]:
    """Bind models to the fresh database, with their declared indexes."""

    async def bind_them(*models: type[Any], **options: Any) -> GuardedDatabase:
        guarded = await bind(database, models, **options)
        for model in models:
            wanted = [each.to_index_model(model) for each in declared_indexes(model)]
            if wanted:
                await database[model.get_collection_name()].create_indexes(wanted)
        return guarded

    yield bind_them
    use_client(None)
