"""What follows from a write: told by every route, in the write's own transaction, or not at all."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne

from docstore.documents import (
    ChangeKind,
    Document,
    DocumentChanged,
    Event,
    SystemDocument,
    add_event_handler,
    current_transaction,
    remove_event_handler,
    transaction,
    unique,
)
from docstore.documents.guard import GuardedCollection
from docstore.errors import DocstoreError


class Told(Document):
    slug: str = ""
    number: int = 0
    views: int = 0
    indexes = (unique("slug"),)
    announces = True
    counters = frozenset({"views"})


class ToldRow(SystemDocument):
    slug: str = ""
    announces = True


class SharedTold(Document):
    slug: str = ""
    announces = True

    class Settings:
        name = "SharedCollection"


class SharedSilent(Document):
    slug: str = ""

    class Settings:
        name = "SharedCollection"


class SharedRow(SystemDocument):
    slug: str = ""

    class Settings:
        name = "SharedCollection"


class Listener:
    """Keeps what it is told, and whether it was told inside a transaction."""

    def __init__(self) -> None:
        self.events: list[DocumentChanged] = []
        self.inside: list[bool] = []
        self.fail = False

    async def __call__(self, events: Sequence[Event]) -> None:
        self.inside.append(current_transaction() is not None)
        self.events += [each for each in events if isinstance(each, DocumentChanged)]
        if self.fail:
            raise RuntimeError("no")

    @property
    def told(self) -> list[tuple[str, Any]]:
        return [(str(each.kind), each.aggregate_id) for each in self.events]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    add_event_handler(made)
    yield made
    remove_event_handler(made)


@pytest.fixture
async def gate(bind_models: Any, database: Any) -> GuardedCollection:
    await bind_models(Told, ToldRow)
    await database["Told"].insert_many([{"slug": "a", "number": 1}, {"slug": "b", "number": 2}])
    return Told.get_pymongo_collection()


SET = {"$set": {"number": 5}}
AFTER = ReturnDocument.AFTER
ROUTES: dict[str, tuple[Any, list[str]]] = {
    "insert_one": (lambda c: c.insert_one({"slug": "x"}), ["insert"]),
    "insert_many": (lambda c: c.insert_many([{"slug": "x"}, {"slug": "y"}]), ["insert", "insert"]),
    "update_one": (lambda c: c.update_one({"slug": "a"}, SET), ["update"]),
    "update_one, nothing": (lambda c: c.update_one({"slug": "q"}, SET), []),
    "update_one, upsert": (lambda c: c.update_one({"slug": "q"}, SET, upsert=True), ["insert"]),
    "update_one, upsert that finds": (lambda c: c.update_one({"slug": "a"}, SET, upsert=True), ["update"]),
    "update_one, leaving its filter": (lambda c: c.update_one({"number": 1}, SET), ["update"]),
    "update_many": (lambda c: c.update_many({}, SET), ["update", "update"]),
    "update_many, pipeline": (lambda c: c.update_many({}, [SET]), ["update", "update"]),
    "replace_one": (lambda c: c.replace_one({"slug": "a"}, {"slug": "z"}), ["update"]),
    "replace_one, upsert": (lambda c: c.replace_one({"slug": "q"}, {"slug": "q"}, upsert=True), ["insert"]),
    "find_one_and_update": (lambda c: c.find_one_and_update({"slug": "a"}, SET), ["update"]),
    "find_one_and_update, sorted": (lambda c: c.find_one_and_update({}, SET, sort=[("number", -1)]), ["update"]),
    "find_one_and_update, projected": (lambda c: c.find_one_and_update({}, SET, {"_id": 0, "slug": 1}), ["update"]),
    "find_one_and_update, upsert": (lambda c: c.find_one_and_update({"slug": "q"}, SET, upsert=True), ["insert"]),
    "find_one_and_update, upsert away from its filter": (
        lambda c: c.find_one_and_update({"slug": "q", "number": {"$lt": 3}}, SET, upsert=True),
        ["insert"],
    ),
    "find_one_and_update, upsert by pipeline": (
        lambda c: c.find_one_and_update({"slug": "q"}, [{"$set": {"slug": "other"}}], upsert=True),
        ["insert"],
    ),
    "find_one_and_replace": (lambda c: c.find_one_and_replace({"slug": "a"}, {"slug": "z"}), ["update"]),
    "find_one_and_replace, upsert": (
        lambda c: c.find_one_and_replace({"slug": "q"}, {"slug": "z"}, upsert=True, return_document=AFTER),
        ["insert"],
    ),
    "find_one_and_delete": (lambda c: c.find_one_and_delete({"slug": "a"}), ["delete"]),
    "delete_one": (lambda c: c.delete_one({"slug": "a"}), ["delete"]),
    "delete_many": (lambda c: c.delete_many({}), ["delete", "delete"]),
    "delete_many, nothing": (lambda c: c.delete_many({"slug": "q"}), []),
    "bulk": (
        lambda c: c.bulk_write(
            [
                InsertOne({"slug": "x"}),
                UpdateOne({"slug": "a"}, SET),
                UpdateMany({"slug": {"$in": ["a", "x"]}}, SET),
                ReplaceOne({"slug": "b"}, {"slug": "bb"}),
                UpdateOne({"slug": "q"}, SET, upsert=True),
                DeleteOne({"slug": "a"}),
                DeleteMany({"slug": {"$in": ["x", "bb"]}}),
            ]
        ),
        ["insert", "update", "update", "update", "update", "insert", "delete", "delete", "delete"],
    ),
    "Model.insert": (lambda c: Told(slug="x").insert(), ["insert"]),
    "Model.insert_many": (lambda c: Told.insert_many([Told(slug="x"), Told(slug="y")]), ["insert", "insert"]),
    "Model.find.update": (lambda c: Told.find({}).update(SET), ["update", "update"]),
    "Model.find.delete": (lambda c: Told.find({}).delete(), ["delete", "delete"]),
    "Model.find_one.upsert": (lambda c: Told.find_one({"slug": "q"}).upsert(SET, on_insert=Told(slug="q")), ["insert"]),
    "Model.delete_all": (lambda c: Told.delete_all(), ["delete", "delete"]),
    "document.save": (lambda c: _document(lambda d: d.save()), ["update"]),
    "document.set": (lambda c: _document(lambda d: d.set({"number": 9})), ["update"]),
    "document.replace": (lambda c: _document(lambda d: d.replace()), ["update"]),
    "document.delete": (lambda c: _document(lambda d: d.delete()), ["delete"]),
    "document.purge": (lambda c: _document(lambda d: d.purge(reason="test")), ["purge"]),
    "Model.purge": (lambda c: Told.with_deleted.purge(reason="test"), ["purge", "purge"]),
    "counter": (lambda c: c.update_many({}, {"$inc": {"views": 1}}), []),
    "counter and more": (lambda c: c.update_one({"slug": "a"}, {"$inc": {"views": 1}, **SET}), ["update"]),
}


async def _document(act: Any) -> None:
    await act(await Told.find_one({"slug": "a"}))


@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_tells_inside_its_transaction(
    route: str, gate: GuardedCollection, listener: Listener
) -> None:
    call, expected = ROUTES[route]
    await call(gate)
    assert [kind for kind, _ in listener.told] == expected
    assert all(listener.inside)


@pytest.mark.parametrize("route", [name for name, (_, told) in ROUTES.items() if told])
async def test_a_listener_that_fails_undoes_the_write(
    route: str, gate: GuardedCollection, listener: Listener, database: Any
) -> None:
    before = await database["Told"].find().to_list()
    listener.fail = True
    with pytest.raises(RuntimeError):
        await ROUTES[route][0](gate)
    assert await database["Told"].find().to_list() == before


async def test_restoring_is_told(gate: GuardedCollection, listener: Listener) -> None:
    document = await Told.find_one({"slug": "a"})
    assert document is not None
    await document.delete()
    await document.restore()
    await Told.find({"slug": "b"}).delete()
    await Told.deleted.restore()
    assert [kind for kind, _ in listener.told] == ["delete", "restore", "delete", "restore"]


async def test_an_aborted_transaction_writes_nothing(
    gate: GuardedCollection, listener: Listener, database: Any
) -> None:
    before = await database["Told"].find().to_list()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction():
            for name in (
                "insert_one",
                "update_many",
                "replace_one",
                "find_one_and_delete",
                "delete_many",
                "Model.purge",
            ):
                async with transaction():
                    await ROUTES[name][0](gate)
            assert await gate.count_documents({}) == 0
            raise ZeroDivisionError
    assert await database["Told"].find().to_list() == before


async def test_an_explicit_session_is_the_one_written_in(
    gate: GuardedCollection, listener: Listener, database: Any
) -> None:
    before = await database["Told"].find().to_list()
    async with gate.database.client.start_session() as session:
        await session.start_transaction()
        await gate.update_many({}, SET, session=session)
        await gate.bulk_write([InsertOne({"slug": "x"}), DeleteMany({"slug": "a"})], session=session)
        await Told(slug="y").insert(session=session)
        document = await Told.find_one({"slug": "b"}, session=session)
        assert document is not None
        await document.delete(session=session)
        assert await database["Told"].find().to_list() == before
        await session.abort_transaction()
    assert await database["Told"].find().to_list() == before
    assert len(listener.events) == 6


async def test_ids_told_are_those_written(gate: GuardedCollection, listener: Listener, database: Any) -> None:
    ids = {each["slug"]: each["_id"] for each in await database["Told"].find().to_list()}
    await gate.update_one({"slug": "b"}, SET)
    result = await gate.update_one({"slug": "q"}, SET, upsert=True)
    await gate.delete_one({"slug": "a"})
    assert listener.told == [("update", ids["b"]), ("insert", result.upserted_id), ("delete", ids["a"])]


async def test_many_documents_are_told_in_batches(gate: GuardedCollection, listener: Listener) -> None:
    await gate.insert_many([{"slug": f"s{number}"} for number in range(1500)])
    result = await gate.update_many({"slug": {"$regex": "^s"}}, SET)
    assert (result.matched_count, result.modified_count) == (1500, 1500)
    assert sum(each.kind is ChangeKind.UPDATE for each in listener.events) == 1500
    assert (await gate.delete_many({"slug": {"$regex": "^s"}})).deleted_count == 1500


async def test_rows_without_soft_delete_are_told_of_too(gate: GuardedCollection, listener: Listener) -> None:
    rows = ToldRow.get_pymongo_collection()
    row = await ToldRow(slug="a").insert()
    await row.delete()
    await rows.insert_many([{"slug": "b"}, {"slug": "c"}, {"slug": "d"}])
    await rows.delete_one({"slug": "b"})
    await rows.find_one_and_delete({"slug": "c"})
    await rows.bulk_write([DeleteMany({"slug": "d"})])
    assert [kind for kind, _ in listener.told if kind == "delete"] == ["delete"] * 4
    assert await rows.count_documents({}) == 0


@pytest.mark.parametrize("order", [(SharedTold, SharedSilent), (SharedSilent, SharedTold)])
async def test_of_two_models_on_a_collection_each_keeps_its_promises(
    order: tuple[Any, Any], bind_models: Any, listener: Listener
) -> None:
    await bind_models(*order)
    document = await SharedTold(slug="a").insert()
    await document.delete()
    assert [kind for kind, _ in listener.told] == ["insert", "delete"]


@pytest.mark.parametrize("order", [(SharedTold, SharedRow), (SharedRow, SharedTold)])
async def test_a_second_model_does_not_make_deletes_real(
    order: tuple[Any, Any], bind_models: Any, database: Any
) -> None:
    try:
        await bind_models(*order)
    except DocstoreError:
        return  # refusing the pair is as good
    document = await SharedTold(slug="a").insert()
    await document.delete()
    assert await database["SharedCollection"].count_documents({"isDeleted": True}) == 1
    assert await SharedTold.count() == 0
