"""Cached values come back as they were stored, or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import BaseModel, model_validator

from docstore.cache import LONG, MEDIUM, SHORT, VERY_LONG, Cache, CacheHelper
from docstore.cache.breaker import Breaker
from docstore.clients import KeyValue, RedisKeyValue, close_redis
from docstore.clients.redis import get_redis
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
    return patient(key_value)


def patient(key_value: KeyValue) -> CacheHelper:
    """A cache that a busy machine does not make an outage of."""
    return CacheHelper(Cache(key_value, command_seconds=60), f"n{uuid4().hex}")


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


@pytest.mark.parametrize(
    "stored",
    [
        b"plain text",
        b"[1]",
        b"d2.[1]",
        b"d2zjunk",
        b"d2.[1,2,{}]\n{",
        b'{"name": "Ada"}',
        b'{"v": 99, "data": 1}',
        b"\xff",
    ],
)
async def test_foreign_values_count_as_absent(cache: CacheHelper, key_value: KeyValue, stored: bytes) -> None:
    await key_value.set(cache.key("k"), stored, ttl=60)
    assert await cache.get("k") is None


async def test_a_value_of_another_type_counts_as_absent(cache: CacheHelper) -> None:
    await cache.set("k", {"name": "Ada"})
    assert await cache.get("k", Profile) is None


async def test_the_key_is_the_one_other_services_use(key_value: KeyValue) -> None:
    accounts = CacheHelper(key_value, "accounts")
    assert accounts.key("youtube-UC1") == "accounts-youtube-UC1"


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
    cache = CacheHelper(Cache(RedisKeyValue(settings), breaker=Breaker(open_seconds=3600)))

    async def make() -> int:
        return 7

    started = time.monotonic()
    for _ in range(50):
        assert await cache.get_or_set("k", make, kind=int) == 7
        assert await cache.get("k") is None
    assert time.monotonic() - started < 20, "each call waited for a server that is known to be away"
    assert not await cache.set("k", 1)
    assert await cache.delete("k") == 0
    assert await cache.increment("n") is None
    assert await cache.ttl("k") is None
    assert not await cache.exists("k")
    assert not await cache.invalidate("tag")
    assert await cache.clear() == 0
    assert cache.stats.errors == 3, "calls were made to a server that is known to be away"
    assert cache.stats.skipped > 100
    await close_redis(settings)


async def test_counters_count_and_are_values(cache: CacheHelper) -> None:
    assert await cache.increment("n") == 1
    assert await cache.increment("n", 5, ttl=60) == 6
    assert await cache.decrement("n", 2) == 4
    assert await cache.get("n") == 4
    assert await cache.get("n", int) == 4
    await cache.set("m", 10)
    assert await cache.increment("m") == 11
    assert (await cache.ttl("n") or 0) > 50
    assert await cache.increment("limited", ttl=60) == 1
    assert 50 < (await cache.ttl("limited") or 0) <= 60


async def test_many_values_in_one_go(cache: CacheHelper) -> None:
    values = {f"k{number}": {"number": number} for number in range(20)}
    assert await cache.set_many(values) == 20
    assert await cache.get_many([*values, "absent"]) == values
    assert await cache.get_many([]) == {}
    with pytest.raises(ValueError, match="object"):
        await cache.set_many({"fine": 1, "bad": object()})
    assert not await cache.exists("fine")


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("user-*", ["post-1", "user", "usr-1"]),
        ("user-?", ["post-1", "user", "user-10", "usr-1"]),
        ("*-1", ["user", "user-10"]),
        ("us[er]*", ["post-1"]),
        ("nothing", ["post-1", "user", "user-1", "user-10", "usr-1"]),
        ("*", []),
    ],
)
async def test_values_are_dropped_by_pattern(cache: CacheHelper, pattern: str, left: list[str]) -> None:
    keys = ["user", "user-1", "user-10", "usr-1", "post-1"]
    await cache.set_many(dict.fromkeys(keys, "x"))
    assert await cache.delete_pattern(pattern) == len(keys) - len(left)
    assert sorted(await cache.get_many(keys)) == left


async def test_a_namespace_is_cleared_alone(key_value: KeyValue) -> None:
    mine, other = (patient(key_value) for _ in range(2))
    await mine.set_many({f"k{number}": "x" for number in range(1200)})
    await other.set("k1", "y")
    assert await mine.clear() == 1200
    assert await mine.get_many(["k1", "k2"]) == {}
    assert await other.get("k1") == "y"
    assert [key async for key in key_value.scan(mine.key("k"))] == [
        key async for key in key_value.scan(mine.key("k")) if key.endswith("~gone")
    ]


async def test_tags_drop_what_bears_them(cache: CacheHelper) -> None:
    await cache.set("a", "x", tags=["red", "blue"])
    await cache.set("b", "y", tags=["blue"])
    await cache.set("c", "z")
    assert await cache.invalidate("red")
    assert await cache.get_many(["a", "b", "c"]) == {"b": "y", "c": "z"}
    await cache.invalidate("blue", "never used")
    assert await cache.get_many(["a", "b", "c"]) == {"c": "z"}
    await cache.set("a", "new", tags=["red"])
    assert await cache.get("a") == "new"


async def test_a_tag_that_lost_its_generation_takes_its_values_along(cache: CacheHelper, key_value: KeyValue) -> None:
    tag = uuid4().hex
    await cache.set("a", "old", tags=[tag])
    await key_value.delete(f"~tag-{tag}")  # evicted
    assert await cache.get("a") is None
    await cache.set("b", "new", tags=[tag])
    assert await cache.get("a") is None, "a new generation must not revive what was made under another"


@pytest.mark.parametrize("how", ["delete", "invalidate", "clear"])
async def test_what_was_made_of_old_data_is_not_stored_after_a_deletion(cache: CacheHelper, how: str) -> None:
    async def slow() -> str:
        assert await {"delete": cache.delete, "invalidate": cache.invalidate, "clear": lambda _: cache.clear()}[how](
            "k"
        ) in (0, True)
        return "made of old data"

    assert await cache.get_or_set("k", slow, tags=["k"]) == "made of old data"
    assert await cache.get("k") is None
    assert cache.stats.outdated == 1


async def test_none_is_remembered_for_a_while_or_not_at_all(cache: CacheHelper) -> None:
    calls = 0

    async def nothing() -> None:
        nonlocal calls
        calls += 1

    for _ in range(3):
        assert await cache.get_or_set("k", nothing, negative_ttl=0) is None
    assert calls == 3
    assert await cache.get_or_set("k", nothing, LONG) is None
    left = await cache.ttl("k")
    assert left is not None
    assert left <= 60


async def test_a_stale_value_is_served_while_one_fresh_is_made(cache: CacheHelper) -> None:
    made, release = 0, asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        if made > 1:
            await release.wait()
        return made

    tags = ["t"]
    assert await cache.get_or_set("k", make, 0.2, stale=60, tags=tags) == 1
    await asyncio.sleep(0.25)
    answers = await asyncio.gather(*(cache.get_or_set("k", make, 60, stale=60, tags=tags) for _ in range(50)))
    assert set(answers) == {1}
    assert cache.stats.stale == 50
    release.set()
    async with asyncio.timeout(5):
        while await cache.get("k") == 1:
            await asyncio.sleep(0.01)
    assert made == 2


async def test_an_error_of_the_loader_is_the_callers_and_nothing_is_stored(cache: CacheHelper) -> None:
    calls = 0

    async def fails() -> int:
        nonlocal calls
        calls += 1
        while calls == 1 and cache.stats.misses < 10:  # whoever asks after a load has failed begins another
            await asyncio.sleep(0.01)
        raise LookupError("no such thing")

    answers = await asyncio.gather(*(cache.get_or_set("k", fails) for _ in range(10)), return_exceptions=True)
    assert [type(each) for each in answers] == [LookupError] * 10
    assert calls == 1
    with pytest.raises(LookupError):
        await cache.get_or_set("k", fails)
    assert calls == 2


async def test_who_goes_away_leaves_the_load_to_the_others(cache: CacheHelper) -> None:
    entered = asyncio.Event()

    async def make() -> str:
        entered.set()
        await asyncio.sleep(0.1)
        return "made"

    first = asyncio.create_task(cache.get_or_set("k", make))
    await entered.wait()
    second = asyncio.create_task(cache.get_or_set("k", make))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "made"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_each_caller_gets_a_copy(cache: CacheHelper) -> None:
    async def make() -> list[int]:
        await asyncio.sleep(0.01)
        return [1]

    first, second = await asyncio.gather(*(cache.get_or_set("k", make, kind=list[int]) for _ in range(2)))
    first.append(2)
    assert second == [1]


async def test_a_value_that_is_not_what_was_promised_is_refused(cache: CacheHelper) -> None:
    async def make() -> object:
        return {"name": 1}

    with pytest.raises(ValueError, match="promised"):
        await cache.get_or_set("k", make, kind=Profile)
    assert not await cache.exists("k")


async def test_lifetimes_are_spread(cache: CacheHelper) -> None:
    await cache.set_many({f"k{number}": "x" for number in range(30)}, 1000)
    lives = [await cache.ttl(f"k{number}") or 0 for number in range(30)]
    assert all(895 < life <= 1000 for life in lives)
    assert len({round(life) for life in lives}) > 5


async def test_integers_of_any_size_come_back(cache: CacheHelper) -> None:
    for number in (0, -1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30):
        await cache.set("n", number)
        assert await cache.get("n") == number


async def test_a_number_stored_by_any_call_can_be_counted_on(cache: CacheHelper) -> None:
    async def seven() -> int:
        return 7

    await cache.get_or_set("loaded", seven)
    await cache.set_many({"many": 3})
    assert await cache.increment("loaded") == 8
    assert await cache.decrement("many") == 2
    assert await cache.get_or_set("loaded", seven, kind=int) == 8


async def test_a_command_that_is_refused_takes_the_cache_from_nobody(
    cache: CacheHelper, caplog: pytest.LogCaptureFixture
) -> None:
    await cache.set("text", "no counter")
    for _ in range(5):
        assert await cache.increment("text") is None
    assert await cache.get("text") == "no counter"
    assert (cache.stats.errors, cache.stats.skipped) == (5, 0)
    [told] = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert "counter" in told
    assert "no counter" not in told


class _Moody(BaseModel):
    name: str

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, data: dict[str, str]) -> dict[str, str]:
        return {"name": data["title"]}


async def test_what_an_earlier_release_stored_is_absent_whatever_a_validator_makes_of_it(cache: CacheHelper) -> None:
    await cache.set("k", {"name": "an older form"})
    assert await cache.get("k", _Moody) is None
    assert await cache.get_many(["k"], _Moody) == {}


async def test_what_an_earlier_release_stored_is_made_anew(cache: CacheHelper) -> None:
    async def ada() -> Profile:
        return Profile(name="Ada", born=date(1815, 12, 10))

    for older in ({"name": "Ada"}, "Ada", 7, [1]):
        await cache.set("k", older)
        assert await cache.get_or_set("k", ada, kind=Profile) == await ada()
        assert await cache.get("k", Profile) == await ada()
    assert cache.stats.loads == 4


async def test_a_value_that_cannot_be_read_back_is_told_without_it(cache: CacheHelper) -> None:
    async def make() -> _Moody:
        return _Moody.model_validate({"title": "a-secret"})

    with pytest.raises(ValueError, match="cannot be read back") as refused:
        await cache.get_or_set("k", make, kind=_Moody)
    assert "a-secret" not in str(refused.value)


async def test_keys_of_other_programs_are_passed_over(cache: CacheHelper, settings: Settings) -> None:
    await cache.set("ours", 1)
    await get_redis(settings).set(cache.key("").encode() + b"\xff\xfe", b"theirs")
    assert await cache.clear() == 1


async def test_a_lifetime_without_end_is_refused(cache: CacheHelper) -> None:
    for ttl in (float("inf"), float("nan"), 0.0):
        with pytest.raises(ValueError, match="lifetime"):
            await cache.set("k", "v", ttl)


async def test_clearing_takes_its_time_with_what_a_server_holds_for_others(
    key_value: KeyValue, caplog: pytest.LogCaptureFixture
) -> None:
    class Vast:
        """As a server of many millions of keys, which takes a while until it comes upon ours."""

        def __init__(self) -> None:
            self.gone = False

        def __getattr__(self, name: str) -> Any:
            return getattr(key_value, name)

        async def scan(self, prefix: str) -> AsyncIterator[str]:
            await asyncio.sleep(2.2)
            async for key in key_value.scan(prefix):
                yield key
            if self.gone:
                raise ServerUnavailable("gone half-way")

    server: Any = Vast()
    cache = CacheHelper(Cache(server, command_seconds=2), f"n{uuid4().hex}")
    await cache.set_many({"a": "1", "b": "2"})
    assert await cache.clear() == 2
    assert not caplog.records
    server.gone = True
    assert await cache.clear() == 0
    assert "Not all keys" in caplog.text


async def test_an_error_about_a_value_does_not_tell_it(cache: CacheHelper) -> None:
    async def make() -> Any:
        return "a-password"

    with pytest.raises(ValueError, match="promised") as refused:
        await cache.get_or_set("k", make, kind=int)
    assert "a-password" not in str(refused.value)
