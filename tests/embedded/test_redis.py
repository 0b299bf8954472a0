"""The embedded Redis servers: `redis-server`, and the one in Python for machines without it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.lock import Lock

from docstore.embedded import EmbeddedServers
from docstore.errors import EmbeddedServerError

_DELETE_IF_EQUAL = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@asynccontextmanager
async def _client(servers: EmbeddedServers) -> AsyncIterator[Redis]:
    async with Redis.from_url(servers.urls["redis"]) as client:
        yield client


@pytest.fixture(params=["server", "fake"])
def choice(request: pytest.FixtureRequest) -> str:
    if request.param == "server":
        request.getfixturevalue("redis_server")
    return str(request.param)


async def test_values_expire_count_and_obey_scripts(choice: str) -> None:
    async with EmbeddedServers(services=["redis"], redis=choice) as servers, _client(servers) as client:
        assert await client.set("a", b"1", nx=True, px=60_000) is True
        assert await client.set("a", b"2", nx=True) is None
        assert await client.get("a") == b"1"
        assert 0 < await client.pttl("a") <= 60_000
        assert await client.incrby("n", 5) == 5
        assert await client.eval(_DELETE_IF_EQUAL, 1, "a", b"2") == 0
        assert await client.eval(_DELETE_IF_EQUAL, 1, "a", b"1") == 1
        assert await client.exists("a") == 0
        assert [key async for key in client.scan_iter(match="n*")] == [b"n"]


async def test_many_connections_at_once(choice: str) -> None:
    async with EmbeddedServers(services=["redis"], redis=choice) as servers, _client(servers) as client:
        await asyncio.gather(*(client.incr("n") for _ in range(50)))
        assert await client.get("n") == b"50"


async def test_registered_scripts_and_locks_work(choice: str) -> None:
    async with EmbeddedServers(services=["redis"], redis=choice) as servers, _client(servers) as client:
        script = client.register_script("return redis.call('incr', KEYS[1])")
        assert [await script(keys=["n"]) for _ in range(3)] == [1, 2, 3]
        async with Lock(client, "lock", timeout=5):
            assert await client.exists("lock") == 1
        assert await client.exists("lock") == 0


async def test_stopping_with_open_clients_is_quick(choice: str) -> None:
    async with EmbeddedServers(services=["redis"], redis=choice) as servers, _client(servers) as client:
        await client.ping()
        started = asyncio.get_running_loop().time()
        await servers.stop("redis")
        assert asyncio.get_running_loop().time() - started < 1.5


async def test_data_in_a_state_directory_outlives_the_servers(tmp_path: Path, redis_server: str) -> None:
    for expected in (None, b"kept"):
        async with EmbeddedServers(tmp_path, ["redis"], redis="server") as servers, _client(servers) as client:
            assert await client.get("a") == expected
            await client.set("a", b"kept")


async def test_without_durable_nothing_is_kept(tmp_path: Path, redis_server: str) -> None:
    for _ in range(2):
        async with EmbeddedServers(tmp_path, ["redis"], durable=False) as servers, _client(servers) as client:
            assert await client.get("a") is None
            await client.set("a", b"gone")


async def test_redis_server_does_not_outlive_a_killed_guardian(redis_server: str) -> None:
    async with EmbeddedServers(services=["redis"], redis="server") as servers:
        async with _client(servers) as client:
            server = (await client.info("server"))["process_id"]
        guardian = servers.pids["redis"]
        assert server != guardian
        os.kill(guardian, signal.SIGKILL)
        with pytest.raises(EmbeddedServerError, match="redis server ended by signal SIGKILL"):
            await asyncio.wait_for(servers.wait(), 10)
        for _ in range(200):
            try:
                os.kill(server, 0)
            except ProcessLookupError:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("redis-server still runs")


async def test_a_death_of_redis_server_itself_is_noticed(redis_server: str) -> None:
    async with EmbeddedServers(services=["redis"], redis="server") as servers:
        async with _client(servers) as client:
            server = (await client.info("server"))["process_id"]
        os.kill(server, signal.SIGKILL)
        with pytest.raises(EmbeddedServerError, match="redis-server exited with code -9"):
            await asyncio.wait_for(servers.wait(), 10)


async def test_without_redis_server_on_path_the_fake_steps_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with EmbeddedServers(services=["redis"]) as servers, _client(servers) as client:
        assert await client.set("a", b"1")
        assert await client.get("a") == b"1"


async def test_asking_for_redis_server_where_there_is_none_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match=r"not on PATH.*Install Redis"):
        async with EmbeddedServers(services=["redis"], redis="server"):
            pytest.fail("must not start")
