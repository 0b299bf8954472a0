"""Redis: one shared client over a bounded pool, and `RedisKeyValue`, the adapter for what services need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Mapping
from typing import TYPE_CHECKING, cast

from docstore.clients._redis_errors import address, translated
from docstore.clients._shared import SharedHandles, ping_ms, resolve, with_retries
from docstore.clients.protocols import Ping
from docstore.errors import (
    ServerUnavailable,
    SettingsError,
)
from docstore.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

_HEALTH_CHECK_EVERY_S = 30
_SCAN_BATCH = 500
# Plain EVAL: not every server that speaks the protocol keeps scripts for EVALSHA.
_DELETE_IF_EQUAL = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_EXPIRE_IF_EQUAL = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"
)
# After the value and its lifetime come, key by key, whether something was seen there ('1' or '0') and what.
_SET_IF_UNCHANGED = """
for place = 2, #KEYS do
  local held = redis.call('get', KEYS[place])
  local seen = ARGV[2 * place - 1] == '1'
  if (held and true or false) ~= seen or (seen and held ~= ARGV[2 * place]) then return 0 end
end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
"""
_INCREMENT_WITH_TTL = """
local value = redis.call('incrby', KEYS[1], ARGV[1])
if redis.call('pttl', KEYS[1]) < 0 then redis.call('pexpire', KEYS[1], ARGV[2]) end
return value
"""

_clients: SharedHandles[Redis] = SharedHandles("get_redis()")


def get_redis(settings: Settings | None = None) -> Redis:
    """The shared client of this event loop; answers are bytes. It connects with its first command.

    At most ``redis_max_connections`` connections; a command waits ``redis_timeout_s`` seconds for a free one,
    then fails. Each answer has the same limit. Lost connections are retried with backoff and jitter, timeouts
    are not: the command may have been carried out.

    Args:
        settings: those of the environment when None.

    Raises:
        SettingsError: Redis is not configured.
        DocstoreError: no event loop is running.
    """
    settings = resolve(settings)
    return _clients.get(_identity(settings), lambda: _make(settings))


async def connect_redis(settings: Settings | None = None) -> Redis:
    """The shared client, once its server answered; retries like `connect_mongo`.

    Raises:
        ServerUnavailable: it did not answer; names the host, the setting and what to check.
        ServiceError: it answered, and refused the login.
    """
    settings = resolve(settings)
    await with_retries(lambda: ping_redis(settings), settings, on=(ServerUnavailable,))
    return get_redis(settings)


async def ping_redis(settings: Settings | None = None) -> Ping:
    """Ask the server for a PING.

    Raises:
        ServerUnavailable: it does not answer.
        ServiceError: it answers, and refuses.
    """
    settings = resolve(settings)
    client = get_redis(settings)
    with translated(settings):
        latency = await ping_ms(client.ping)
    return Ping("redis", address(settings), latency)


async def close_redis(settings: Settings | None = None) -> None:
    """Close this event loop's shared client; nothing happens when there is none."""
    client = _clients.pop(_identity(resolve(settings)))
    if client is not None:
        await client.aclose()


