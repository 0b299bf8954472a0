"""Opening and closing a Store: what it needs, what it binds, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.databases import drop_database

from docstore import Document
from docstore.documents.events import _handlers
from docstore.embedded import EmbeddedServers
from docstore.errors import DocstoreError, NotBound, ServerUnavailable, SettingsError, UniqueViolation
from docstore.models import ALL, Tag
from docstore.outbox import OutboxEntry
from docstore.schema import index_plan
from docstore.settings import Settings
from docstore.store import SYSTEM_MODELS, Store


class Recipe(Document):
    """A model of a user's own."""

    name: str


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_binds_the_models_and_keeps_their_events(settings: Settings) -> None:
    async with Store(settings) as store:
        await Tag(slug="a").insert()
        assert await store.database["Tag"].count_documents({}) == 1
        assert await OutboxEntry.find().count() == 1
        assert store.models == (*ALL, *SYSTEM_MODELS)
        assert store.database.name == settings.effective_database_name
        await drop_database(store.client, store.database.name)
    assert _handlers == []
    with pytest.raises(NotBound):
        _ = store.database


async def test_entering_needs_mongodb_alone(settings: Settings) -> None:
    alone = Settings(
        db_method="LOCAL",
        database_name=settings.database_name,
        database_url_local=settings.database_url_local,
    )
    async with Store(alone) as store:
        await Tag.find().count()
        for ask in (store.publisher, store.key_value, store.search_index):
            service = await ask()
            assert service is not None
        with pytest.raises(SettingsError, match="REDIS_URL"):
            await (await store.key_value()).get("k")


async def test_a_database_that_is_away_is_named() -> None:
    dead = Settings(
        db_method="LOCAL",
        database_url_local="mongodb://user:s3cr3t@127.0.0.1:1/?directConnection=true",
        mongo_server_selection_timeout_ms=200,
        connect_attempts=1,
    )
    with pytest.raises(ServerUnavailable, match="DATABASE_URL_LOCAL") as caught:
        async with Store(dead):
            pass
    assert "s3cr3t" not in str(caught.value)
    assert _handlers == []


async def test_models_of_a_users_own_are_bound_too(settings: Settings) -> None:
    async with Store(settings, models=(*ALL, Recipe)) as store:
        recipe = await Recipe(name="Soup").insert()
        await recipe.delete()
        assert await Recipe.find().count() == 0
        assert await store.database["Recipe"].count_documents({}) == 1
        await drop_database(store.client, store.database.name)


async def test_from_env_reads_the_environment_and_a_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DATABASE_URL_LOCAL", "DATABASE_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert settings.database_url_local is not None
    monkeypatch.setenv("DB_METHOD", "LOCAL")
    monkeypatch.setenv("DATABASE_URL_LOCAL", settings.database_url_local.get_secret_value())
    file = tmp_path / "settings.env"
    file.write_text(f"DATABASE_NAME={settings.database_name}\n")
    async with Store.from_env(file, models=(Tag,)) as store:
        assert store.database.name == settings.database_name
        assert store.models == (Tag, *SYSTEM_MODELS)


async def test_of_nested_stores_the_inner_one_has_the_models(settings: Settings) -> None:
    inner_settings = settings.with_urls(database_name=f"{settings.database_name}_in")
    async with Store(settings) as outer:
        async with Store(inner_settings) as inner:
            await Tag(slug="inner").insert()
            assert await inner.database["Tag"].count_documents({}) == 1
            assert await inner.database["OutboxEntry"].count_documents({}) == 1
            assert await outer.database["Tag"].count_documents({}) == 0
        # The client they share is still open, and the models are the outer one's again.
        await Tag(slug="outer").insert()
        assert await outer.database["Tag"].count_documents({}) == 1
        assert await outer.database["OutboxEntry"].count_documents({}) == 1
        for name in (settings.database_name, inner_settings.database_name):
            await drop_database(outer.client, name)
    assert _handlers == []


