"""Every public name of PyMongo's AsyncCollection against documents that are deleted in every known way."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo import (
    AsyncMongoClient,
    DeleteMany,
    DeleteOne,
    IndexModel,
    InsertOne,
    ReadPreference,
    ReplaceOne,
    ReturnDocument,
    UpdateMany,
    UpdateOne,
    WriteConcern,
)
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from docstore.documents import Document, SystemDocument, bind
from docstore.documents.guard import GuardedCollection, GuardedDatabase
from docstore.documents.guard import collection as collection_module
from docstore.documents.guard.classification import GUARDED, PASSED, REFUSED
from docstore.documents.guard.reading import ReadingCollection
from docstore.errors import DeletedDocument, DocstoreError, GuardError, ProtectedField, RefusedOperation

PUBLIC = {name for name in dir(AsyncCollection) if not name.startswith("_")}
AFTER = ReturnDocument.AFTER
Probe = Callable[[GuardedCollection, Any], Awaitable[Any]]


class GuardedThing(Document):
    slug: str = ""
    number: int = 0


class PlainRow(SystemDocument):
    slug: str = ""


class Watched(Document):
    slug: str = ""
    number: int = 0
    announces = True


@pytest.fixture(params=["plain", "announcing"])
async def gate(request: pytest.FixtureRequest, bind_models: Any, graveyard: Any) -> tuple[GuardedCollection, Any]:
    """A guarded collection over a graveyard; once where nothing follows from a write, once where something does."""
    model = GuardedThing if request.param == "plain" else Watched
    await bind_models(GuardedThing, Watched, PlainRow)
    return model.get_pymongo_collection(), await graveyard(model.get_collection_name())


# Reads. Each is asked with filters that match deleted documents alone, and must find nothing.


async def find(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert await gate.find(wanted).to_list() == []
        assert await gate.find(filter=wanted).to_list() == []
        assert [each async for each in gate.find(wanted, {"_id": 1})] == []
        assert await gate.find(wanted, None, 0, 0).sort("number").limit(9).to_list() == []
    for cursor in (gate.find(), gate.find({}), gate.find(None, ["secret"]), gate.find(projection={"number": 1})):
        found = await cursor.to_list()
        assert [each["_id"] for each in found] == yard.living
        yard.assert_hidden(found)


async def find_one(gate: GuardedCollection, yard: Any) -> None:
    for wanted in [*yard.filters, *yard.ids]:
        assert await gate.find_one(wanted) is None
        assert await gate.find_one(filter=wanted) is None
        assert await gate.find_one(wanted, {"_id": 1}, sort=[("number", -1)]) is None
    highest = await gate.find_one(sort=[("number", -1)])
    assert highest is not None
    assert highest["_id"] == yard.living[1]


async def find_raw_batches(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert b"".join([batch async for batch in gate.find_raw_batches(wanted)]) == b""
    yard.assert_hidden([batch async for batch in gate.find_raw_batches()])


async def count_documents(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert await gate.count_documents(wanted) == 0
        assert await gate.count_documents(filter=wanted, limit=5, skip=0) == 0
    assert await gate.count_documents({}) == 2


async def estimated_document_count(gate: GuardedCollection, yard: Any) -> None:
    assert await gate.estimated_document_count() == 2
    assert await gate.estimated_document_count(comment="exact") == 2


async def distinct(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert await gate.distinct("number", wanted) == []
        assert await gate.distinct("number", filter=wanted) == []
    assert await gate.distinct("number") == [1, 2]
    assert await gate.distinct("tags") == ["a"]
    assert await gate.distinct("deletedAt") in ([], [None])


async def aggregate(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert await (await gate.aggregate([{"$match": wanted}])).to_list() == []
    pipelines: list[list[dict[str, Any]]] = [
        [],
        [{"$match": {}}],
        [{"$sort": {"number": -1}}],
        [{"$group": {"_id": "$group", "most": {"$max": "$number"}, "who": {"$push": "$$ROOT"}}}],
        [{"$project": {"secret": 1}}],
        [{"$sample": {"size": 50}}],
        [{"$unwind": "$tags"}],
        [{"$sortByCount": "$secret"}],
        [{"$bucketAuto": {"groupBy": "$number", "buckets": 2}}],
        [{"$setWindowFields": {"sortBy": {"number": 1}, "output": {"max": {"$max": "$number"}}}}],
        [{"$replaceWith": {"told": "$secret", "number": "$number"}}],
        [{"$limit": 100}],
        [{"$skip": 0}],
    ]
    for pipeline in pipelines:
        seen = await (await gate.aggregate(pipeline)).to_list()
        assert seen
        yard.assert_hidden(seen)
    assert await (await gate.aggregate([{"$count": "n"}])).to_list() == [{"n": 2}]
    assert await (await gate.aggregate(pipeline=[{"$count": "n"}], allowDiskUse=True)).to_list() == [{"n": 2}]


async def aggregate_raw_batches(gate: GuardedCollection, yard: Any) -> None:
    async for batch in await gate.aggregate_raw_batches([]):
        yard.assert_hidden(batch)
    for wanted in yard.filters:
        batches = [batch async for batch in await gate.aggregate_raw_batches([{"$match": wanted}])]
        assert b"".join(batches) == b""


# Writes, with the same filters: nothing may match, and afterwards every byte is compared.


async def update_one(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        for update in ({"$set": {"touched": 1}}, {"$inc": {"number": 1}}, [{"$set": {"touched": 1}}]):
            result = await gate.update_one(wanted, update)
            assert (result.matched_count, result.modified_count) == (0, 0)
    result = await gate.update_one(yard.filters[0], {"$set": {"touched": 1}}, False, None, None, None, None, None)
    assert result.matched_count == 0


async def update_many(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        result = await gate.update_many(wanted, {"$set": {"touched": 1}})
        assert result.matched_count == 0
    assert (await gate.update_many({}, {"$set": {"touched": 1}})).matched_count == 2
    assert (await gate.update_many({}, [{"$set": {"touched": 2}}])).matched_count == 2
    by_filter = await gate.update_many({}, {"$set": {"tags.$[old]": "b"}}, array_filters=[{"old": "a"}])
    assert by_filter.matched_count == 2


async def replace_one(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert (await gate.replace_one(wanted, {"slug": "replaced"})).matched_count == 0


async def find_one_and_update(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert await gate.find_one_and_update(wanted, {"$set": {"touched": 1}}) is None
        assert await gate.find_one_and_update(wanted, {"$set": {"touched": 1}}, return_document=AFTER) is None
    found = await gate.find_one_and_update({}, {"$set": {"touched": 1}}, {"_id": 1}, [("number", -1)], False, AFTER)
    assert found == {"_id": yard.living[1]}


async def find_one_and_replace(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert await gate.find_one_and_replace(wanted, {"slug": "replaced"}) is None
        assert await gate.find_one_and_replace(wanted, {"slug": "replaced"}, return_document=AFTER) is None
    found = await gate.find_one_and_replace({}, {"slug": "replaced", "number": 9}, sort=[("number", -1)])
    assert found is not None
    assert found["_id"] == yard.living[1]


async def find_one_and_delete(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert await gate.find_one_and_delete(wanted) is None
    found = await gate.find_one_and_delete({}, sort=[("number", -1)])
    assert found is not None
    assert found["_id"] == yard.living[1]


async def delete_one(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert (await gate.delete_one(wanted)).deleted_count == 0
    assert (await gate.delete_one({})).deleted_count == 1


async def delete_many(gate: GuardedCollection, yard: Any) -> None:
    for wanted in yard.filters:
        assert (await gate.delete_many(wanted)).deleted_count == 0
    assert (await gate.delete_many({})).deleted_count == 2
    assert (await gate.delete_many({})).deleted_count == 0


async def bulk_write(gate: GuardedCollection, yard: Any) -> None:
    for ordered in (True, False):
        for wanted in yard.filters:
            result = await gate.bulk_write(
                [
                    UpdateOne(wanted, {"$set": {"touched": 1}}),
                    DeleteOne(wanted),
                    UpdateMany(wanted, [{"$set": {"touched": 1}}]),
                    DeleteMany(wanted),
                    ReplaceOne(wanted, {"slug": "replaced"}),
                ],
                ordered=ordered,
            )
            told = (result.matched_count, result.modified_count, result.deleted_count, result.upserted_count)
            assert told == (0, 0, 0, 0)


async def insert_one(gate: GuardedCollection, yard: Any) -> None:
    for name, dead in yard.dead.items():
        with pytest.raises((PyMongoError, DocstoreError)):
            await gate.insert_one({"_id": dead, "slug": name})
    for marks in ({"deletedAt": 1}, {"isDeleted": True}, {"status": "DELETED"}, {"deletedBy": "x"}):
        with pytest.raises(ProtectedField):
            await gate.insert_one({"slug": "born deleted", **marks})


async def insert_many(gate: GuardedCollection, yard: Any) -> None:
    with pytest.raises((PyMongoError, DocstoreError)):
        await gate.insert_many([{"_id": each} for each in yard.ids], ordered=False)
    with pytest.raises(ProtectedField):
        await gate.insert_many([{"slug": "fine"}, {"slug": "born deleted", "isDeleted": True}])


async def database(gate: GuardedCollection, yard: Any) -> None:
    assert isinstance(gate.database, GuardedDatabase)
    assert await gate.database[gate.name].count_documents({}) == 2


async def with_options(gate: GuardedCollection, yard: Any) -> None:
    chain = gate.with_options(read_preference=ReadPreference.NEAREST).with_options(
        write_concern=WriteConcern("majority")
    )
    assert await chain.count_documents({}) == 2
    assert await gate.with_options(gate.codec_options).find_one({"_id": yard.ids[0]}) is None
    assert (await chain.delete_many({"secret": yard.secret})).deleted_count == 0


async def drop(gate: GuardedCollection, yard: Any) -> None:
    with pytest.raises(RefusedOperation):
        await gate.drop()


async def rename(gate: GuardedCollection, yard: Any) -> None:
    with pytest.raises(RefusedOperation):
        await gate.rename("elsewhere")
    with pytest.raises(RefusedOperation):
        await gate.rename("elsewhere", dropTarget=True)


async def watch(gate: GuardedCollection, yard: Any) -> None:
    async with await gate.watch(max_await_time_ms=100) as stream:
        yard.assert_hidden(await stream.try_next())
    with pytest.raises(GuardError):
        await gate.watch([{"$match": {"$expr": {"$function": {}}}}])


# What PyMongo does by itself: it may succeed or fail, but shows and changes no deleted document.


async def create_index(gate: GuardedCollection, yard: Any) -> None:
    await gate.create_index("slug", unique=True)
    for field in ("deletedAt", "updatedAt"):
        with pytest.raises(GuardError):
            await gate.create_index(field, expireAfterSeconds=0)


async def create_indexes(gate: GuardedCollection, yard: Any) -> None:
    await gate.create_indexes([IndexModel("number")])
    with pytest.raises(GuardError):
        await gate.create_indexes([IndexModel("number"), IndexModel("deletedAt", expireAfterSeconds=0)])


async def drop_index(gate: GuardedCollection, yard: Any) -> None:
    await gate.drop_index(await gate.create_index("number"))


async def drop_indexes(gate: GuardedCollection, yard: Any) -> None:
    await gate.drop_indexes()


async def metadata(gate: GuardedCollection, yard: Any) -> None:
    yard.assert_hidden([await gate.index_information(), await gate.options()])
    yard.assert_hidden(await (await gate.list_indexes()).to_list())


NO_QUERY = "an attribute: runs no query"
SEARCH_INDEX = "defines a search index of the Atlas service: no documents pass"

PROBES: dict[str, Probe | str] = {
    "aggregate": aggregate,
    "aggregate_raw_batches": aggregate_raw_batches,
    "bulk_write": bulk_write,
    "count_documents": count_documents,
    "create_index": create_index,
    "create_indexes": create_indexes,
    "database": database,
    "delete_many": delete_many,
    "delete_one": delete_one,
    "distinct": distinct,
    "drop": drop,
    "drop_index": drop_index,
    "drop_indexes": drop_indexes,
    "estimated_document_count": estimated_document_count,
    "find": find,
    "find_one": find_one,
    "find_one_and_delete": find_one_and_delete,
    "find_one_and_replace": find_one_and_replace,
    "find_one_and_update": find_one_and_update,
    "find_raw_batches": find_raw_batches,
    "index_information": metadata,
    "insert_many": insert_many,
    "insert_one": insert_one,
    "list_indexes": metadata,
    "options": metadata,
    "rename": rename,
    "replace_one": replace_one,
    "update_many": update_many,
    "update_one": update_one,
    "watch": watch,
    "with_options": with_options,
    **dict.fromkeys(
        ("codec_options", "full_name", "name", "read_concern", "read_preference", "write_concern", "next"), NO_QUERY
    ),
    **dict.fromkeys(
        (
            "create_search_index",
            "create_search_indexes",
            "drop_search_index",
            "list_search_indexes",
            "update_search_index",
        ),
        SEARCH_INDEX,
    ),
}


def test_every_name_of_pymongos_collection_is_classed_and_probed() -> None:
    assert GUARDED | PASSED | REFUSED == PUBLIC
    assert not GUARDED & PASSED
    assert not GUARDED & REFUSED
    assert not PASSED & REFUSED
    assert set(PROBES) == PUBLIC


def test_what_is_said_to_be_guarded_is_overridden() -> None:
    for name in GUARDED | REFUSED:
        assert getattr(GuardedCollection, name) is not getattr(AsyncCollection, name), name


@pytest.mark.parametrize("name", sorted(name for name, probe in PROBES.items() if not isinstance(probe, str)))
async def test_a_deleted_document_is_out_of_reach(name: str, gate: tuple[GuardedCollection, Any]) -> None:
    collection, yard = gate
    probe = PROBES[name]
    assert callable(probe)
    await probe(collection, yard)
    await yard.assert_untouched()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("update_one", (update,)) for update in ({"$set": {"number": 1}}, [{"$set": {"number": 1}}])),
        *(("update_many", (update,)) for update in ({"$set": {"number": 1}}, [{"$set": {"number": 1}}])),
        ("replace_one", ({"number": 1},)),
        ("find_one_and_update", ({"$set": {"number": 1}},)),
        ("find_one_and_replace", ({"number": 1},)),
    ],
)
async def test_an_upsert_that_matches_only_deleted_documents_writes_nothing(
    name: str, given: tuple[Any, ...], gate: tuple[GuardedCollection, Any]
) -> None:
    collection, yard = gate
    for marking in yard.dead:
        with pytest.raises(DeletedDocument):
            await getattr(collection, name)({"slug": f"dead-{marking}"}, *given, upsert=True)
    await yard.assert_untouched()


async def test_an_upsert_that_matches_a_living_and_a_deleted_document_updates_the_living(
    gate: tuple[GuardedCollection, Any],
) -> None:
    collection, yard = gate
    result = await collection.update_many({"group": "g"}, {"$set": {"number": 3}}, upsert=True)
    assert (result.matched_count, result.upserted_id) == (2, None)
    await yard.assert_untouched()


async def test_a_bulk_upsert_that_matches_only_deleted_documents_writes_nothing(
    gate: tuple[GuardedCollection, Any],
) -> None:
    collection, yard = gate
    for marking in yard.dead:
        wanted = {"slug": f"dead-{marking}"}
        for request in (
            UpdateOne(wanted, {"$set": {"number": 1}}, upsert=True),
            UpdateMany(wanted, {"$set": {"number": 1}}, upsert=True),
            ReplaceOne(wanted, {"number": 1}, upsert=True),
        ):
            for ordered in (True, False):
                with pytest.raises(DeletedDocument):
                    await collection.bulk_write([InsertOne({"slug": "new"}), request], ordered=ordered)
    await yard.assert_untouched()


@pytest.mark.parametrize("delete", [DeleteOne, DeleteMany])
@pytest.mark.parametrize("ordered", [True, False])
async def test_a_bulk_upsert_behind_the_delete_of_the_same_document_makes_no_second_one(
    delete: Any, ordered: bool, gate: tuple[GuardedCollection, Any]
) -> None:
    collection, yard = gate
    requests = [delete({"slug": "living-1"}), UpdateOne({"slug": "living-1"}, {"$set": {"number": 5}}, upsert=True)]
    with pytest.raises((DeletedDocument, PyMongoError)):
        await collection.bulk_write(requests, ordered=ordered)
    assert await yard.raw.count_documents({"slug": "living-1"}) == 1
    await yard.assert_untouched()


# Options that PyMongo copies into the command itself.

OVERRIDES: dict[str, list[tuple[str, tuple[Any, ...], dict[str, Any]]]] = {
    "find_one_and_update": [
        ("query", ({"slug": "none"}, {"$set": {"touched": 1}}), {"query": {"slug": "dead-ours"}}),
        ("update", ({"slug": "living-1"}, {"$inc": {"x": 1}}), {"remove": True, "update": None}),
        ("remove", ({"slug": "living-1"}, {"$inc": {"x": 1}}), {"remove": True}),
        ("fields", ({"slug": "living-1"}, {"$inc": {"x": 1}}), {"findAndModify": "PlainRow"}),
    ],
    "find_one_and_replace": [
        ("query", ({"slug": "none"}, {"number": 7}), {"query": {"slug": "dead-ours"}}),
        ("remove", ({"slug": "living-1"}, {"number": 7}), {"remove": True}),
    ],
    "find_one_and_delete": [
        ("query", ({"slug": "none"},), {"query": {"slug": "dead-ours"}}),
        ("remove", ({"slug": "living-1"},), {"remove": True}),
    ],
    "count_documents": [("pipeline", ({},), {"pipeline": [{"$group": {"_id": 1, "n": {"$sum": 1}}}]})],
    "estimated_document_count": [
        ("pipeline", (), {"pipeline": [{"$group": {"_id": 1, "n": {"$sum": 1}}}]}),
        ("query", (), {"query": {}}),
    ],
    "distinct": [
        ("query", ("slug", {"slug": "none"}), {"query": {}}),
        ("key", ("slug", {"slug": "none"}), {"key": "secret"}),
    ],
    "aggregate": [("aggregate", ([],), {"aggregate": "PlainRow"}), ("explain", ([],), {"explain": True})],
}


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        pytest.param(name, args, options, id=f"{name}-{label}")
        for name, cases in OVERRIDES.items()
        for label, args, options in cases
    ],
)
async def test_no_option_replaces_the_guarded_part_of_a_command(
    name: str, args: tuple[Any, ...], options: dict[str, Any], gate: tuple[GuardedCollection, Any]
) -> None:
    collection, yard = gate
    try:
        seen = await getattr(collection, name)(*args, **options)
    except (DocstoreError, PyMongoError, TypeError):
        seen = None
    assert seen in (None, 0, 2, []) or not isinstance(seen, int | list)
    yard.assert_hidden(seen)
    await yard.assert_untouched()


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("count_documents", ({},), {"aggregate": "GuardedThing"}),
        ("estimated_document_count", (), {"aggregate": "GuardedThing"}),
        ("distinct", ("slug", {}), {"distinct": "GuardedThing"}),
        ("find_one_and_update", ({"slug": "dead-ours"}, {"$set": {"x": 1}}), {"findAndModify": "GuardedThing"}),
        ("find_one_and_delete", ({"slug": "dead-ours"},), {"findAndModify": "GuardedThing"}),
        ("find_one_and_delete", ({"slug": "dead-ours"},), {"findandmodify": "GuardedThing"}),
        ("aggregate", ([],), {"aggregate": "GuardedThing"}),
    ],
)
async def test_no_option_of_an_unmarked_collection_leads_into_a_marked_one(
    name: str, args: tuple[Any, ...], options: dict[str, Any], bind_models: Any, graveyard: Any
) -> None:
    await bind_models(GuardedThing, PlainRow)
    yard = await graveyard("GuardedThing")
    rows = PlainRow.get_pymongo_collection()
    try:
        seen = await getattr(rows, name)(*args, **options)
    except (DocstoreError, PyMongoError, TypeError):
        seen = None
    assert seen in (None, 0, [])
    await yard.assert_untouched()


# Parameters by position are PyMongo's own.


@pytest.mark.parametrize(
    ("constant", "method", "fixed"),
    [
        ("_INSERT", "insert_one", 1),
        ("_INSERT_MANY", "insert_many", 1),
        ("_UPDATE_ONE", "update_one", 2),
        ("_UPDATE_MANY", "update_many", 2),
        ("_REPLACE", "replace_one", 2),
        ("_FIND_UPDATE", "find_one_and_update", 2),
        ("_FIND_REPLACE", "find_one_and_replace", 2),
        ("_FIND_DELETE", "find_one_and_delete", 1),
        ("_DELETE", "delete_one", 1),
        ("_DELETE", "delete_many", 1),
        ("_BULK", "bulk_write", 1),
    ],
)
def test_positions_are_those_of_the_installed_pymongo(constant: str, method: str, fixed: int) -> None:
    parameters = [
        each.name
        for each in inspect.signature(getattr(AsyncCollection, method)).parameters.values()
        if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    names = getattr(collection_module, constant)
    assert list(names) == parameters[1 + fixed :][: len(names)]
    assert set(parameters[1 + fixed :]) == set(names)


@pytest.mark.parametrize(
    "method", ["count_documents", "distinct", "aggregate", "aggregate_raw_batches", "estimated_document_count"]
)
def test_reading_signatures_are_those_of_the_installed_pymongo(method: str) -> None:
    def names(of: Any) -> list[str]:
        return [
            each.name for each in inspect.signature(of).parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD
        ]

    assert names(getattr(ReadingCollection, method)) == names(getattr(AsyncCollection, method))


async def test_a_session_given_by_position_is_the_calls_session(bind_models: Any, database: Any) -> None:
    guarded = await bind_models(GuardedThing)
    gate = guarded["GuardedThing"]
    await database["GuardedThing"].insert_one({"slug": "a"})
    async with guarded.client.start_session() as session:
        await session.start_transaction()
        assert await gate.count_documents({"slug": "a"}, session) == 1
        await gate.insert_one({"slug": "b"}, False, session)
        await gate.insert_many([{"slug": "b"}], True, False, session)
        await gate.update_one({"slug": "a"}, {"$set": {"n": 1}}, False, None, None, None, None, session)
        await gate.update_many({}, {"$set": {"n": 1}}, False, None, None, None, None, session)
        await gate.replace_one({"slug": "a"}, {"slug": "c"}, False, None, None, None, session)
        await gate.find_one_and_update({"slug": "c"}, {"$set": {"n": 1}}, None, None, False, False, None, None, session)
        await gate.find_one_and_replace({"slug": "c"}, {"slug": "a"}, None, None, False, False, None, session)
        await gate.find_one_and_delete({"slug": "a"}, None, None, None, session)
        await gate.delete_many({"slug": "b"}, None, None, session)
        await gate.bulk_write([InsertOne({"slug": "d"})], True, False, session)
        assert await gate.distinct("slug", {}, session) == ["d"]
        assert len(await (await gate.aggregate([], session)).to_list()) == 1
        await session.abort_transaction()
    stored = await database["GuardedThing"].find().to_list()
    assert [each["slug"] for each in stored] == ["a"]
    assert set(stored[0]) == {"_id", "slug"}


# Ways to other handles.


async def test_sub_collections_are_guarded(gate: tuple[GuardedCollection, Any], graveyard: Any) -> None:
    collection, _ = gate
    yard = await graveyard(f"{collection.name}.archive")
    for handle in (collection.archive, collection["archive"], collection.database[f"{collection.name}.archive"]):
        assert isinstance(handle, GuardedCollection)
        assert await handle.count_documents({}) == 2
        assert (await handle.delete_many({"secret": yard.secret})).deleted_count == 0
    await yard.assert_untouched()


async def test_equality_and_hash_are_those_of_the_namespace(gate: tuple[GuardedCollection, Any]) -> None:
    collection, _ = gate
    assert collection == collection.database[collection.name]
    assert hash(collection) == hash(collection.database[collection.name])


@pytest.mark.parametrize("wanted", [{"deletedAt": None}, {"isDeleted": True}, {"deletedAt.x": 1}, {"isDeleted.0": 1}])
@pytest.mark.parametrize(
    "wrap", [dict, lambda f: {"$or": [f]}, lambda f: {"$nor": [f]}, lambda f: {"$and": [{"$or": [f]}]}]
)
async def test_a_filter_that_names_a_mark_is_refused(
    wanted: dict[str, Any], wrap: Any, gate: tuple[GuardedCollection, Any]
) -> None:
    collection, yard = gate
    for call in (
        lambda: collection.find(wrap(wanted)).to_list(),
        lambda: collection.count_documents(wrap(wanted)),
        lambda: collection.update_many(wrap(wanted), {"$set": {"touched": 1}}),
        lambda: collection.delete_many(wrap(wanted)),
    ):
        with pytest.raises(GuardError):
            await call()
    await yard.assert_untouched()


async def test_a_model_bound_again_elsewhere_is_guarded_there(
    gate: tuple[GuardedCollection, Any], settings: Any, database: Any
) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(settings.mongo_uri.get_secret_value(), tz_aware=True)
    other = client[f"{settings.effective_database_name}_other"]
    try:
        await other["GuardedThing"].insert_many([{"slug": "x", "isDeleted": True}, {"slug": "y"}])
        await bind(other, [GuardedThing])
        assert [each.slug for each in await GuardedThing.find().to_list()] == ["y"]
        assert GuardedThing.get_pymongo_collection().database.name == other.name
        _, yard = gate
        await yard.assert_untouched()
    finally:
        await client.drop_database(other.name)
        await client.close()


@pytest.mark.parametrize("wanted", [None, [], "", 0, False, ["slug"], "slug", 7], ids=repr)
async def test_a_filter_that_is_no_mapping_is_not_taken_for_everything(
    wanted: Any, gate: tuple[GuardedCollection, Any]
) -> None:
    collection, yard = gate
    for call in (
        lambda: collection.delete_one(wanted),
        lambda: collection.delete_many(wanted),
        lambda: collection.update_one(wanted, {"$set": {"touched": 1}}),
        lambda: collection.update_many(wanted, {"$set": {"touched": 1}}),
        lambda: collection.replace_one(wanted, {"slug": "x"}),
        lambda: collection.find_one_and_delete(wanted),
        lambda: collection.find_one_and_update(wanted, {"$set": {"touched": 1}}),
        lambda: collection.find_one_and_replace(wanted, {"slug": "x"}),
        lambda: collection.bulk_write([DeleteMany(wanted)]),
    ):
        with pytest.raises((GuardError, TypeError)):
            await call()
    assert await yard.raw.count_documents({"touched": 1}) == 0
    assert await collection.count_documents({}) == 2
