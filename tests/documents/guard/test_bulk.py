"""bulk_write: the results, the order and the errors of PyMongo, with marks for deletes."""

from typing import Any

import pytest
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, InvalidOperation

from docstore.documents import Document, SystemDocument, unique
from docstore.errors import DeletedDocument, DocstoreError, GuardError, RefusedOperation


class Bulked(Document):
    slug: str = ""
    number: int = 0
    indexes = (unique("slug"),)


class BulkedAloud(Document):
    slug: str = ""
    number: int = 0
    indexes = (unique("slug"),)
    announces = True


class BulkedRow(SystemDocument):
    slug: str = ""


class BulkedRowAloud(SystemDocument):
    slug: str = ""
    announces = True


@pytest.fixture(params=[Bulked, BulkedAloud], ids=["plain", "announcing"])
async def gate(request: pytest.FixtureRequest, bind_models: Any) -> Any:
    await bind_models(Bulked, BulkedAloud)
    return request.param.get_pymongo_collection()


def mixed() -> list[Any]:
    return [
        InsertOne({"slug": "a", "number": 1}),
        InsertOne({"slug": "b", "number": 2}),
        InsertOne({"slug": "c", "number": 3}),
        UpdateOne({"slug": "a"}, {"$inc": {"number": 10}}),
        DeleteOne({"slug": "b"}),
        UpdateMany({}, {"$inc": {"number": 100}}),
        ReplaceOne({"slug": "c"}, {"slug": "c", "number": 7}),
        UpdateOne({"slug": "d"}, {"$set": {"number": 4}}, upsert=True),
        ReplaceOne({"slug": "e"}, {"slug": "e"}, upsert=True),
        DeleteMany({"slug": {"$in": ["c", "d"]}}),
    ]


async def test_the_result_is_what_pymongo_says_of_a_plain_collection(gate: Any, database: Any) -> None:
    plain = await database["plain"].bulk_write(mixed())
    ours = await gate.bulk_write(mixed())
    for name in ("inserted_count", "matched_count", "modified_count", "deleted_count", "upserted_count"):
        assert getattr(ours, name) == getattr(plain, name), name
    assert list(ours.upserted_ids) == list(plain.upserted_ids)
    assert ours.acknowledged
    assert sorted(each["slug"] for each in await gate.find().to_list()) == ["a", "e"]
    assert await database[gate.name].count_documents({}) == 5
    assert await gate.count_documents({"number": 111}) == 1


async def test_a_delete_in_a_bulk_leaves_who_and_when(gate: Any, database: Any) -> None:
    await gate.bulk_write([InsertOne({"slug": "a"}), DeleteOne({"slug": "a"})])
    stored = await database[gate.name].find_one({"slug": "a"})
    assert stored["isDeleted"] is True
    assert stored["deletedAt"] == stored["updatedAt"]
    assert "deletedBy" in stored


async def test_a_duplicate_is_a_bulk_write_error_at_its_place(gate: Any, database: Any) -> None:
    requests = [
        InsertOne({"slug": "a"}),
        DeleteOne({"slug": "none"}),
        InsertOne({"slug": "a"}),
        InsertOne({"slug": "b"}),
    ]
    with pytest.raises(BulkWriteError) as failure:
        await gate.bulk_write(requests)
    details = failure.value.details
    assert details is not None
    assert [each["index"] for each in details["writeErrors"]] == [2]
    assert details["writeErrors"][0]["code"] == 11000


async def test_an_unordered_bulk_goes_on_behind_a_duplicate(bind_models: Any, database: Any) -> None:
    await bind_models(Bulked)
    requests = [InsertOne({"slug": "a"}), InsertOne({"slug": "a"}), DeleteOne({"slug": "x"}), InsertOne({"slug": "b"})]
    with pytest.raises(BulkWriteError) as failure:
        await Bulked.get_pymongo_collection().bulk_write(requests, ordered=False)
    assert failure.value.details is not None
    assert failure.value.details["nInserted"] == 2
    assert await database["Bulked"].count_documents({}) == 2


async def test_an_empty_bulk_is_pymongos_error(gate: Any) -> None:
    with pytest.raises(InvalidOperation):
        await gate.bulk_write([])


