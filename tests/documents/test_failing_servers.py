"""A server that fails, on every route of a document: docstore's errors, with the driver's as the cause."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar

import pytest
from beanie.operators import Inc, Set
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, WTimeoutError
from tests.conftest import Bind

from docstore.documents import (
    Document,
    DocumentId,
    OnDelete,
    One,
    Ref,
    belongs_to,
    bind,
    run_in_transaction,
    transaction,
    transactions,
    unique,
)
from docstore.errors import (
    AccessDenied,
    DocstoreError,
    OperationTimeout,
    RequiredViolation,
    ServerUnavailable,
    ValidationFailed,
    WriteConflict,
    error_detail,
)

Database = AsyncDatabase[dict[str, Any]]
COMMANDS = ["find", "insert", "update", "delete", "findAndModify", "aggregate", "count", "distinct", "getMore"]
LABEL = "TransientTransactionError"


class Shop(Document):
    name: str = ""
    stock: int = 0


class Sale(Document):
    audited = True

    shop_id: Annotated[DocumentId, Ref("Shop", on_delete=OnDelete.CASCADE)]
    code: str = ""

    shop: ClassVar[One[Shop]] = belongs_to("shop_id")
    indexes = (unique("code"),)


Fail = Callable[..., Any]
Route = Callable[[Shop, Sale], Awaitable[Any]]


@pytest.fixture
async def fail(database: Database) -> AsyncIterator[Fail]:
    """Let the server fail at commands inside a block."""

    async def switch(mode: Any, **data: Any) -> None:
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": mode, **data})

    @asynccontextmanager
    async def failing(*, commands: list[str] = COMMANDS, **fault: Any) -> AsyncIterator[None]:
        await switch("alwaysOn", data={"failCommands": commands, **fault})
        try:
            yield
        finally:
            await switch("off")

    yield failing
    await switch("off")


@pytest.fixture
async def shop_and_sale(bind_models: Bind, monkeypatch: pytest.MonkeyPatch) -> tuple[Shop, Sale]:
    monkeypatch.setattr(transactions, "RETRY_SECONDS", 0.0)
    await bind_models(Shop, Sale)
    shop = await Shop(name="a").insert()
    return shop, await Sale(shop_id=shop.id, code="a").insert()


async def each_of(query: Any) -> list[Any]:
    return [each async for each in query]


async def stepwise(shop: Shop, _: Sale) -> None:
    async with transaction():
        await shop.save()


ROUTES: dict[str, Route] = {
    "insert": lambda shop, sale: Shop(name="b").insert(),
    "insert, checked and audited": lambda shop, sale: Sale(shop_id=shop.id, code="b").insert(),
    "insert_many": lambda shop, sale: Shop.insert_many([Shop(), Shop()]),
    "insert_many, audited": lambda shop, sale: Sale.insert_many([Sale(shop_id=shop.id, code="b")]),
    "save": lambda shop, sale: shop.save(),
    "save, audited": lambda shop, sale: sale.save(),
    "save in a transaction": stepwise,
    "update": lambda shop, sale: shop.update(Inc({Shop.stock: 1})),
    "replace": lambda shop, sale: shop.replace(),
    "replace_many": lambda shop, sale: Shop.replace_many([shop]),
    "sync": lambda shop, sale: shop.sync(),
    "delete": lambda shop, sale: sale.delete(),
    "delete, cascading": lambda shop, sale: shop.delete(),
    "restore": lambda shop, sale: sale.restore(),
    "purge": lambda shop, sale: sale.purge(reason="a test"),
    "history": lambda shop, sale: sale.history(),
    "as_of": lambda shop, sale: sale.as_of(sale.created_at),
    "get": lambda shop, sale: Shop.get(shop.id),
    "get_many": lambda shop, sale: Shop.get_many([shop.id]),
    "find_one": lambda shop, sale: Shop.find_one(Shop.name == "a"),
    "find": lambda shop, sale: Shop.find().to_list(),
    "find by iteration": lambda shop, sale: each_of(Shop.find()),
    "first_or_none": lambda shop, sale: Shop.find().first_or_none(),
    "stream": lambda shop, sale: each_of(Shop.find().stream()),
    "include": lambda shop, sale: Sale.find().include("shop").to_list(),
    "page": lambda shop, sale: Shop.find().page(limit=5),
    "paginate": lambda shop, sale: Shop.find().paginate(page=1, limit=5),
    "values": lambda shop, sale: Shop.find().values("name").to_list(),
    "count": lambda shop, sale: Shop.find().count(),
    "count of all": lambda shop, sale: Shop.count(),
    "exists": lambda shop, sale: Shop.find(Shop.name == "a").exists(),
    "distinct": lambda shop, sale: Shop.distinct("name"),
    "aggregate": lambda shop, sale: Shop.aggregate([{"$match": {}}]).to_list(),
    "sum": lambda shop, sale: Shop.find().sum(Shop.stock),
    "update of many": lambda shop, sale: Shop.find().update(Set({Shop.name: "b"})),
    "update of one": lambda shop, sale: Shop.find_one().update(Set({Shop.name: "b"})),
    "upsert": lambda shop, sale: Shop.find_one(Shop.name == "z").upsert(Set({Shop.name: "b"}), on_insert=Shop()),
    "delete of many": lambda shop, sale: Sale.find().delete(),
    "delete_all": lambda shop, sale: Shop.delete_all(),
    "trash": lambda shop, sale: Shop.deleted.find().to_list(),
    "restore of many": lambda shop, sale: Sale.deleted.restore(),
    "purge of many": lambda shop, sale: Sale.with_deleted.purge(reason="a test"),
}


_ROUTE_NAMES = list(ROUTES)
READING = {
    *("sync", "history", "as_of", "trash", "replace_many"),  # the last looks first whether all are there
    *_ROUTE_NAMES[_ROUTE_NAMES.index("get") : _ROUTE_NAMES.index("sum") + 1],
}
"""Routes on which nothing is in doubt when no answer comes in time."""

RECONNECTING = ("insert", "save, audited", "find", "get")
"""Routes on which the connection is cut too. The driver takes a second to find the server again."""


@pytest.mark.parametrize("name", ROUTES)
async def test_every_route_tells_it_in_our_words(shop_and_sale: tuple[Shop, Sale], fail: Fail, name: str) -> None:
    for fault, expected in (
        ({"errorCode": 112, "errorLabels": [LABEL]}, WriteConflict),
        ({"errorCode": 13}, AccessDenied),
        ({"errorCode": 50}, OperationTimeout),
        ({"closeConnection": True}, ServerUnavailable),
    )[: 4 if name in RECONNECTING else 3]:
        async with fail(**fault):
            with pytest.raises(DocstoreError) as caught:
                await ROUTES[name](*shop_and_sale)
        assert isinstance(caught.value, expected), fault
        assert caught.value.hint
        if expected is OperationTimeout:
            assert ("nothing was read" in str(caught.value)) is (name in READING)
            assert ("may or may not have happened" in str(caught.value)) is (name not in READING)
        cause: Any = caught.value.__cause__
        while not isinstance(cause, PyMongoError) or isinstance(cause, DocstoreError):
            cause = cause.__cause__
        if LABEL in cause._error_labels:
            assert error_detail(caught.value).retryable
            assert isinstance(caught.value, PyMongoError)
            assert caught.value.has_error_label(LABEL)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationFailure("gone", 251, {"errorLabels": [LABEL]}), WriteConflict),
        (WTimeoutError("slow", 64, {}), OperationTimeout),
        (AutoReconnect("gone"), ServerUnavailable),
        (OperationFailure("no", 13, {}), AccessDenied),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
async def test_what_fails_at_the_commit_is_told_too(
    shop_and_sale: tuple[Shop, Sale],
    monkeypatch: pytest.MonkeyPatch,
    error: PyMongoError,
    expected: type[DocstoreError],
) -> None:
    shop, _ = shop_and_sale
    shop.name = "b"

    async def fail_to_commit(session: AsyncClientSession) -> None:
        await session.abort_transaction()
        raise error

    async def nested() -> None:
        async with transaction():
            await shop.save()

    monkeypatch.setattr(AsyncClientSession, "commit_transaction", fail_to_commit)
    for route in (nested, lambda: run_in_transaction(shop.save), shop.delete):
        with pytest.raises(expected) as caught:
            await route()
        assert caught.value.__cause__ is error
        assert not shop.is_deleted
    monkeypatch.undo()
    stored = await Shop.get(shop.id)
    assert stored is not None
    assert stored.name == "a"


async def test_the_drivers_own_retry_still_knows_a_lost_race(
    shop_and_sale: tuple[Shop, Sale], database: Database, fail: Fail
) -> None:
    attempts: list[int] = []

    async def work(session: Any) -> None:
        attempts.append(1)
        if len(attempts) > 1:
            await Shop(name="second").insert(session=session)
            return
        async with fail(commands=["insert"], errorCode=112, errorLabels=[LABEL]):
            await Shop(name="first").insert(session=session)

    async with database.client.start_session() as session:
        await session.with_transaction(work)
    assert len(attempts) == 2
    assert await Shop.find(Shop.name == "second").count() == 1


async def test_what_the_databases_validator_refuses_is_named(database: Database, bind_models: Bind) -> None:
    rules = {
        "required": ["city"],
        "properties": {
            "name": {"enum": ["a"]},
            "stock": {"maximum": 3},
            "place": {"required": ["zip"], "properties": {"rank": {"bsonType": "int"}}},
            "tags": {"items": {"bsonType": "string"}},
        },
    }
    await database.create_collection("Shop", validator={"$jsonSchema": rules})
    await bind(database, [Shop])
    with pytest.raises(RequiredViolation) as missing:
        await Shop(name="a").insert()
    assert (missing.value.field, missing.value.collection) == ("city", "Shop")
    raw = Shop.get_pymongo_collection()
    whole = {"city": "x", "name": "a", "stock": 1}
    await raw.insert_one(whole)
    with pytest.raises(ValidationFailed) as wrong:
        await Shop.find_one().update({"$set": {"name": "s3cret", "stock": 9}})
    assert wrong.value.field == "name and stock"
    assert "name (enum), stock (maximum)" in str(wrong.value)
    assert "s3cret" not in str(wrong.value)
    for update, field in (({"place": {"rank": "x"}}, "place.zip and place.rank"), ({"tags": ["a", 1]}, "tags.1")):
        with pytest.raises(OperationFailure) as driver:
            await raw.update_one({}, {"$set": update})
        detail = error_detail(driver.value)
        assert set((detail.field or "").split(" and ")) <= set(field.split(" and "))
        assert detail.constraint == "$jsonSchema"
