"""Every change, by any route, leaves an entry in its own transaction: who, when, what."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import uuid4

import pytest
import pytest_asyncio
from beanie.odm.bulk import BulkWriter
from beanie.operators import Inc, Set
from bson import Binary, ObjectId
from pydantic import BaseModel, Field, SecretStr
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from docstore.context import acting_as
from docstore.documents import (
    Document,
    Json,
    OnDelete,
    PydanticObjectId,
    Ref,
    SystemDocument,
    TokenHash,
    bind,
    transaction,
    utc_now,
)
from docstore.documents.audit import AuditEntry, FieldChange, verify_chain
from docstore.documents.guard import effects
from docstore.errors import DocstoreError, RefusedOperation


class Card(BaseModel):
    holder: str = ""
    number: SecretStr | None = None


class Paper(Document):
    title: str
    pages: int = 0
    views: int = 0
    author_id: PydanticObjectId | None = None
    token: TokenHash | None = None
    private_note: str | None = None
    card: Card | None = None
    cards: list[Card] = Field(default_factory=list)
    payload: Json | None = None

    counters: ClassVar[frozenset[str]] = frozenset({"views"})
    sensitive: ClassVar[frozenset[str]] = frozenset({"private_note"})


class Quiet(Document):
    title: str = ""
    audited: ClassVar[bool] = False


class Gone(Document):
    title: str = ""
    soft_delete: ClassVar[bool] = False


class Journal(SystemDocument):
    title: str = ""


class Shape(Document):
    edges: int = 0

    class Settings:
        is_root = True


class Circle(Shape):
    secret_radius: SecretStr | None = None


MODELS = (Paper, Quiet, Gone, Journal, Shape, Circle)


@pytest_asyncio.fixture(autouse=True)
async def bound(bind_models: Callable[..., Awaitable[Any]]) -> Any:
    return await bind_models(*MODELS)


async def entries() -> list[AuditEntry]:
    return await AuditEntry.find().sort("at", "seq").to_list()


def sides(change: FieldChange) -> tuple[Any, Any]:
    return change.before, change.after


async def test_an_entry_says_who_when_on_which_request_and_what(bound: Any) -> None:
    before = utc_now()
    with acting_as("user:42", request_id="r-1"):
        paper = await Paper(title="A").insert()
        paper.title = "B"
        await paper.save()
    first, second = await paper.history()
    for entry in (first, second):
        assert (entry.actor, entry.request_id) == ("user:42", "r-1")
        assert (entry.collection, entry.document_id) == ("Paper", paper.id)
        assert before <= entry.at <= utc_now()
    assert (first.operation, second.operation) == ("insert", "update")
    assert sides(first.changes["title"]) == (None, "A")
    assert "before" not in first.changes["title"].model_fields_set
    assert {path: sides(change) for path, change in second.changes.items()} == {"title": ("A", "B")}
    assert (second.touched, second.previous, second.seq) == (["title"], first.hash, 1)


Route = Callable[[Paper], Awaitable[Any]]


def collection() -> Any:
    return Paper.get_pymongo_collection()


async def by_save(paper: Paper) -> None:
    paper.title = "B"
    await paper.save()


async def by_bulk_writer(paper: Paper) -> None:
    async with BulkWriter() as writer:
        await Paper.find_one(Paper.id == paper.id).update(Set({Paper.title: "B"}), bulk_writer=writer)


async def by_replace(paper: Paper) -> None:
    paper.title = "B"
    await paper.replace()


UPDATES: dict[str, Route] = {
    "save": by_save,
    "replace": by_replace,
    "document update": lambda paper: paper.update(Set({Paper.title: "B"})),
    "document set": lambda paper: paper.set({Paper.title: "B"}),
    "query update": lambda paper: _run(Paper.find(Paper.id == paper.id).update(Set({Paper.title: "B"}))),
    "query update one": lambda paper: _run(Paper.find_one(Paper.id == paper.id).update(Set({Paper.title: "B"}))),
    "update_one": lambda paper: collection().update_one({"_id": paper.id}, {"$set": {"title": "B"}}),
    "update_many": lambda paper: collection().update_many({"title": "A"}, {"$set": {"title": "B"}}),
    "pipeline": lambda paper: collection().update_one({"_id": paper.id}, [{"$set": {"title": "B"}}]),
    "replace_one": lambda paper: collection().replace_one({"_id": paper.id}, {"title": "B"}),
    "find_one_and_update": lambda paper: collection().find_one_and_update({"_id": paper.id}, {"$set": {"title": "B"}}),
    "find_one_and_replace": lambda paper: collection().find_one_and_replace({"_id": paper.id}, {"title": "B"}),
    "bulk update_one": lambda paper: collection().bulk_write([UpdateOne({"_id": paper.id}, {"$set": {"title": "B"}})]),
    "bulk update_many": lambda paper: collection().bulk_write([UpdateMany({"title": "A"}, {"$set": {"title": "B"}})]),
    "bulk replace": lambda paper: collection().bulk_write([ReplaceOne({"_id": paper.id}, {"title": "B"})]),
    "bulk writer": by_bulk_writer,
}

DELETES: dict[str, Route] = {
    "document": lambda paper: paper.delete(),
    "query": lambda paper: _run(Paper.find(Paper.id == paper.id).delete()),
    "query one": lambda paper: _run(Paper.find_one(Paper.id == paper.id).delete()),
    "all": lambda paper: _run(Paper.delete_all()),
    "delete_one": lambda paper: collection().delete_one({"_id": paper.id}),
    "delete_many": lambda paper: collection().delete_many({"title": "A"}),
    "find_one_and_delete": lambda paper: collection().find_one_and_delete({"_id": paper.id}),
    "bulk delete_one": lambda paper: collection().bulk_write([DeleteOne({"_id": paper.id})]),
    "bulk delete_many": lambda paper: collection().bulk_write([DeleteMany({"title": "A"})]),
}

INSERTS: dict[str, Callable[[], Awaitable[Any]]] = {
    "insert": lambda: Paper(title="A").insert(),
    "save": lambda: Paper(title="A").save(),
    "insert_one": lambda: Paper.insert_one(Paper(title="A")),
    "insert_many": lambda: Paper.insert_many([Paper(title="A")]),
    "collection insert_one": lambda: collection().insert_one({"title": "A"}),
    "collection insert_many": lambda: collection().insert_many([{"title": "A"}]),
    "upsert": lambda: collection().update_one({"title": "A"}, {"$set": {"pages": 1}}, upsert=True),
    "upsert by replace": lambda: collection().replace_one({"title": "A"}, {"title": "A"}, upsert=True),
    "find_one_and_update": lambda: collection().find_one_and_update(
        {"title": "A"}, {"$set": {"pages": 1}}, upsert=True
    ),
    "query upsert": lambda: _run(
        Paper.find_one(Paper.title == "A").upsert(Inc({"pages": 1}), on_insert=Paper(title="A"))
    ),
    "bulk insert": lambda: collection().bulk_write([InsertOne({"title": "A"})]),
    "bulk upsert": lambda: collection().bulk_write([UpdateOne({"title": "A"}, {"$set": {"pages": 1}}, upsert=True)]),
}


async def _run(query: Any) -> Any:
    return await query


@pytest.mark.parametrize("route", INSERTS)
async def test_every_way_to_insert(route: str) -> None:
    await INSERTS[route]()
    stored = await collection().find_one({"title": "A"})
    [entry] = await entries()
    assert (entry.operation, entry.document_id, entry.seq) == ("insert", stored["_id"], 0)
    assert sides(entry.changes["title"]) == (None, "A")


@pytest.mark.parametrize("route", UPDATES)
async def test_every_way_to_update(route: str) -> None:
    paper = await Paper(title="A", pages=3).insert()
    await UPDATES[route](paper)
    _, entry = await entries()
    assert (entry.operation, entry.document_id, entry.seq) == ("update", paper.id, 1)
    assert sides(entry.changes["title"]) == ("A", "B")


@pytest.mark.parametrize("route", DELETES)
async def test_every_way_to_delete_and_back(route: str) -> None:
    paper = await Paper(title="A").insert()
    with acting_as("user:1"):
        await DELETES[route](paper)
    assert await Paper.count() == 0
    _, deletion = await entries()
    assert (deletion.operation, deletion.document_id, deletion.actor) == ("delete", paper.id, "user:1")
    assert sides(deletion.changes["isDeleted"]) == (False, True)
    await paper.restore()
    restoration = (await entries())[-1]
    assert restoration.operation == "restore"
    assert sides(restoration.changes["deletedBy"]) == ("user:1", None)
    await Paper.find(Paper.title == "A").delete()
    await Paper.deleted.restore()
    assert [each.operation for each in await paper.history()] == ["insert", "delete", "restore", "delete", "restore"]


async def test_a_write_of_many_leaves_an_entry_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "BATCH", 25)
    papers = [Paper(title=str(number)) for number in range(60)]
    await Paper.insert_many(papers)
    await Paper.find(Paper.pages == 0).update(Inc({Paper.pages: 1}))
    assert await AuditEntry.find(AuditEntry.operation == "insert").count() == 60
    assert await AuditEntry.find(AuditEntry.operation == "update").count() == 60
    assert [each.seq for each in await papers[-1].history()] == [0, 1]


async def test_a_transaction_that_fails_leaves_nothing() -> None:
    paper = await Paper(title="A").insert()

    async def change() -> None:
        async with transaction():
            await paper.set({Paper.title: "B"})
            await Paper(title="C").insert()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert len(await entries()) == 1


async def test_what_changes_nothing_leaves_nothing() -> None:
    paper = await Paper(title="A").insert()
    await paper.save()
    await paper.set({Paper.title: "A"})
    await Paper.find(Paper.title == "nobody").update(Set({Paper.title: "B"}))
    with pytest.raises(DocstoreError):
        await Paper(id=paper.id, title="again").insert()
    assert len(await entries()) == 1


async def test_counters_do_not_flood_the_log() -> None:
    paper = await Paper(title="A").insert()
    for _ in range(5):
        await paper.inc({Paper.views: 1})
    await Paper.find().update(Inc({"views": 1}))
    paper.views = 100
    await paper.save()
    assert len(await entries()) == 1
    paper.views, paper.title = 200, "B"
    await paper.save()
    assert set((await paper.history())[-1].changes) == {"title"}


async def test_sensitive_values_are_masked_and_their_change_is_told() -> None:
    paper = await Paper(
        title="A",
        token="t0ken",
        private_note="n0te",
        card=Card(holder="Ada", number="4242"),
        cards=[Card(number="1717")],
    ).insert()
    paper.token = TokenHash.of("other")
    paper.card = Card(holder="Bob", number="4343")
    await paper.save()
    first, second = await paper.history()
    for name in ("token", "privateNote", "card", "cards"):
        assert first.changes[name].after == "***"
    assert {path: sides(change) for path, change in second.changes.items()} == {
        "token": ("***", "***"),
        "card.holder": ("Ada", "Bob"),
        "card.number": ("***", "***"),
    }
    raw = str(await AuditEntry.get_pymongo_collection().find({}).to_list())
    for secret in ("t0ken", "n0te", "4242", "4343", "1717", str(TokenHash.of("t0ken")), str(TokenHash.of("other"))):
        assert secret not in raw


async def test_nested_documents_are_told_by_path_and_lists_as_a_whole() -> None:
    paper = await Paper(title="A", payload={"a": {"b": 1, "c": 2}, "list": [1], "odd.key": {"x": 1}}).insert()
    paper.payload = {"a": {"b": 9, "c": 2}, "list": [1, 2], "odd.key": {"x": 1}}
    await paper.save()
    assert set((await paper.history())[-1].changes) == {"payload"}
    paper.payload = {"a": {"b": 1}}
    await paper.save()
    paper.payload = {"a": {"b": 2, "d": None}}
    await paper.save()
    changes = (await paper.history())[-1].changes
    assert {path: sides(change) for path, change in changes.items()} == {"payload.a.b": (1, 2)}


async def test_a_purge_keeps_that_it_happened_not_what_it_was() -> None:
    paper = await Paper(title="personal").insert()
    await paper.set({Paper.title: "personal too"})
    other = await Paper(title="kept").insert()
    with acting_as("user:7"):
        await paper.purge(reason="erasure request 1234")
    history = await AuditEntry.of(paper).to_list()
    assert [each.operation for each in history] == ["insert", "update", "purge"]
    assert [each.erased for each in history] == [True, True, False]
    assert (history[-1].actor, history[-1].reason) == ("user:7", "erasure request 1234")
    assert history[1].touched == ["title"]
    raw = str(await AuditEntry.get_pymongo_collection().find({"documentId": paper.id}).to_list())
    assert "personal" not in raw
    assert (await other.history())[0].changes["title"].after == "kept"


async def test_models_choose_whether_they_are_audited() -> None:
    await Quiet(title="A").insert()
    await Journal(title="A").insert()
    assert await entries() == []
    with pytest.raises(RefusedOperation, match="not audited"):
        await (await Quiet(title="B").insert()).history()


async def test_a_real_delete_is_told_with_what_was_there() -> None:
    document = await Gone(title="A").insert()
    await document.delete()
    await Gone(title="B").insert()
    await Gone.get_pymongo_collection().delete_many({"title": "B"})
    deletions = [each for each in await entries() if each.operation == "delete"]
    assert [sides(each.changes["title"]) for each in deletions] == [("A", None), ("B", None)]


async def test_inherited_documents_are_told_and_masked() -> None:
    circle = await Circle(edges=0, secret_radius="7up").insert()
    shape = await Shape(edges=3).insert()
    assert [each.operation for each in await circle.history()] == ["insert"]
    assert (await circle.history())[0].changes["secretRadius"].after == "***"
    assert len(await shape.history()) == 1


async def test_the_log_is_asked_by_actor_time_and_request() -> None:
    start = utc_now()
    with acting_as("user:1", request_id="r1"):
        first = await Paper(title="A").insert()
    await asyncio.sleep(0.005)
    middle = utc_now()
    await asyncio.sleep(0.005)
    with acting_as("user:2", request_id="r2"):
        second = await Paper(title="B").insert()
    assert [each.document_id for each in await AuditEntry.by_actor("user:1").to_list()] == [first.id]
    assert await AuditEntry.by_actor("user:1", since=middle).to_list() == []
    assert [each.document_id for each in await AuditEntry.between(middle).to_list()] == [second.id]
    assert [each.document_id for each in await AuditEntry.between(start, middle).to_list()] == [first.id]
    assert [each.document_id for each in await AuditEntry.between().to_list()] == [second.id, first.id]
    assert [each.document_id for each in await AuditEntry.of_request("r2").to_list()] == [second.id]
    assert await AuditEntry.between(utc_now() + timedelta(hours=1)).to_list() == []


async def test_a_store_may_keep_no_log(database: Any) -> None:
    await bind(database, [Paper], audit=False)
    paper = await Paper(title="A").insert()
    await paper.set({Paper.title: "B"})
    assert await database["AuditEntry"].count_documents({}) == 0


async def test_values_of_every_kind_are_kept_and_hashed_alike() -> None:
    id = ObjectId()
    values = {
        "title": "x",
        "big": 2**40,
        "half": 0.5,
        "nan": float("nan"),
        "bytes": b"b",
        "uuid": Binary.from_uuid(uuid4()),
        "moment": datetime(2020, 1, 1, 0, 0, 0, 123456, tzinfo=UTC),
        "none": None,
        "id": id,
        "nested": {"a": [1, {"b": None}]},
        "$odd": 1,
        "dotted.key": {"$x": 1},
    }
    await collection().insert_one(dict(values))
    [entry] = await entries()
    assert entry.changes["id"].after == id
    assert (await verify_chain()).ok


class Shelf(Document):
    name: str = ""


class Volume(Document):
    shelf_id: Annotated[PydanticObjectId, Ref("Shelf", on_delete=OnDelete.CASCADE)]


class Label(Document):
    shelf_id: Annotated[PydanticObjectId | None, Ref("Shelf", on_delete=OnDelete.SET_NULL)] = None


async def test_what_a_deletion_takes_along_is_told_too(bind_models: Callable[..., Awaitable[Any]]) -> None:
    await bind_models(Shelf, Volume, Label)
    shelf = await Shelf(name="a").insert()
    volume = await Volume(shelf_id=shelf.id).insert()
    label = await Label(shelf_id=shelf.id).insert()
    with acting_as("user:3"):
        await shelf.delete()
    assert [(each.operation, each.actor) for each in (await volume.history())[1:]] == [("delete", "user:3")]
    nulled = (await label.history())[-1]
    assert (nulled.operation, sides(nulled.changes["shelfId"])) == ("update", (shelf.id, None))
    await shelf.restore()
    assert [each.operation for each in await volume.history()] == ["insert", "delete", "restore"]
    assert (await label.history())[-1].changes["shelfId"].after == shelf.id
    assert (await verify_chain()).ok
