"""Cached values come back as they were stored, or not at all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import BaseModel

from docstore.cache import LONG, MEDIUM, SHORT, VERY_LONG, CacheHelper
from docstore.clients import KeyValue, RedisKeyValue, close_redis
from docstore.errors import ServerUnavailable
from docstore.settings import Settings


class Profile(BaseModel):
    name: str
    born: date


@pytest_asyncio.fixture
async def key_value(settings: Settings) -> AsyncIterator[KeyValue]:
    yield RedisKeyValue(settings)
    await close_redis(settings)


@pytest.fixture
def cache(key_value: KeyValue) -> CacheHelper:
    return CacheHelper(key_value, f"n{uuid4().hex}")


async def test_values_come_back_with_their_type(cache: CacheHelper) -> None:
    ada = Profile(name="Ada", born=date(1815, 12, 10))
    await cache.set("ada", ada)
    assert await cache.get("ada", Profile) == ada
    assert await cache.get("ada") == {"name": "Ada", "born": "1815-12-10"}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    await cache.set("moment", moment)
    assert await cache.get("moment", datetime) == moment
    await cache.set("list", [1, 2])
    assert await cache.get("list", list[int]) == [1, 2]


async def test_absence_and_null_are_told_apart_by_get_or_set(cache: CacheHelper) -> None:
    calls = 0

    async def nothing() -> None:
        nonlocal calls
        calls += 1

    assert await cache.get_or_set("k", nothing) is None
    assert await cache.get_or_set("k", nothing) is None
    assert calls == 1


async def test_get_or_set_makes_a_value_once(cache: CacheHelper) -> None:
    made: list[Profile] = []

    async def make() -> Profile:
        made.append(Profile(name="Ada", born=date(1815, 12, 10)))
        return made[-1]

    first = await cache.get_or_set("ada", make, kind=Profile)
    second = await cache.get_or_set("ada", make, kind=Profile)
    assert first == second == made[0]
    assert len(made) == 1
    assert await cache.get_or_set("ada", make) == {"name": "Ada", "born": "1815-12-10"}


async def test_plain_json_is_the_same_fresh_and_cached(cache: CacheHelper) -> None:
    async def make() -> Profile:
        return Profile(name="Ada", born=date(1815, 12, 10))

    assert await cache.get_or_set("ada", make) == await cache.get_or_set("ada", make)


async def test_values_expire_and_can_be_dropped(cache: CacheHelper, key_value: KeyValue) -> None:
    await cache.set("a", 1, SHORT)
    left = await key_value.ttl(cache.key("a"))
    assert left is not None
    assert SHORT - 5 < left <= SHORT
    assert SHORT < MEDIUM < LONG < VERY_LONG
    await cache.set("b", 2)
    assert await cache.exists("b")
    assert await cache.delete("a", "b", "c") == 2
    assert not await cache.exists("b")
    with pytest.raises(ValueError, match="more than 0"):
        await cache.set("a", 1, 0)


@pytest.mark.parametrize("stored", [b"plain text", b"[1]", b"17", b'{"name": "Ada"}', b'{"v": 99, "data": 1}', b"\xff"])
async def test_foreign_values_count_as_absent(cache: CacheHelper, key_value: KeyValue, stored: bytes) -> None:
    await key_value.set(cache.key("k"), stored, ttl=60)
    assert await cache.get("k") is None


async def test_a_value_of_another_type_counts_as_absent(cache: CacheHelper) -> None:
    await cache.set("k", {"name": "Ada"})
    assert await cache.get("k", Profile) is None


async def test_the_key_is_the_one_other_services_use(key_value: KeyValue) -> None:
    accounts = CacheHelper(key_value, "accounts")
    assert accounts.key("youtube-UC1") == "accounts-youtube-UC1"


async def test_the_envelope_tells_version_and_age(cache: CacheHelper, key_value: KeyValue) -> None:
    await cache.set("k", 1)
    raw = await key_value.get(cache.key("k"))
    assert raw is not None
    envelope = json.loads(raw)
    assert envelope["v"] == 1
    assert envelope["data"] == 1
    assert envelope["created"] > 1_700_000_000


@pytest.mark.parametrize("namespace", ["", "a-b"])
async def test_namespaces_cannot_overlap(key_value: KeyValue, namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        CacheHelper(key_value, namespace)


async def test_a_cache_that_is_away_does_not_cost_the_answer() -> None:
    settings = Settings(
        db_method="LOCAL",
        database_url_local="mongodb://127.0.0.1:1",
        redis_url="redis://127.0.0.1:1",
        connect_attempts=1,
        redis_timeout_s=1,
    )
    cache = CacheHelper(RedisKeyValue(settings))

    async def make() -> int:
        return 7

    assert await cache.get_or_set("k", make, kind=int) == 7
    with pytest.raises(ServerUnavailable):
        await cache.get("k")
    await close_redis(settings)