class RedisKeyValue:
    """`KeyValue` and `Probe` on Redis.

    Args:
        settings: which server; those of the environment when None.
        client: use this client instead of the shared one; it stays yours to close.
    """

    name = "redis"

    def __init__(self, settings: Settings | None = None, *, client: Redis | None = None) -> None:
        self._settings = resolve(settings)
        self._own = client

    @property
    def _client(self) -> Redis:
        return self._own or get_redis(self._settings)

    async def ping(self) -> Ping:
        """See `ping_redis`."""
        return await ping_redis(self._settings)

    async def get(self, key: str) -> bytes | None:
        with translated(self._settings):
            return cast(bytes | None, await self._client.get(key))

    async def set(self, key: str, value: bytes, *, ttl: float | None = None, only_if_absent: bool = False) -> bool:
        milliseconds = None if ttl is None else _milliseconds(ttl)
        with translated(self._settings):
            return bool(await self._client.set(key, value, px=milliseconds, nx=only_if_absent))

    async def get_many(self, *keys: str) -> list[bytes | None]:
        if not keys:
            return []
        with translated(self._settings):
            return cast(list[bytes | None], await self._client.mget(keys))

    async def set_many(self, values: Mapping[str, bytes], *, ttl: float, only_if_present: bool = False) -> None:
        if not values:
            return
        milliseconds = _milliseconds(ttl)
        with translated(self._settings):
            async with self._client.pipeline(transaction=False) as pipeline:
                for key, value in values.items():
                    pipeline.set(key, value, px=milliseconds, xx=only_if_present)
                await pipeline.execute()

    async def set_if_unchanged(self, key: str, value: bytes, *, ttl: float, seen: Mapping[str, bytes | None]) -> bool:
        arguments: list[bytes | int] = [value, _milliseconds(ttl)]
        for held in seen.values():
            arguments += [b"0" if held is None else b"1", held or b""]
        with translated(self._settings):
            return bool(await self._client.eval(_SET_IF_UNCHANGED, 1 + len(seen), key, *seen, *arguments))

    async def delete(self, *keys: str) -> int:
        if not keys:
            return 0
        with translated(self._settings):
            return int(await self._client.delete(*keys))

    async def exists(self, key: str) -> bool:
        with translated(self._settings):
            return bool(await self._client.exists(key))

    async def increment(self, key: str, by: int = 1, *, ttl: float | None = None) -> int:
        with translated(self._settings):
            if ttl is None:
                return int(await self._client.incrby(key, by))
            return int(await self._client.eval(_INCREMENT_WITH_TTL, 1, key, by, _milliseconds(ttl)))

    async def expire(self, key: str, ttl: float) -> bool:
        with translated(self._settings):
            return bool(await self._client.pexpire(key, _milliseconds(ttl)))

    async def ttl(self, key: str) -> float | None:
        with translated(self._settings):
            left = int(await self._client.pttl(key))
        return left / 1000 if left >= 0 else None

    async def scan(self, prefix: str) -> AsyncIterator[str]:
        # Redis reads the pattern as a glob; the prefix is meant literally.
        literal = "".join(f"\\{char}" if char in "*?[]\\^-" else char for char in prefix)
        cursor = 0
        while True:
            with translated(self._settings):
                cursor, keys = await self._client.scan(cursor, match=f"{literal}*", count=_SCAN_BATCH)
            for key in keys:
                if not isinstance(key, bytes):
                    yield key
                    continue
                try:
                    yield key.decode()
                except UnicodeDecodeError:  # another program's: no key that is written here is like that
                    continue
            if cursor == 0:
                return

    async def delete_if_equal(self, key: str, value: bytes) -> bool:
        with translated(self._settings):
            return bool(await self._client.eval(_DELETE_IF_EQUAL, 1, key, value))

    async def expire_if_equal(self, key: str, value: bytes, ttl: float) -> bool:
        with translated(self._settings):
            return bool(await self._client.eval(_EXPIRE_IF_EQUAL, 1, key, value, _milliseconds(ttl)))


def _milliseconds(seconds: float) -> int:
    # Redis refuses an expiry of zero; "at once" is as near as it gets.
    return max(1, round(seconds * 1000))


def _identity(settings: Settings) -> Hashable:
    return (
        settings.redis_dsn,
        settings.redis_max_connections,
        settings.redis_timeout_s,
        settings.connect_attempts,
    )


def _make(settings: Settings) -> Redis:
    if settings.redis_dsn is None:
        raise SettingsError(
            "Redis is not configured: neither REDIS_URL nor REDIS_HOST is set.",
            hint="Example: REDIS_URL=redis://127.0.0.1:6379/0",
            field="REDIS_URL",
        )
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError

    pool = BlockingConnectionPool.from_url(
        settings.redis_dsn.get_secret_value(),
        max_connections=settings.redis_max_connections,
        timeout=settings.redis_timeout_s,
        socket_timeout=settings.redis_timeout_s,
        socket_connect_timeout=settings.redis_timeout_s,
        health_check_interval=_HEALTH_CHECK_EVERY_S,
        retry=Retry(
            ExponentialWithJitterBackoff(base=0.05, cap=1.0),
            retries=settings.connect_attempts - 1,
            supported_errors=(RedisConnectionError,),
        ),
    )
    return Redis.from_pool(pool)
