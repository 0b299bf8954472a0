"""Every public name of PyMongo's cursors, on cursors of guarded collections."""

import copy
from typing import Any

import pytest
from bson import decode_all
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.cursor_shared import CursorType

from docstore.documents import Document
from docstore.documents.guard import GuardedCollection
from docstore.documents.guard.cursor import GuardedCursor
from docstore.errors import UnsafeFilter


class Cursed(Document):
    slug: str = ""
    number: int = 0


@pytest.fixture
async def gate(bind_models: Any, graveyard: Any) -> tuple[GuardedCollection, Any]:
    await bind_models(Cursed)
    return Cursed.get_pymongo_collection(), await graveyard("Cursed")


SHAPES = {
    "allow_disk_use": lambda cursor: cursor.sort("number").allow_disk_use(True),
    "batch_size": lambda cursor: cursor.batch_size(1),
    "clone": lambda cursor: cursor.clone(),
    "collation": lambda cursor: cursor.collation({"locale": "en", "strength": 2}),
    "comment": lambda cursor: cursor.comment("why"),
    "hint": lambda cursor: cursor.hint([("_id", 1)]),
    "limit": lambda cursor: cursor.limit(100),
    "max": lambda cursor: cursor.hint([("number", 1)]).max([("number", 10**9)]),
    "max_await_time_ms": lambda cursor: cursor,
    "max_scan": lambda cursor: cursor,
    "max_time_ms": lambda cursor: cursor.max_time_ms(60_000),
    "min": lambda cursor: cursor.hint([("number", 1)]).min([("number", 0)]),
    "remove_option": lambda cursor: cursor.remove_option(2),
    "skip": lambda cursor: cursor.skip(0),
    "sort": lambda cursor: cursor.sort([("number", -1)]),
}
READS = {"add_option", "next", "to_list", "rewind", "distinct", "explain", "where", "collection"}
INERT = {"address", "alive", "close", "cursor_id", "retrieved", "session"}
"""They tell of the cursor itself, or end it."""


def test_every_name_of_pymongos_cursor_is_classed() -> None:
    assert set(SHAPES) | READS | INERT == {name for name in dir(AsyncCursor) if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(SHAPES))
async def test_no_shape_of_a_cursor_shows_a_deleted_document(name: str, gate: tuple[GuardedCollection, Any]) -> None:
    collection, yard = gate
    await yard.raw.create_index("number")
    for wanted in [{}, {"number": {"$gte": 0}}]:
        found = await SHAPES[name](collection.find(wanted)).to_list()
        assert sorted(each["number"] for each in found) == [1, 2]
        yard.assert_hidden(found)


async def test_reading_on_from_a_cursor_stays_guarded(gate: tuple[GuardedCollection, Any]) -> None:
    collection, yard = gate
    cursor = collection.find()
    assert (await cursor.next())["_id"] == yard.living[0]
    await cursor.rewind()
    assert len(await cursor.to_list(10)) == 2
    assert len(await (await collection.find().add_option(16)).to_list()) == 2
    assert sorted(await collection.find().distinct("number")) == [1, 2]
    assert await collection.find({"secret": yard.secret}).distinct("number") == []
    for again in (copy.copy(cursor), copy.deepcopy(cursor), cursor.clone().clone()):
        assert isinstance(again, GuardedCursor)
        assert again.collection is collection
        assert len(await again.to_list()) == 2
        assert await again.collection.count_documents({}) == 2


async def test_explain_names_the_condition_and_no_document(gate: tuple[GuardedCollection, Any]) -> None:
    collection, yard = gate
    plan = await collection.find({"slug": "dead-ours"}).explain()
    assert "deletedAt" in str(plan["command"])
    assert yard.secret not in str(plan)


async def test_a_cursors_collection_is_the_guarded_one(gate: tuple[GuardedCollection, Any]) -> None:
    collection, yard = gate
    for cursor in (collection.find(), collection.find_raw_batches(), collection.find().sort("number").clone()):
        assert isinstance(cursor.collection, GuardedCollection)
        assert (await cursor.collection.delete_many({"secret": yard.secret})).deleted_count == 0
        await cursor.close()
    await yard.assert_untouched()


async def test_where_on_a_live_cursor_is_refused(gate: tuple[GuardedCollection, Any]) -> None:
    collection, _ = gate
    cursor = collection.find()
    with pytest.raises(UnsafeFilter):
        cursor.where("this.isDeleted")
    with pytest.raises(UnsafeFilter):
        collection.find({"$where": "true"})


@pytest.mark.parametrize(
    "options",
    [
        {"return_key": True},
        {"show_record_id": True},
        {"cursor_type": CursorType.EXHAUST},
        {"allow_partial_results": True},
        {"no_cursor_timeout": False},
        {"let": {"x": 1}},
        {"limit": -5},
        {"snapshot": False},
        {"oplog_replay": False},
    ],
)
async def test_options_of_find_open_nothing(options: dict[str, Any], gate: tuple[GuardedCollection, Any]) -> None:
    collection, yard = gate
    found = [each async for each in collection.find({}, **options)]
    assert len(found) == 2
    yard.assert_hidden(found)
    assert [each async for each in collection.find(yard.filters[0], **options)] == []


async def test_raw_batches_decode_to_living_documents(gate: tuple[GuardedCollection, Any]) -> None:
    collection, yard = gate
    cursor = collection.find_raw_batches({}, batch_size=1).clone()
    found = [each async for batch in cursor for each in decode_all(batch)]
    assert [each["_id"] for each in found] == yard.living


@pytest.mark.parametrize("place", ["position", "keyword"])
async def test_a_projection_runs_no_script(place: str, gate: tuple[GuardedCollection, Any]) -> None:
    collection, _ = gate
    script = {"x": {"$function": {"body": "function() { return 1 }", "args": [], "lang": "js"}}}
    with pytest.raises(UnsafeFilter):
        await (collection.find({}, script) if place == "position" else collection.find(projection=script)).to_list()
