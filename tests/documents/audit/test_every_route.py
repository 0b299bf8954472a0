"""Whatever routes a document was written by, in whatever order: the log replayed is the document, at every instant."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from datetime import datetime
from typing import Annotated, Any, ClassVar

import pytest_asyncio
from beanie.odm.bulk import BulkWriter
from bson import ObjectId
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from pymongo import DeleteOne, InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne
from pymongo.errors import PyMongoError

from docstore.context import acting_as
from docstore.documents import (
    ChangeKind,
    Document,
    OnDelete,
    PydanticObjectId,
    Ref,
    Transition,
    Trigger,
    add_event_handler,
    remove_event_handler,
    run_in_transaction,
    transaction,
    utc_now,
)
from docstore.documents.audit import AuditEntry, verify_chain
from docstore.documents.audit.diff import difference
from docstore.errors import DocstoreError

Stored = dict[str, Any]
seen: list[Transition] = []


async def see(model: Any, transitions: Any) -> None:
    seen.extend(transitions)


class Part(BaseModel):
    name: str = ""
    count: int = 0


class Root(Document):
    label: str = ""


class Thing(Document):
    title: str = ""
    number: int = 0
    views: int = 0
    tags: list[str] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)
    table: dict[str, Any] = Field(default_factory=dict)
    root_id: Annotated[PydanticObjectId | None, Ref("Root", on_delete=OnDelete.CASCADE)] = None
    friend_id: Annotated[PydanticObjectId | None, Ref("Thing", on_delete=OnDelete.SET_NULL)] = None

    counters: ClassVar[frozenset[str]] = frozenset({"views"})
    versioned: ClassVar[bool] = True
    announces: ClassVar[bool] = True
    triggers: ClassVar = (
        Trigger(
            name="seen_title",
            collection="Thing",
            condition=lambda step: step.was("title") != step.now("title"),
            action=see,
            description="Notes every new title.",
            reason="So that the test sees them.",
            events=frozenset(ChangeKind),
        ),
    )


def things() -> Any:
    return Thing.get_pymongo_collection()


async def on_document(one: Any, act: Callable[[Any], Awaitable[Any]]) -> None:
    document = await Thing.get(one)
    if document is not None:
        await act(document)


async def edited(document: Any) -> None:
    document.title, document.parts = f"{document.title}+", [Part(name="p", count=document.number)]
    await document.save()


async def by_bulk_writer(one: Any) -> None:
    async with BulkWriter() as writer:
        await Thing.find_one(Thing.id == one).update({"$set": {"title": "by a bulk writer"}}, bulk_writer=writer)
        await Thing.insert_one(Thing(title="inserted by it"), bulk_writer=writer)


async def twice_in_one_transaction(one: Any) -> None:
    async with transaction():
        await things().update_one({"_id": one}, {"$inc": {"number": 1}})
        await things().update_one({"_id": one}, {"$push": {"tags": "again"}})


async def taken_back(one: Any) -> None:
    async def work() -> None:
        await things().update_one({"_id": one}, {"$set": {"title": "never"}})
        raise ZeroDivisionError

    try:
        await run_in_transaction(work)
    except ZeroDivisionError:
        return


async def of_the_root(one: Any, act: str) -> None:
    document = await Thing.with_deleted.get(one)
    if document is None:
        return
    root = await Root.with_deleted.get(document.root_id) if document.root_id else None
    if act == "give" and not document.is_deleted:
        await document.set({Thing.root_id: (await Root().insert()).id})
    elif act == "delete" and root is not None:
        await Root.find(Root.id == root.id).delete()
    elif act == "restore" and root is not None:
        await Root.deleted.find(Root.id == root.id).restore()


SET = {"$set": {"title": "set", "table.key": 1}}
ROUTES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "save": lambda one: on_document(one, edited),
    "doc.set": lambda one: on_document(one, lambda each: each.set({Thing.title: "doc.set"})),
    "doc.inc": lambda one: on_document(one, lambda each: each.inc({Thing.number: 2})),
    "doc.update": lambda one: on_document(one, lambda each: each.update({"$addToSet": {"tags": "u"}})),
    "doc.replace": lambda one: on_document(one, lambda each: each.replace()),
    "doc.delete": lambda one: on_document(one, lambda each: each.delete()),
    "find.update": lambda one: Thing.find(Thing.id == one).update({"$set": {"title": "find.update"}}),
    "find.update pipeline": lambda one: Thing.find(Thing.id == one).update(
        [{"$set": {"number": 7, "title": "by a pipeline"}}]
    ),
    "find_one.upsert": lambda one: Thing.find_one(Thing.id == one).upsert(SET, on_insert=Thing(title="upserted")),
    "update_one": lambda one: things().update_one({"_id": one}, SET),
    "views": lambda one: things().update_one({"_id": one}, {"$inc": {"views": 1}}),
    "views and more": lambda one: things().update_one({"_id": one}, {"$inc": {"views": 1, "number": 1}}),
    "update_many": lambda one: things().update_many({}, {"$inc": {"number": 1}, "$unset": {"table.key": ""}}),
    "upsert": lambda one: things().update_one({"title": "new"}, {"$set": {"number": 1}}, upsert=True),
    "array filter": lambda one: things().update_one(
        {"_id": one}, {"$set": {"tags.$[each]": "filtered"}}, array_filters=[{"each": "t"}]
    ),
    "positional": lambda one: things().update_one({"_id": one, "parts.name": "p"}, {"$inc": {"parts.$.count": 1}}),
    "pipeline": lambda one: things().update_one(
        {"_id": one}, [{"$set": {"number": {"$add": ["$number", 1]}, "table.sum": "$number"}}, {"$unset": "table.key"}]
    ),
    "rename": lambda one: things().update_one({"_id": one}, {"$rename": {"table.sum": "table.total"}}),
    "replace_one": lambda one: things().replace_one({"_id": one}, {"title": "replaced", "extra": {"a": [1]}}),
    "find_one_and_update": lambda one: things().find_one_and_update({"_id": one}, SET, projection={"title": 1}),
    "find_one_and_upsert": lambda one: things().find_one_and_update(
        {"title": "found"}, {"$inc": {"number": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    ),
    "find_one_and_replace": lambda one: things().find_one_and_replace({"_id": one}, {"title": "replaced too"}),
    "find_one_and_delete": lambda one: things().find_one_and_delete({"_id": one}),
    "delete_many": lambda one: things().delete_many({"_id": one}),
    "bulk": lambda one: things().bulk_write(
        [
            InsertOne({"title": "bulk"}),
            UpdateOne({"_id": one}, {"$set": {"title": "bulk"}}),
            UpdateMany({"title": "bulk"}, {"$push": {"tags": "bulk"}}),
            ReplaceOne({"_id": ObjectId()}, {"title": "bulk upsert"}, upsert=True),
            UpdateOne({"_id": one}, {"$set": {"tags.$[each]": "b"}}, array_filters=[{"each": "bulk"}]),
            DeleteOne({"title": "nobody"}),
        ]
    ),
    "bulk delete": lambda one: things().bulk_write([DeleteOne({"_id": one})]),
    "bulk writer": by_bulk_writer,
    "insert_many": lambda one: Thing.insert_many([Thing(title="a"), Thing(title="b", friend_id=None)]),
    "befriend": lambda one: things().update_many({"_id": {"$ne": one}}, {"$set": {"friendId": one}}),
    "twice": twice_in_one_transaction,
    "taken back": taken_back,
    "restore": lambda one: Thing.deleted.find(Thing.id == one).restore(),
    "purge": lambda one: Thing.with_deleted.find(Thing.id == one).purge(reason="asked for"),
    "root: give": lambda one: of_the_root(one, "give"),
    "root: delete": lambda one: of_the_root(one, "delete"),
    "root: restore": lambda one: of_the_root(one, "restore"),
}


@pytest_asyncio.fixture
async def raw(bind_models: Any, database: Any) -> Any:
    await bind_models(Root, Thing)
    return database


async def contents(raw: Any) -> dict[Any, Stored]:
    return {each["_id"]: each for each in await raw["Thing"].find().to_list()}


def put(document: Stored, path: str, change: Stored) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
    if "after" in change:
        document[last] = deepcopy(change["after"])
    else:
        document.pop(last, None)


def apart(one: Stored, other: Stored) -> Any:
    """What differs, but for counters, and the stamp that counting moves."""
    return difference(without_nulls(one), without_nulls(other), ignored={"views", "updatedAt", "version"})


def without_nulls(value: Any) -> Any:
    """A null that comes into being is no change."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return value