def test_a_store_whose_loop_ended_unleft_doubles_no_event(settings: Settings) -> None:
    abandoned = Store(settings)
    asyncio.run(abandoned.__aenter__())

    async def use_another() -> int:
        async with Store(settings) as store:
            await Tag(slug="once").insert()
            rows = await store.database["OutboxEntry"].count_documents({})
            await drop_database(store.client, settings.database_name)
            return rows

    assert asyncio.run(use_another()) == 1
    assert _handlers == []
    asyncio.run(abandoned.__aexit__(None, None, None))


async def test_stores_of_two_threads_hand_the_models_back(settings: Settings) -> None:
    inner_settings = settings.with_urls(database_name=f"{settings.database_name}_in")

    async def inside() -> None:
        async with Store(inner_settings) as inner:
            await Tag(slug="inner").insert()
            await drop_database(inner.client, inner_settings.database_name)

    async with Store(settings) as outer:
        await asyncio.to_thread(asyncio.run, inside())
        await Tag(slug="outer").insert()
        assert await outer.database["Tag"].count_documents({}) == 1
        await drop_database(outer.client, settings.database_name)
    assert _handlers == []


def test_a_store_is_left_though_an_older_ones_loop_stands_still(settings: Settings) -> None:
    async def inside() -> int:
        async with Store(settings):
            return await Tag.find().count()

    with asyncio.Runner() as standing:
        older = Store(settings)
        standing.run(older.__aenter__())
        assert asyncio.run(inside()) == 0
        standing.run(older.__aexit__(None, None, None))
    assert _handlers == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_opens_and_leaves_a_store_of_its_own(settings: Settings) -> None:
    uri = settings.mongo_uri.get_secret_value()
    code = f"""
import asyncio, multiprocessing
from docstore import Settings, Store
from docstore.models import Tag

settings = Settings(db_method="LOCAL", database_url_local={uri!r}, database_name={settings.database_name!r})

async def child():
    async with Store(settings) as store:
        await Tag(slug="child").insert()
        assert await store.database["OutboxEntry"].count_documents({{}}) == 1

async def parent():
    async with Store(settings) as store:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=lambda: asyncio.run(child()))
        process.start()
        await asyncio.to_thread(process.join)
        print(process.exitcode, await Tag.count())
        await store.client.drop_database(settings.database_name)

asyncio.run(parent())
"""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "0 1", ran.stderr


async def test_a_store_is_entered_once_at_a_time_and_may_be_entered_again(settings: Settings) -> None:
    store = Store(settings)
    async with store:
        with pytest.raises(DocstoreError, match="open already"):
            await store.__aenter__()
        assert await Tag.find().count() == 0
    async with store:
        assert await Tag.find().count() == 0


async def test_probes_name_every_server(store: Store) -> None:
    pings = [await probe.ping() for probe in store.probes()]
    assert [ping.server for ping in pings] == ["mongodb", "redis", "kafka", "algolia"]
    assert [probe.name for probe in store.probes()] == ["mongodb", "redis", "kafka", "algolia"]


async def test_the_cache_has_a_namespace(store: Store) -> None:
    cache = await store.cache(store.database.name)
    await cache.set("k", [1])
    assert await (await store.key_value()).exists(f"{store.database.name}-k")
    assert await cache.delete("k") == 1


async def test_a_consumer_reads_what_was_published(store: Store) -> None:
    topic = f"topic-{store.database.name}"
    await (await store.publisher()).publish(topic, key=b"k", value=b"v")
    async with store.make_consumer(f"group-{store.database.name}", [topic]) as consumer:
        async with asyncio.timeout(30):
            while not (fetched := await consumer.getmany(timeout_ms=200, max_records=10)):
                pass
        (records,) = fetched.values()
        assert [record.value for record in records] == [b"v"]


