"""Stamps and marks on every write route."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from beanie.odm.queries.update import UpdateResponse
from beanie.operators import Inc, Set
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne, WriteConcern
from pymongo.errors import PyMongoError

from docstore.documents import Document, utc_now
from docstore.documents.guard import GuardedCollection
from docstore.errors import (
    DeletedDocument,
    DocstoreError,
    GuardError,
    ProtectedField,
    RefusedOperation,
    UnsafeFilter,
    ValidationFailed,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Stamped(Document):
    slug: str = ""
    number: int = 0
    note: str = ""
    status: str | None = None


@pytest.fixture
async def gate(bind_models: Any) -> GuardedCollection:
    return (await bind_models(Stamped))["Stamped"]


@pytest.fixture
async def old(gate: GuardedCollection, database: Any) -> Any:
    """A living document last written long ago."""
    document = {"slug": "old", "number": 1, "tags": ["a"], "createdAt": LONG_AGO, "updatedAt": LONG_AGO}
    return (await database["Stamped"].insert_one(document)).inserted_id


def fresh(moment: datetime | None) -> bool:
    return moment is not None and abs(utc_now() - moment) < timedelta(seconds=30)


WANTED = {"slug": "old"}
SET = {"$set": {"number": 2}}

UPDATES: dict[str, Any] = {
    "update_one": lambda c: c.update_one(WANTED, SET),
    "update_one, pipeline": lambda c: c.update_one(WANTED, [{"$set": {"number": 2}}]),
    "update_one, tuple": lambda c: c.update_one(WANTED, ({"$set": {"number": 2}},)),
    "update_one, $inc": lambda c: c.update_one(WANTED, {"$inc": {"number": 1}}),
    "update_one, $unset": lambda c: c.update_one(WANTED, {"$unset": {"tags": ""}}),
    "update_one, $push": lambda c: c.update_one(WANTED, {"$push": {"tags": "b"}}),
    "update_one, $rename": lambda c: c.update_one(WANTED, {"$rename": {"tags": "labels"}}),
    "update_one, empty $set": lambda c: c.update_one(WANTED, {"$set": {}, "$inc": {"number": 1}}),
    "update_one, upsert": lambda c: c.update_one(WANTED, SET, upsert=True),
    "update_one, upsert with stamps of its own": lambda c: c.update_one(
        WANTED, {**SET, "$setOnInsert": {"createdAt": LONG_AGO, "updatedAt": LONG_AGO}}, upsert=True
    ),
    "update_one, $unset updatedAt": lambda c: c.update_one(WANTED, {"$unset": {"updatedAt": ""}}),
    "update_one, $currentDate": lambda c: c.update_one(WANTED, {"$currentDate": {"updatedAt": True}}),
    "update_one, pipeline without updatedAt": lambda c: c.update_one(WANTED, [{"$unset": "updatedAt"}]),
    "update_one, replacing pipeline": lambda c: c.update_one(
        WANTED, [{"$replaceWith": {"slug": "old", "createdAt": "$createdAt", "_id": "$_id"}}]
    ),
    "update_many": lambda c: c.update_many(WANTED, SET),
    "update_many, pipeline": lambda c: c.update_many(WANTED, [{"$set": {"number": 2}}]),
    "update_many, array filters": lambda c: c.update_many(
        WANTED, {"$set": {"tags.$[t]": "b"}}, array_filters=[{"t": "a"}]
    ),
    "replace_one": lambda c: c.replace_one(WANTED, {"slug": "old", "number": 2}),
    "replace_one, stamps of its own": lambda c: c.replace_one(WANTED, {"slug": "old", "updatedAt": LONG_AGO}),
    "replace_one, upsert": lambda c: c.replace_one(WANTED, {"slug": "old", "number": 2}, upsert=True),
    "find_one_and_update": lambda c: c.find_one_and_update(WANTED, SET),
    "find_one_and_update, pipeline": lambda c: c.find_one_and_update(WANTED, [SET]),
    "find_one_and_replace": lambda c: c.find_one_and_replace(WANTED, {"slug": "old"}),
    "bulk UpdateOne": lambda c: c.bulk_write([UpdateOne(WANTED, SET)]),
    "bulk UpdateMany": lambda c: c.bulk_write([UpdateMany(WANTED, [SET])]),
    "bulk ReplaceOne": lambda c: c.bulk_write([ReplaceOne(WANTED, {"slug": "old"})]),
    "bulk upsert": lambda c: c.bulk_write([UpdateOne(WANTED, SET, upsert=True)]),
    "Model.find.update": lambda c: Stamped.find(WANTED).update(Set({"number": 2})),
    "Model.find.update, pipeline": lambda c: Stamped.find(WANTED).update([SET]),
    "Model.find.inc": lambda c: Stamped.find(WANTED).inc({"number": 2}),
    "Model.find_one.update": lambda c: Stamped.find_one(WANTED).update(Inc({"number": 2})),
    "Model.find_one.update, document": lambda c: Stamped.find_one(WANTED).update(
        SET, response_type=UpdateResponse.NEW_DOCUMENT
    ),
    "Model.find_one.upsert": lambda c: Stamped.find_one(WANTED).upsert(SET, on_insert=Stamped(slug="old")),
    "Model.update_all": lambda c: Stamped.update_all(SET),
    "document.save": lambda c: _on_document(lambda d: d.save()),
    "document.replace": lambda c: _on_document(lambda d: d.replace()),
    "document.update": lambda c: _on_document(lambda d: d.update(SET)),
    "document.set": lambda c: _on_document(lambda d: d.set({"number": 9})),
    "document.inc": lambda c: _on_document(lambda d: d.inc({"number": 9})),
    "Model.replace_many": lambda c: _on_document(lambda d: Stamped.replace_many([d])),
    "Model.find_one.replace_one": lambda c: _on_document(
        lambda d: Stamped.find_one(WANTED).replace_one(Stamped(slug="old", number=3))
    ),
    "bulk writer": lambda c: _by_writer(),
}


async def _on_document(act: Any) -> None:
    document = await Stamped.find_one(WANTED)
    await act(document)


async def _by_writer() -> None:
    async with Stamped.bulk_writer() as writer:
        await Stamped.find(WANTED).update(SET, bulk_writer=writer)


@pytest.mark.parametrize("route", UPDATES)
async def test_every_update_moves_updated_at_and_keeps_created_at(
    route: str, gate: GuardedCollection, old: Any, database: Any
) -> None:
    await UPDATES[route](gate)
    stored = await database["Stamped"].find_one({"_id": old})
    assert stored is not None
    assert fresh(stored.get("updatedAt"))
    assert stored["createdAt"] == LONG_AGO
    assert await database["Stamped"].count_documents({}) == 1


NEW = {"slug": "new"}
INSERTS: dict[str, Any] = {
    "insert_one": lambda c: c.insert_one(dict(NEW)),
    "insert_one, nulls": lambda c: c.insert_one({**NEW, "createdAt": None, "updatedAt": None}),
    "insert_many": lambda c: c.insert_many([dict(NEW)]),
    "bulk InsertOne": lambda c: c.bulk_write([InsertOne(dict(NEW))]),
    "update_one": lambda c: c.update_one(NEW, SET, upsert=True),
    "update_one, nulls": lambda c: c.update_one(NEW, {"$set": {"createdAt": None, "updatedAt": None}}, upsert=True),
    "update_one, $setOnInsert": lambda c: c.update_one(NEW, {"$setOnInsert": {"number": 1}}, upsert=True),
    "update_one, pipeline": lambda c: c.update_one(NEW, [SET], upsert=True),
    "update_many": lambda c: c.update_many(NEW, SET, upsert=True),
    "replace_one": lambda c: c.replace_one(NEW, dict(NEW), upsert=True),
    "find_one_and_update": lambda c: c.find_one_and_update(NEW, SET, upsert=True),
    "find_one_and_replace": lambda c: c.find_one_and_replace(NEW, dict(NEW), upsert=True),
    "bulk UpdateOne": lambda c: c.bulk_write([UpdateOne(NEW, SET, upsert=True)]),
    "bulk ReplaceOne": lambda c: c.bulk_write([ReplaceOne(NEW, dict(NEW), upsert=True)]),
    "document.insert": lambda c: Stamped(slug="new").insert(),
    "document.create": lambda c: Stamped(slug="new").create(),
    "document.save": lambda c: Stamped(slug="new").save(),
    "Model.insert_one": lambda c: Stamped.insert_one(Stamped(slug="new")),
    "Model.insert_many": lambda c: Stamped.insert_many([Stamped(slug="new")]),
    "Model.find_one.upsert": lambda c: Stamped.find_one(NEW).upsert(SET, on_insert=Stamped(slug="new")),
    "Model.find.upsert": lambda c: Stamped.find(NEW).upsert(SET, on_insert=Stamped(slug="new")),
    "Model.insert_one by writer": lambda c: _insert_by_writer(),
}


async def _insert_by_writer() -> None:
    async with Stamped.bulk_writer() as writer:
        await Stamped.insert_one(Stamped(slug="new"), bulk_writer=writer)


@pytest.mark.parametrize("route", INSERTS)
async def test_every_insert_is_stamped_and_living(route: str, gate: GuardedCollection, database: Any) -> None:
    await INSERTS[route](gate)
    [stored] = await database["Stamped"].find().to_list()
    assert fresh(stored.get("createdAt"))
    assert fresh(stored.get("updatedAt"))
    assert stored["updatedAt"] >= stored["createdAt"]
    assert stored["slug"] == "new"
    assert await gate.count_documents({}) == 1


async def test_an_importer_keeps_its_own_instants(gate: GuardedCollection, database: Any) -> None:
    await gate.insert_one({"slug": "x", "createdAt": LONG_AGO, "updatedAt": LONG_AGO + timedelta(days=1)})
    await Stamped(slug="y", created_at=LONG_AGO).insert()
    first, second = await database["Stamped"].find().sort("slug").to_list()
    assert (first["createdAt"], first["updatedAt"]) == (LONG_AGO, LONG_AGO + timedelta(days=1))
    assert second["createdAt"] == LONG_AGO


MARKING: list[Any] = [
    {"$set": {"deletedAt": LONG_AGO}},
    {"$set": {"isDeleted": True}},
    {"$set": {"isDeleted": 1}},
    {"$set": {"deletedBy": "x"}},
    {"$set": {"status": "DELETED"}},
    {"$set": {"deletedAt.x": 1}},
    {"$setOnInsert": {"isDeleted": True}},
    {"$currentDate": {"deletedAt": True}},
    {"$currentDate": {"deletedAt": {"$type": "date"}}},
    {"$rename": {"slug": "deletedAt"}},
    {"$rename": {"slug": "deletedBy"}},
    {"$rename": {"isDeleted": "slug"}},
    {"$rename": {"mark": "status"}},
    {"$unset": {"deletedAt": ""}},
    {"$max": {"deletedAt": LONG_AGO}},
    {"$min": {"isDeleted": True}},
    {"$max": {"status": "DELETED"}},
    {"$min": {"status": "DELETED"}},
    {"$inc": {"isDeleted": 1}},
    {"$bit": {"isDeleted": {"or": 1}}},
    {"$push": {"deletedAt": 1}},
    {"$addToSet": {"deletedBy": 1}},
    [{"$set": {"deletedAt": LONG_AGO}}],
    [{"$set": {"isDeleted": True}}],
    [{"$set": {"isDeleted": {"$literal": True}}}],
    [{"$set": {"isDeleted": {"$not": [False]}}}],
    [{"$set": {"deletedAt": "$createdAt"}}],
    [{"$addFields": {"isDeleted": True}}],
    [{"$set": {"status": "DELETED"}}],
    [{"$set": {"status": {"$literal": "DELETED"}}}],
    [{"$set": {"status": {"$concat": ["DEL", "ETED"]}}}],
    [{"$set": {"status": "$mark"}}],
    [{"$replaceWith": {"_id": "$_id", "isDeleted": True}}],
    [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"deletedAt": LONG_AGO}]}}],
    [{"$replaceRoot": {"newRoot": {"$mergeObjects": ["$$ROOT", {"isDeleted": True}]}}}],
    [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"status": "DELETED"}]}}],
    [{"$unset": "deletedAt"}],
    [{"$unset": ["slug", "isDeleted"]}],
    [{"$project": {"slug": 1, "isDeleted": {"$literal": True}}}],
]


@pytest.mark.parametrize("update", MARKING, ids=str)
async def test_no_update_marks_a_living_document(update: Any, gate: GuardedCollection, database: Any) -> None:
    raw = database["Stamped"]
    for slug in ("a", "b", "c"):
        await raw.insert_one({"slug": slug, "mark": "DELETED", "status": "X", "createdAt": LONG_AGO})
    for call in (
        lambda: gate.update_one({"number": None}, update),
        lambda: gate.update_many({}, update),
        lambda: gate.find_one_and_update({}, update),
        lambda: gate.bulk_write([UpdateMany({}, update)]),
        lambda: Stamped.find({}).update(update),
    ):
        with contextlib.suppress(GuardError, PyMongoError):  # the server refuses some of these by itself
            await call()
        assert await gate.count_documents({}) == 3


IN_TRASH: list[Any] = [
    {"$set": {"status": "PUBLISHED"}},
    {"$set": {"deletedAt": None}},
    {"$set": {"isDeleted": False}},
    {"$unset": {"status": ""}},
    {"$unset": {"deletedAt": ""}},
    {"$rename": {"status": "was"}},
    {"$rename": {"deletedAt": "was"}},
    {"$max": {"status": "ZZZ"}},
    [{"$set": {"status": "PUBLISHED"}}],
    [{"$set": {"isDeleted": False}}],
    [{"$unset": ["status", "deletedAt", "isDeleted"]}],
    [{"$replaceWith": {"_id": "$_id"}}],
    [{"$project": {"slug": 1}}],
]


@pytest.mark.parametrize("door", ["deleted", "with_deleted"])
@pytest.mark.parametrize("update", IN_TRASH, ids=str)
async def test_no_update_in_the_trash_brings_a_document_back(
    update: Any, door: str, gate: GuardedCollection, graveyard: Any
) -> None:
    yard = await graveyard("Stamped")
    trash = getattr(Stamped, door)
    dead = {"_id": {"$in": yard.ids}}
    for call in (
        lambda: trash.find(dead).update(update),
        lambda: trash.find_one(dead).update(update),
        lambda: trash.get_pymongo_collection().bulk_write([UpdateMany(dead, update)]),
        lambda: trash.get_pymongo_collection().find_one_and_update(dead, update),
    ):
        await yard.attempt(call)
        assert await Stamped.find(dead).count() == 0
    for call in (
        lambda: trash.get_pymongo_collection().replace_one(dead, {"slug": "x"}),
        lambda: trash.get_pymongo_collection().find_one_and_replace(dead, {"slug": "x"}),
        lambda: trash.get_pymongo_collection().update_one({"slug": "nobody"}, SET, upsert=True),
        lambda: trash.find_one(dead).replace_one(Stamped(slug="x")),
    ):
        await yard.attempt(call)
    assert await Stamped.find(dead).count() == 0
    assert await yard.raw.count_documents({}) == 6


async def test_an_update_in_the_trash_that_was_asked_for_is_made(gate: GuardedCollection, graveyard: Any) -> None:
    yard = await graveyard("Stamped")
    result = await Stamped.deleted.find({"secret": yard.secret}).update({"$set": {"note": "seen"}})
    assert result.modified_count == 4
    assert await yard.raw.count_documents({"note": "seen"}) == 4
    assert await Stamped.count() == 2


@pytest.mark.parametrize("update", [{"slug": "x"}, {"slug": "x", "$set": {"a": 1}}, None, "x", 3, {"$set": 3}])
async def test_what_is_no_update_changes_nothing(update: Any, gate: GuardedCollection, old: Any, database: Any) -> None:
    before = await database["Stamped"].find_one()
    with pytest.raises((DocstoreError, PyMongoError, TypeError, ValueError)):
        await gate.update_one({"slug": "old"}, update)
    assert await database["Stamped"].find_one() == before


async def test_a_replacement_keeps_nothing_of_the_marks_and_no_operator(
    gate: GuardedCollection, old: Any, database: Any
) -> None:
    for body in ({"isDeleted": True}, {"deletedAt": LONG_AGO}, {"status": "DELETED"}, {"deletedBy": "x"}):
        with pytest.raises(ProtectedField):
            await gate.replace_one(WANTED, {"slug": "old", **body})
    with pytest.raises(ValidationFailed):
        await gate.replace_one(WANTED, {"$set": {"slug": "x"}})
    await gate.replace_one(WANTED, {"slug": "old", "text": "$number", "deep": {"a.b": 1, "$c": "$d"}})
    stored = await database["Stamped"].find_one({"_id": old})
    assert stored["text"] == "$number"
    assert stored["deep"] == {"a.b": 1, "$c": "$d"}
    assert "number" not in stored


async def test_a_replacement_by_upsert_takes_its_id(gate: GuardedCollection, database: Any) -> None:
    await gate.replace_one({"slug": "n"}, {"_id": "mine", "slug": "n"}, upsert=True)
    await gate.replace_one({"_id": "yours"}, {"slug": "m"}, upsert=True)
    found = await gate.find_one_and_replace(
        {"slug": "o"}, {"slug": "o"}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert found is not None
    assert {each["_id"] for each in await database["Stamped"].find().to_list()} == {"mine", "yours", found["_id"]}


async def test_the_callers_arguments_are_left_as_they_were(gate: GuardedCollection, old: Any) -> None:
    update, pipeline, replacement = {"$set": {"number": 2}}, [{"$set": {"number": 2}}], {"slug": "old"}
    request = UpdateOne(dict(WANTED), update)
    await gate.update_one(WANTED, update)
    await gate.update_one(WANTED, pipeline)
    await gate.replace_one(WANTED, replacement)
    await gate.bulk_write([request])
    assert update == {"$set": {"number": 2}}
    assert pipeline == [{"$set": {"number": 2}}]
    assert replacement == {"slug": "old"}
    assert request == UpdateOne(WANTED, {"$set": {"number": 2}})
    document = {"slug": "with an id"}
    await gate.insert_one(document)
    assert set(document) == {"slug", "_id"}


# Shapes in which arguments come.


async def test_a_field_expression_is_the_field_it_names(gate: GuardedCollection, old: Any, database: Any) -> None:
    """Beanie's expressions are strings whose `==` is always true: a value alone must not make a mark of them."""
    await gate.update_one({Stamped.slug: "old"}, {"$set": {Stamped.note: "DELETED"}})
    await Stamped.find(Stamped.slug == "old").set({Stamped.note: "DELETED"})
    await gate.insert_one({Stamped.note: "DELETED"})
    assert await database["Stamped"].count_documents({"note": "DELETED"}) == 2
    for update in ({"$set": {Stamped.is_deleted: True}}, {"$set": {Stamped.status: "DELETED"}}):
        with pytest.raises(ProtectedField):
            await Stamped.find().update(update)
    with pytest.raises(ProtectedField):
        await Stamped.find().current_date({Stamped.deleted_at: True})
    with pytest.raises(UnsafeFilter):
        await Stamped.find(Stamped.is_deleted == True).to_list()  # noqa: E712 - an expression