async def assert_replayed(raw: Any, now: dict[Any, Stored]) -> None:
    """The log from its beginning gives every document as it is stored; of a purged one it gives nothing."""
    rows = await raw["AuditEntry"].find({"collection": "Thing"}, sort=[("documentId", 1), ("seq", 1)]).to_list()
    replayed: dict[Any, Stored] = {}
    for row in rows:
        document = replayed.setdefault(row["documentId"], {"_id": row["documentId"]})
        if row["operation"] == "purge":
            del replayed[row["documentId"]]
        elif row["erased"]:
            assert row["diff"] == []
        for change in row["diff"]:
            put(document, change["path"], change)
    purged = {row["documentId"] for row in rows if row["operation"] == "purge"}
    assert replayed.keys() - purged == now.keys() - purged
    for one, document in now.items():
        if one not in purged:
            assert apart(replayed[one], document) == []


async def assert_past(history: list[tuple[datetime, dict[Any, Stored]]]) -> None:
    """as_of() gives every document as it was at every instant between two steps."""
    for document in await Thing.with_deleted.find().to_list():
        for moment, states in history:
            then = states.get(document.id)
            past = await document.as_of(moment)
            assert (past is None) == (then is None)
            if past is not None and then is not None:
                expected = Thing.model_validate(deepcopy(then))
                skipped = {"views", "updated_at", "version"}
                assert past.model_dump(exclude=skipped) == expected.model_dump(exclude=skipped)


