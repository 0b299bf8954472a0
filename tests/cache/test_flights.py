"""A value that everybody misses at once is loaded once, among processes too."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from docstore.cache import Cache, CacheHelper
from docstore.cache import flights as flights_module
from docstore.cache.slots import Slots
from docstore.clients import RedisKeyValue, close_redis
from docstore.embedded import EmbeddedServers
from docstore.errors import DocstoreError
from docstore.settings import Settings

PROCESSES, CALLERS = 4, 250

_PROGRAM = """
import asyncio, sys
from docstore.cache import Cache, CacheHelper
from docstore.clients import RedisKeyValue, close_redis
from docstore.settings import Settings

async def main(url, namespace, callers):
    settings = Settings(db_method="LOCAL", database_url_local="mongodb://127.0.0.1:1", redis_url=url)
    helper = CacheHelper(Cache(RedisKeyValue(settings), command_seconds=30), namespace)

    async def make():
        await helper.increment("loads")
        await asyncio.sleep(1.0)
        return "made"

    await helper.get("warm")
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    answers = await asyncio.gather(*(helper.get_or_set("k", make) for _ in range(callers)))
    assert set(answers) == {"made"}, set(answers)
    await close_redis(settings)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest_asyncio.fixture
async def helper(settings: Settings) -> AsyncIterator[CacheHelper]:
    cache = Cache(RedisKeyValue(settings), command_seconds=10)
    yield CacheHelper(cache, f"n{uuid4().hex}")
    await cache.close()
    await close_redis(settings)


async def test_a_thousand_misses_in_four_processes_are_one_load(servers: EmbeddedServers, helper: CacheHelper) -> None:
    namespace = helper.key("").removesuffix("-")
    command = [sys.executable, "-c", _PROGRAM, servers.settings_overrides()["redis_url"], namespace, str(CALLERS)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
    assert await helper.get("loads") == 1


async def test_the_lock_of_a_process_that_died_runs_out(
    helper: CacheHelper, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await RedisKeyValue(settings).set(Slots.lock_key(helper.key("k")), b"of the dead", ttl=0.3)

    async def make() -> str:
        return "made"

    async with asyncio.timeout(5):
        assert await helper.get_or_set("k", make) == "made"


async def test_a_lock_that_never_goes_is_not_waited_for_without_end(
    helper: CacheHelper, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights_module, "WAIT_SECONDS", 0.3)
    await RedisKeyValue(settings).set(Slots.lock_key(helper.key("k")), b"of a slow one", ttl=60)

    async def make() -> str:
        return "made"

    async with asyncio.timeout(5):
        assert await helper.get_or_set("k", make) == "made"
    assert await RedisKeyValue(settings).get(Slots.lock_key(helper.key("k"))) == b"of a slow one"


async def test_a_long_load_keeps_its_lock(
    helper: CacheHelper, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights_module, "LOCK_SECONDS", 3)

    async def make() -> str:
        lasts = await RedisKeyValue(settings).ttl(Slots.lock_key(helper.key("k")))
        async with asyncio.timeout(60):
            while True:  # until it lasts longer than it did before
                before, lasts = lasts, await RedisKeyValue(settings).ttl(Slots.lock_key(helper.key("k")))
                assert before is not None
                assert lasts is not None
                if lasts > before:
                    return "made"
                await asyncio.sleep(0.02)

    assert await helper.get_or_set("k", make) == "made"
    assert not await RedisKeyValue(settings).exists(Slots.lock_key(helper.key("k")))


@pytest.mark.parametrize("way", ["delete", "clear", "invalidate"])
async def test_who_asks_after_a_deletion_does_not_get_what_was_read_before_it(helper: CacheHelper, way: str) -> None:
    source, begun, go_on = ["old"], asyncio.Event(), asyncio.Event()

    async def make() -> str:
        value = source[0]
        begun.set()
        await go_on.wait()
        return value

    before = asyncio.create_task(helper.get_or_set("k", make, tags=["t"]))
    await asyncio.wait_for(begun.wait(), 10)
    source[0] = "new"
    if way == "delete":
        await helper.delete("k")
    elif way == "clear":
        await helper.clear()
    else:
        await helper.invalidate("t")
    after = asyncio.create_task(helper.get_or_set("k", make, tags=["t"]))
    await asyncio.sleep(0.05)
    go_on.set()
    assert await asyncio.wait_for(asyncio.gather(before, after), 20) == ["old", "new"]
    assert await helper.get("k") == "new"


async def test_a_load_that_never_ends_holds_its_key_up_for_a_while_alone(
    helper: CacheHelper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights_module, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(flights_module, "LOCK_SECONDS", 0.2)
    begun = asyncio.Event()

    async def hang() -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    async def make() -> str:
        return "made"

    hanging = asyncio.create_task(helper.get_or_set("k", hang))
    await asyncio.wait_for(begun.wait(), 10)
    await asyncio.sleep(0.3)
    async with asyncio.timeout(10):
        assert await helper.get_or_set("k", make) == "made"
    hanging.cancel()


async def test_who_waits_for_a_load_that_is_cancelled_is_told_and_not_cancelled(helper: CacheHelper) -> None:
    async def give_up() -> str:
        raise asyncio.CancelledError

    with pytest.raises(DocstoreError, match="loader was cancelled"):
        await helper.get_or_set("k", give_up)


async def test_a_caller_that_is_cancelled_is_cancelled(helper: CacheHelper) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def make() -> str:
        begun.set()
        await go_on.wait()
        return "made"

    callers = [asyncio.create_task(helper.get_or_set("k", make)) for _ in range(2)]
    await asyncio.wait_for(begun.wait(), 10)
    callers[0].cancel()
    go_on.set()
    assert await callers[1] == "made"
    with pytest.raises(asyncio.CancelledError):
        await callers[0]


async def test_waiting_for_ones_own_process_is_no_outage(settings: Settings) -> None:
    key_value = RedisKeyValue(settings)
    connections = asyncio.Semaphore(50)

    class Pool:
        """As a pool with a connection for each of fifty, whose server is quick enough."""

        def __getattr__(self, name: str) -> Any:
            return getattr(key_value, name)

        async def get(self, key: str) -> bytes | None:
            async with connections:
                await asyncio.sleep(0.05)
                return None

    pool: Any = Pool()
    helper = CacheHelper(Cache(pool, command_seconds=0.5), f"n{uuid4().hex}")
    await asyncio.gather(*(helper.get(f"k{number}") for number in range(1_000)))
    assert (helper.stats.misses, helper.stats.errors, helper.stats.skipped) == (1_000, 0, 0)


async def test_a_process_that_stood_still_finds_the_answer(settings: Settings) -> None:
    key_value = RedisKeyValue(settings)
    asked = asyncio.Event()

    class Answering:
        def __getattr__(self, name: str) -> Any:
            return getattr(key_value, name)

        async def get(self, key: str) -> bytes | None:
            asked.set()
            await asyncio.sleep(0.1)
            return None

    answering: Any = Answering()
    helper = CacheHelper(Cache(answering, command_seconds=0.3), f"n{uuid4().hex}")
    reading = asyncio.create_task(helper.get("k"))
    await asyncio.wait_for(asked.wait(), 10)
    time.sleep(0.5)  # as a computation that lets nobody else have a turn
    await reading
    assert (helper.stats.misses, helper.stats.errors) == (1, 0)