async def test_raw_bson_is_read_like_any_mapping(gate: GuardedCollection, old: Any, database: Any) -> None:
    def raw(document: dict[str, Any]) -> RawBSONDocument:
        return RawBSONDocument(bson.encode(document))

    before = await database["Stamped"].find().to_list()
    for call in (
        lambda: gate.find(raw({"isDeleted": True})).to_list(),
        lambda: gate.find({"$or": [raw({"isDeleted": True})]}).to_list(),
        lambda: gate.update_many({}, raw({"$set": {"isDeleted": True}})),
        lambda: gate.update_many({}, {"$set": raw({"isDeleted": True})}),
        lambda: gate.update_many({}, [raw({"$set": {"isDeleted": True}})]),
        lambda: gate.replace_one({}, raw({"isDeleted": True})),
        lambda: gate.insert_one(raw({"isDeleted": True})),
        lambda: gate.bulk_write([UpdateMany({}, raw({"$set": {"isDeleted": True}}))]),
    ):
        with pytest.raises(GuardError):
            await call()
    assert await database["Stamped"].find().to_list() == before
    await gate.insert_one(raw({"slug": "raw"}))
    assert (await gate.update_one(raw({"slug": "raw"}), raw({"$set": {"number": 1}}))).matched_count == 1
    assert await gate.count_documents(raw({"slug": "raw", "number": 1})) == 1