@settings(phases=[Phase.reuse, Phase.generate], max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.sampled_from(sorted(ROUTES)), st.integers(0, 2)), min_size=4, max_size=9))
async def test_the_log_replayed_is_the_document(raw: Any, steps: list[tuple[str, int]]) -> None:
    for name in ("Thing", "Root", "AuditEntry", "DeletionStep"):
        await raw[name].delete_many({})
    heard: list[Any] = []

    async def hear(events: Any) -> None:
        heard.extend(events)

    add_event_handler(hear)
    try:
        ids = [(await Thing(title=title).insert()).id for title in "xyz"]
        history = [(await tick(), await contents(raw))]
        for number, (route, one) in enumerate(steps):
            seen.clear()
            heard.clear()
            with acting_as("user:1", request_id=str(number)):
                try:
                    await ROUTES[route](ids[one])
                except (DocstoreError, PyMongoError):
                    seen.clear()
                    heard.clear()
            was, now = history[-1][1], await contents(raw)
            await assert_told(raw, str(number), was, now, heard)
            history.append((await tick(), now))
    finally:
        remove_event_handler(hear)
    await assert_replayed(raw, history[-1][1])
    await assert_past(history)
    assert (await verify_chain()).ok


async def tick() -> datetime:
    await asyncio.sleep(0.002)
    now = utc_now()
    await asyncio.sleep(0.002)
    return now


async def assert_told(raw: Any, request: str, was: Any, now: Any, heard: list[Any]) -> None:
    """What a step changed has an entry with who and where, an event, and reached the trigger."""
    moved = {each for each in was.keys() | now.keys() if apart(was.get(each, {}), now.get(each, {}))}
    rows = await raw["AuditEntry"].find({"requestId": request, "collection": "Thing"}).to_list()
    assert {row["documentId"] for row in rows} == moved
    assert {row["actor"] for row in rows} <= {"user:1"}
    assert moved <= {event.aggregate_id for event in heard}
    titles = {each for each in moved if was.get(each, {}).get("title") != now.get(each, {}).get("title")}
    assert titles <= {each.id for each in seen}
    for each in moved & was.keys() & now.keys():
        assert (now[each].get("version") or 0) > (was[each].get("version") or 0)


async def test_every_route_is_taken_once(raw: Any) -> None:
    """So that none of them is refused unnoticed."""
    for route, act in ROUTES.items():
        await raw["Thing"].delete_many({})
        await raw["AuditEntry"].delete_many({})
        made = Thing(title="x", tags=["t"], parts=[Part(name="p")], table={"key": 1, "sum": 2}, root_id=None)
        made.root_id = (await Root().insert()).id
        one = (await made.insert()).id
        await Thing(title="y").insert()
        if route.endswith("restore"):
            await ROUTES["root: delete" if route.startswith("root") else "doc.delete"](one)
        before, entries = await contents(raw), await AuditEntry.count()
        await act(one)
        changed = before != await contents(raw)
        assert changed == (route != "taken back"), route
        assert ((await AuditEntry.count()) > entries) == (route not in ("taken back", "views", "doc.replace")), route