class TestEmbedded:
    """DB_METHOD=EMBEDDED: servers are joined or started, and those that were started end with the Store."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    async def test_servers_are_started_as_they_are_needed(self) -> None:
        async with Store(Settings(db_method="EMBEDDED")) as store:
            own = store._servers._own
            assert own is not None
            assert set(own.urls) == {"mongodb"}
            assert store.settings.redis_dsn is None
            await (await store.key_value()).set("k", b"v")
            assert set(own.urls) == {"mongodb", "redis"}
            assert store.settings.redis_dsn is not None
            pids = list(own.pids.values())
        assert not any(is_alive(pid) for pid in pids)

    async def test_an_empty_database_of_its_own_has_the_declared_indexes(self) -> None:
        async with Store(Settings(db_method="EMBEDDED")) as store:
            assert not (await index_plan(store.database, store.models)).work
            await Tag(slug="once").insert()
            with pytest.raises(UniqueViolation):
                await Tag(slug="once").insert()

    async def test_a_database_that_is_kept_is_left_to_the_command(self, tmp_path: Path) -> None:
        async with Store(Settings(db_method="EMBEDDED", embedded_state_dir=tmp_path / "kept")) as store:
            assert (await index_plan(store.database, store.models)).work

    async def test_they_end_when_the_block_is_cancelled(self) -> None:
        inside = asyncio.Event()
        pids: list[int] = []

        async def work() -> None:
            async with Store(Settings(db_method="EMBEDDED")) as store:
                assert store._servers._own is not None
                pids.extend(store._servers._own.pids.values())
                inside.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pids
        assert not any(is_alive(pid) for pid in pids)
        assert _handlers == []

    async def test_they_end_when_entering_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pids: list[int] = []
        store = Store(Settings(db_method="EMBEDDED"))

        async def fail(database: Any, models: Any, **options: Any) -> None:
            assert store._servers._own is not None
            pids.extend(store._servers._own.pids.values())
            raise RuntimeError("binding failed")

        monkeypatch.setattr("docstore.store.bind", fail)
        with pytest.raises(RuntimeError, match="binding failed"):
            await store.__aenter__()
        assert pids
        assert not any(is_alive(pid) for pid in pids)
        assert _handlers == []

    async def test_running_servers_are_joined(self, tmp_path: Path) -> None:
        folder = tmp_path / "state"
        async with EmbeddedServers(folder, services=("mongodb",)) as running:
            settings = Settings(db_method="EMBEDDED", embedded_state_dir=folder)
            async with Store(settings) as store:
                await Tag(slug="joined").insert()
                assert store._servers._own is None
                assert store.settings.database_url_local is not None
                assert store.settings.database_url_local.get_secret_value() == running.urls["mongodb"]
                # What they lack is started for this Store, without touching their directory.
                await (await store.key_value()).set("k", b"v")
                assert "redis" not in running.urls
            async with Store(settings):
                assert await Tag.find().count() == 1

    async def test_the_default_directory_is_looked_at(self, tmp_path: Path) -> None:
        servers = EmbeddedServers(tmp_path / ".docstore" / "state", services=("mongodb",))
        async with servers, Store(Settings(db_method="EMBEDDED")) as store:
            assert store.settings.database_url_local is not None
            assert store.settings.database_url_local.get_secret_value() == servers.urls["mongodb"]

    async def test_a_state_directory_keeps_the_data(self, tmp_path: Path) -> None:
        settings = Settings(db_method="EMBEDDED", embedded_state_dir=tmp_path / "kept")
        async with Store(settings):
            await Tag(slug="kept").insert()
        async with Store(settings):
            assert await Tag.find().count() == 1


@pytest.mark.parametrize("module", ["docstore.store", "docstore.workers", "docstore.search", "docstore.cache"])
def test_importing_loads_no_driver_but_mongodbs(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([name for name in ('aiokafka', 'algoliasearch', 'redis', 'secantus', 'confluent_kafka', 'fakeredis')"
        " if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