@pytest.mark.parametrize("value", [["DELETED"], ["x", "DELETED"]])
async def test_a_list_holds_no_mark(value: Any, gate: GuardedCollection, old: Any) -> None:
    for call in (
        lambda: gate.update_many({}, {"$set": {"status": value}}),
        lambda: gate.insert_one({"slug": "x", "status": value}),
    ):
        before = await gate.count_documents({})
        try:
            await call()
        except GuardError:
            assert await gate.count_documents({}) == before
            continue
        assert await gate.count_documents({}) >= before
    assert await gate.count_documents({"slug": "old"}) == 1


BY_VARIABLE = {"$expr": {"$eq": ["$slug", "$$wanted"]}}


async def test_variables_reach_every_part_of_a_write(gate: GuardedCollection, old: Any) -> None:
    let = {"wanted": "old"}
    assert (await gate.update_one(BY_VARIABLE, SET, let=let)).matched_count == 1
    assert (await gate.update_one(BY_VARIABLE, SET, upsert=True, let=let)).matched_count == 1
    assert (await gate.delete_one(BY_VARIABLE, let=let)).deleted_count == 1
    for upsert in (gate.update_one, gate.update_many, gate.find_one_and_update):
        with pytest.raises(DeletedDocument):
            await upsert(BY_VARIABLE, SET, upsert=True, let=let)


async def test_an_upsert_looks_for_the_deleted_as_it_looks_for_the_living(
    gate: GuardedCollection, database: Any
) -> None:
    await database["Stamped"].insert_one({"slug": "Abc", "isDeleted": True})
    loose: dict[str, Any] = {"locale": "en", "strength": 2}
    for call in (
        lambda: gate.update_one({"slug": "abc"}, SET, upsert=True, collation=loose),
        lambda: gate.replace_one({"slug": "abc"}, {"slug": "abc"}, upsert=True, collation=loose),
        lambda: gate.find_one_and_update({"slug": "abc"}, SET, upsert=True, collation=loose),
        lambda: gate.bulk_write([UpdateOne({"slug": "abc"}, SET, upsert=True, collation=loose)]),
        lambda: Stamped.find_one({"slug": "abc"}).update(SET, upsert=True, collation=loose),
    ):
        with pytest.raises(DeletedDocument):
            await call()
    assert await database["Stamped"].count_documents({}) == 1


async def test_unacknowledged_writes_are_refused(gate: GuardedCollection) -> None:
    with pytest.raises(RefusedOperation, match="unacknowledged"):
        gate.with_options(write_concern=WriteConcern(0))
