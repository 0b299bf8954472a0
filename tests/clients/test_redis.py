"""The Redis client and `RedisKeyValue` against both servers, and against none."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from docstore.clients import (
    KeyValue,
    Probe,
    RedisKeyValue,
    close_redis,
    connect_redis,
    get_redis,
    ping_redis,
)
from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError, SettingsError
from docstore.settings import Settings


@pytest.fixture
async def redis(redis_settings: Settings) -> AsyncIterator[Settings]:
    yield redis_settings
    await close_redis(redis_settings)


@pytest.fixture
def store(redis: Settings) -> RedisKeyValue:
    return RedisKeyValue(redis)


@pytest.fixture
def key() -> str:
    return f"key-{uuid4().hex}"


class TestKeyValue:
    def test_it_keeps_the_protocols(self, store: RedisKeyValue) -> None:
        assert isinstance(store, KeyValue)
        assert isinstance(store, Probe)

    async def test_a_value_is_kept_as_bytes(self, store: RedisKeyValue, key: str) -> None:
        assert await store.get(key) is None
        assert await store.set(key, b"\x00\xff")
        assert await store.get(key) == b"\x00\xff"
        assert await store.exists(key)
        assert await store.ttl(key) is None

    async def test_an_existing_value_is_left_alone_when_asked(self, store: RedisKeyValue, key: str) -> None:
        assert await store.set(key, b"first", only_if_absent=True)
        assert not await store.set(key, b"second", only_if_absent=True)
        assert await store.get(key) == b"first"

    async def test_it_expires_to_the_millisecond(self, store: RedisKeyValue, key: str) -> None:
        await store.set(key, b"v", ttl=1.55)
        left = await store.ttl(key)
        assert left is not None
        assert 0 < left <= 1.55
        async with asyncio.timeout(60):
            while await store.get(key) is not None:
                await asyncio.sleep(0.02)
        assert await store.ttl(key) is None

    async def test_expiry_can_be_given_later(self, store: RedisKeyValue, key: str) -> None:
        assert not await store.expire(key, 10)
        await store.set(key, b"v")
        assert await store.expire(key, 100)
        left = await store.ttl(key)
        assert left is not None
        assert 50 < left <= 100

    async def test_deleting_counts_what_existed(self, store: RedisKeyValue, key: str) -> None:
        await store.set(key, b"v")
        assert await store.delete(key, f"{key}-absent") == 1
        assert await store.delete() == 0

    async def test_counting_is_atomic(self, store: RedisKeyValue, key: str) -> None:
        values = await asyncio.gather(*(store.increment(key, 2) for _ in range(50)))
        assert sorted(values) == list(range(2, 101, 2))

    async def test_scan_takes_the_prefix_literally(self, store: RedisKeyValue, key: str) -> None:
        prefix = f"{key}*[a-z]?\\"
        wanted = {f"{prefix}{number}" for number in range(30)}
        for name in (*wanted, f"{key}-other", f"{key}xa?1"):
            await store.set(name, b"v")
        assert {name async for name in store.scan(prefix)} == wanted

    async def test_only_the_holder_of_the_value_deletes_it(self, store: RedisKeyValue, key: str) -> None:
        await store.set(key, b"mine")
        assert not await store.delete_if_equal(key, b"yours")
        assert await store.exists(key)
        assert await store.delete_if_equal(key, b"mine")
        assert not await store.delete_if_equal(key, b"mine")

    async def test_a_refused_command_is_a_service_error(self, store: RedisKeyValue, key: str) -> None:
        await store.set(key, b"no number")
        with pytest.raises(ServiceError, match="refused a command"):
            await store.increment(key)

    async def test_an_own_client_stays_open(self, redis: Settings, key: str) -> None:
        own = get_redis(redis.with_urls(redis_max_connections=1))
        await RedisKeyValue(redis, client=own).set(key, b"v")
        await close_redis(redis)
        assert await own.get(key) == b"v"
        await own.aclose()


async def test_load_beyond_the_pool_waits_instead_of_failing(redis: Settings, key: str) -> None:
    narrow = redis.with_urls(redis_max_connections=2)
    store = RedisKeyValue(narrow)
    await asyncio.gather(*(store.increment(key) for _ in range(300)))
    assert await store.get(key) == b"300"
    assert len(get_redis(narrow).connection_pool._available_connections) <= 2
    await close_redis(narrow)


async def test_a_ping_tells_where_and_how_fast(redis: Settings) -> None:
    ping = await RedisKeyValue(redis).ping()
    assert redis.redis_dsn is not None
    assert (ping.server, ping.address) == ("redis", redis.redis_dsn.get_secret_value())
    assert 0 < ping.latency_ms < 5_000


async def test_everybody_gets_the_same_client_until_it_is_closed(redis: Settings) -> None:
    first = await connect_redis(redis)
    assert get_redis(redis) is first
    await close_redis(redis)
    await close_redis(redis)
    assert get_redis(redis) is not first


async def test_not_configured_is_told_with_an_example() -> None:
    with pytest.raises(SettingsError, match=r"REDIS_URL nor REDIS_HOST .* REDIS_URL=redis://"):
        get_redis(Settings(db_method="EMBEDDED"))


@pytest.mark.parametrize("ask", [connect_redis, ping_redis, lambda s: RedisKeyValue(s).get("k")])
async def test_a_dead_server_is_told_with_host_setting_and_what_to_check(ask, dead: Settings) -> None:  # type: ignore[no-untyped-def]  # any of three callables
    with pytest.raises(ServerUnavailable) as caught:
        await ask(dead)
    message = str(caught.value)
    assert "redis://:***@127.0.0.1:1/0 (REDIS_URL)" in message
    assert "Check that it runs" in message
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
    await close_redis(dead)


async def test_a_server_that_does_not_answer_is_a_timeout() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    silent = Settings(redis_url=f"redis://127.0.0.1:{port}/0", redis_timeout_s=0.2)
    with pytest.raises(OperationTimeout, match="may have happened"):
        await RedisKeyValue(silent).increment("k")
    await close_redis(silent)
    server.close()
    await server.wait_closed()