async def test_what_is_no_request_is_refused_before_anything_is_written(gate: Any, database: Any) -> None:
    for stranger in ({"insert": 1}, "drop", None, object(), InsertOne):
        with pytest.raises((RefusedOperation, TypeError)):
            await gate.bulk_write([InsertOne({"slug": "a"}), stranger])
    assert await database[gate.name].count_documents({}) == 0


async def test_marks_and_scripts_in_a_request_are_refused_before_anything_is_written(gate: Any, database: Any) -> None:
    for request in (
        InsertOne({"isDeleted": True}),
        InsertOne({"status": "DELETED"}),
        UpdateOne({}, {"$set": {"deletedAt": 1}}),
        UpdateMany({}, [{"$set": {"isDeleted": True}}]),
        ReplaceOne({}, {"deletedBy": "x"}),
        UpdateOne({"isDeleted": True}, {"$set": {"x": 1}}),
        DeleteMany({"deletedAt": {"$ne": None}}),
        DeleteOne({"$where": "true"}),
    ):
        with pytest.raises(GuardError):
            await gate.bulk_write([InsertOne({"slug": "a"}), request])
    assert await database[gate.name].count_documents({}) == 0


async def test_a_namespace_is_not_taken_for_this_collection(gate: Any, database: Any) -> None:
    for request in (InsertOne({"slug": "a"}, namespace="x.y"), DeleteMany({}, namespace="x.y")):
        with pytest.raises((InvalidOperation, DocstoreError)):
            await gate.bulk_write([request])
    assert await database[gate.name].count_documents({}) == 0


async def test_an_upsert_finds_what_stood_before_it_in_the_bulk(gate: Any, database: Any) -> None:
    requests = [InsertOne({"slug": "a"}), UpdateOne({"slug": "a"}, {"$set": {"number": 1}}, upsert=True)]
    result = await gate.bulk_write(requests)
    assert (result.inserted_count, result.matched_count, result.upserted_count) == (1, 1, 0)
    assert await database[gate.name].count_documents({}) == 1


async def test_options_reach_the_server(gate: Any, database: Any) -> None:
    await gate.insert_many([{"slug": "a", "tags": [1, 2]}, {"slug": "B", "number": 1}])
    await gate.bulk_write(
        [
            UpdateOne({"slug": "a"}, {"$set": {"tags.$[t]": 9}}, array_filters=[{"t": 2}]),
            UpdateMany({"slug": "b"}, {"$set": {"number": 5}}, collation={"locale": "en", "strength": 2}),
            DeleteOne({"slug": "b"}, collation={"locale": "en", "strength": 2}),
        ]
    )
    assert (await gate.find_one({"slug": "a"}))["tags"] == [1, 9]
    assert (await database[gate.name].find_one({"slug": "B"}))["isDeleted"] is True


@pytest.mark.parametrize("model", [BulkedRow, BulkedRowAloud])
async def test_a_delete_of_rows_removes_them(model: Any, bind_models: Any, database: Any) -> None:
    await bind_models(BulkedRow, BulkedRowAloud)
    gate = model.get_pymongo_collection()
    await gate.insert_many([{"slug": "a"}, {"slug": "b"}, {"slug": "b"}])
    result = await gate.bulk_write([DeleteOne({"slug": "a"}), DeleteMany({"slug": "b"})])
    assert result.deleted_count == 3
    assert await database[model.get_collection_name()].count_documents({}) == 0


async def test_a_bulk_joins_the_session_it_is_given(gate: Any, database: Any) -> None:
    async with gate.database.client.start_session() as session:
        await session.start_transaction()
        await gate.bulk_write(mixed(), session=session)
        await session.abort_transaction()
    assert await database[gate.name].count_documents({}) == 0


async def test_a_refused_bulk_upsert_leaves_the_ordered_rest_unwritten(gate: Any, database: Any) -> None:
    await database[gate.name].insert_one({"slug": "dead", "isDeleted": True})
    with pytest.raises(DeletedDocument):
        await gate.bulk_write(
            [InsertOne({"slug": "a"}), UpdateOne({"slug": "dead"}, {"$set": {"number": 1}}, upsert=True)]
        )
    assert await database[gate.name].count_documents({}) == 1
