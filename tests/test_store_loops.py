"""A Store belongs to the event loop it was opened on; used on another it says so, by every route."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from bson import ObjectId

from docstore.clients import RedisKeyValue, close_redis, get_redis
from docstore.documents import Document, transaction
from docstore.errors import WrongEventLoop, error_detail
from docstore.settings import Settings
from docstore.store import Store


class Visit(Document):
    name: str = ""


async def _insert_in_transaction() -> None:
    async with transaction():
        await Visit(name="b").insert()


async def _iterate() -> list[Visit]:
    return [each async for each in Visit.find()]


ROUTES: Final[dict[str, Callable[[], Awaitable[Any]]]] = {
    "get": lambda: Visit.get(ObjectId()),
    "find": lambda: Visit.find().to_list(),
    "find_one": lambda: Visit.find_one(),
    "iterate": _iterate,
    "page": lambda: Visit.find().page(2),
    "count": lambda: Visit.find().count(),
    "distinct": lambda: Visit.distinct("name"),
    "aggregate": lambda: Visit.aggregate([]).to_list(),
    "insert": lambda: Visit().insert(),
    "insert_many": lambda: Visit.insert_many([Visit()]),
    "update": lambda: Visit.find().update({"$set": {"name": "c"}}),
    "delete": lambda: Visit.find().delete(),
    "transaction": _insert_in_transaction,
}


async def test_a_store_on_another_loop_says_which_handle_and_the_way_out(settings: Settings) -> None:
    def in_two_loops() -> dict[str, BaseException]:
        store = Store(settings, models=[Visit])
        asyncio.run(_opened(store))
        return asyncio.run(_told(store))

    told = await asyncio.to_thread(in_two_loops)
    assert told.keys() == ROUTES.keys()
    for name, error in told.items():
        assert isinstance(error, WrongEventLoop), name
        assert "MongoDB client of its Store" in error.message
        assert error.hint is not None
        assert "One Store a loop" in error.hint
        assert isinstance(error.__cause__, RuntimeError)
        assert error_detail(error).code == "event_loop"
        assert error.collection == "Visit"


async def _opened(store: Store) -> None:
    await store.__aenter__()
    await Visit(name="a").insert()


async def _told(store: Store) -> dict[str, BaseException]:
    told: dict[str, BaseException] = {}
    for name, call in ROUTES.items():
        try:
            await call()
        except RuntimeError as error:
            told[name] = error
    await store.__aexit__(None, None, None)
    return told


async def test_one_store_a_loop_is_well(settings: Settings) -> None:
    async def count() -> int:
        async with Store(settings, models=[Visit]) as store:
            await Visit().insert()
            await (await store.key_value()).set("visited", b"1")
            return await Visit.find().count()

    assert await asyncio.to_thread(lambda: [asyncio.run(count()), asyncio.run(count())]) == [1, 2]


async def test_a_redis_client_of_another_loop_is_told_and_the_shared_one_is_each_loops_own(settings: Settings) -> None:
    async def keep(key_value: RedisKeyValue) -> None:
        await key_value.set("kept", b"1")

    async def own() -> RedisKeyValue:
        given = RedisKeyValue(settings, client=get_redis(settings))
        await keep(given)
        return given

    async def elsewhere(given: RedisKeyValue, shared: RedisKeyValue) -> bytes | None:
        with pytest.raises(WrongEventLoop, match="a RedisKeyValue was given"):
            await given.get("kept")
        try:
            return await shared.get("kept")
        finally:
            await close_redis(settings)

    def in_two_loops() -> bytes | None:
        shared, given = RedisKeyValue(settings), asyncio.run(own())
        return asyncio.run(elsewhere(given, shared))

    assert await asyncio.to_thread(in_two_loops) == b"1"
