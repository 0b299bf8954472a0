"""Queries that compare text regardless of case: what is deleted stays out of sight, whatever they take for equal."""

from typing import Any

import pytest
from pymongo import DeleteMany, UpdateMany
from pymongo.asynchronous.database import AsyncDatabase
from tests.conftest import Bind

from docstore.documents import Document
from docstore.errors import DeletedDocument

Database = AsyncDatabase[dict[str, Any]]
LOOSE = {"locale": "en", "strength": 2}
DELETED = ({"isDeleted": True}, {"deletedAt": 1}, {"status": "DELETED"})


class Order(Document):
    name: str = ""
    status: str = "open"


@pytest.fixture
async def orders(bind_models: Bind, database: Database) -> Database:
    await bind_models(Order)
    await database["Order"].insert_many([{"name": "A", "n": n, **marks} for n, marks in enumerate(DELETED)])
    await database["Order"].insert_one({"name": "a", "status": "open", "n": 10})
    return database


async def test_no_collation_brings_a_deleted_document_back(orders: Database) -> None:
    gate = Order.get_pymongo_collection()
    wanted = {"name": "A"}
    assert [each["n"] for each in await gate.find(wanted, collation=LOOSE).to_list()] == [10]
    assert [each["n"] for each in await gate.find(wanted).collation(LOOSE).to_list()] == [10]
    assert await gate.count_documents(wanted, collation=LOOSE) == 1
    assert await gate.distinct("n", wanted, collation=LOOSE) == [10]
    found = await gate.aggregate([{"$match": wanted}], collation=LOOSE)
    assert [each["n"] for each in await found.to_list()] == [10]
    assert (await gate.update_many(wanted, {"$set": {"seen": 1}}, collation=LOOSE)).matched_count == 1
    results = await gate.bulk_write(
        [UpdateMany(wanted, {"$set": {"seen": 2}}, collation=LOOSE), DeleteMany(wanted, collation=LOOSE)]
    )
    assert (results.matched_count, results.deleted_count) == (1, 1)
    assert await orders["Order"].count_documents({"seen": {"$exists": True}}) == 1


async def test_an_upsert_finds_the_deleted_as_it_compares(orders: Database) -> None:
    gate = Order.get_pymongo_collection()
    await gate.delete_many({"name": "a"})
    with pytest.raises(DeletedDocument):
        await gate.update_one({"name": "a"}, {"$set": {"n": 1}}, upsert=True, collation=LOOSE)


async def test_a_living_status_that_a_collation_takes_for_the_mark_is_out_of_its_sight(orders: Database) -> None:
    """The one price: a collation holds for the whole query, the guard's part of it included. It errs towards hiding."""
    await orders["Order"].insert_one({"name": "b", "status": "deleted"})
    gate = Order.get_pymongo_collection()
    assert await gate.count_documents({"name": "b"}) == 1
    assert await gate.count_documents({"name": "B"}, collation=LOOSE) == 0
    assert await Order.find(Order.status == "deleted").count() == 1
    assert await Order.deleted.find(Order.name == "b").count() == 0
    assert (await gate.update_many({"name": "B"}, {"$set": {"seen": 1}}, collation=LOOSE)).matched_count == 0
