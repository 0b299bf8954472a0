"""Every single way to tamper with a stored log is found, at every place in it."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from bson import Binary, ObjectId
from pydantic import BaseModel

from docstore.context import acting_as
from docstore.documents import Document, SystemDocument, utc_now
from docstore.documents.audit import AuditEntry, AuditSeal, prune_audit, seal_audit, verify_chain
from docstore.documents.audit.chain import commitment, entry_hash, entry_id

Stored = dict[str, Any]


class Deed(Document):
    title: str = ""
    number: int = 0


class Anything(SystemDocument):
    id: Any = None
    title: str = ""

    audited: ClassVar[bool] = True


@pytest_asyncio.fixture(autouse=True)
async def log(bind_models: Callable[..., Awaitable[Any]]) -> list[Stored]:
    """A log with a part that retention thinned, a part that is sealed, and one that is not; one document was purged."""
    await bind_models(Deed, Anything)
    with acting_as("user:1", request_id="r"):
        made = [await Deed(title=title).insert() for title in "abc"]
        for deed in made:
            await deed.set({Deed.number: 1})
        await seal_audit()
        await asyncio.sleep(0.002)
        cut = utc_now()
        await asyncio.sleep(0.002)
        for deed in made[:2]:
            await deed.set({Deed.number: 2})
        await made[0].purge(reason="asked for")
        await seal_audit()
        assert await prune_audit(cut) == 5
        await made[1].set({Deed.number: 3})
        await (await Deed(title="d").insert()).set({Deed.number: 1})
        await made[1].set({Deed.number: 4})
    return await entries().find({}, sort=[("_id", 1)]).to_list()


def entries() -> Any:
    return AuditEntry.get_pymongo_collection().raw


async def put(rows: list[Stored]) -> None:
    await entries().delete_many({})
    if rows:
        await entries().insert_many(deepcopy(rows))


async def assert_found(rows: list[Stored], what: object) -> None:
    await put(rows)
    assert not (await verify_chain()).ok, f"not found: {what}"


ODD = (None, "x", 7, True, {"x": 1})
FIELDS = (
    *("at", "actor", "requestId", "operation", "collection", "documentId", "seq", "reason", "touched", "diff"),
    *("commitment", "previous", "hash", "salt", "seal"),
)


async def test_as_written_it_is_whole(log: list[Stored]) -> None:
    report = await verify_chain()
    assert report.ok, report.problems
    assert {each.get("seal") for each in log} == {1, 2, None}
    assert any(each["erased"] for each in log)


@pytest.mark.parametrize("field", FIELDS)
async def test_no_field_takes_another_value(log: list[Stored], field: str) -> None:
    for number, entry in enumerate(log):
        for value in ODD:
            was = entry.get(field)
            if type(value) is type(was) and value == was:
                continue
            if entry["erased"] and field == "salt" and value is None:
                continue  # an erased entry has none
            altered = {**entry, field: value}
            await assert_found([*log[:number], altered, *log[number + 1 :]], (entry["_id"], field, value))
        if field not in entry or (entry["seal"] is None and field == "seal"):
            continue
        lacking = {name: value for name, value in entry.items() if name != field}
        # A null that is not there at all says the same.
        if entry[field] is not None:
            await assert_found([*log[:number], lacking, *log[number + 1 :]], (entry["_id"], "without", field))


async def test_no_entry_is_missing(log: list[Stored]) -> None:
    last = {(each["collection"], each["documentId"]): each["_id"] for each in log}
    for number, entry in enumerate(log):
        if entry["seal"] is None and entry["_id"] in last.values():
            continue  # found from the next seal on
        await assert_found([*log[:number], *log[number + 1 :]], entry["_id"])
    await assert_found([], "all of it")
    await put(log)
    await seal_audit()
    sealed = await entries().find({}, sort=[("_id", 1)]).to_list()
    for number, entry in enumerate(sealed):
        await assert_found([*sealed[:number], *sealed[number + 1 :]], entry["_id"])


SWAPS = (("seq",), ("diff", "salt", "commitment"), ("_id", "seq"))


async def test_no_two_entries_change_places(log: list[Stored]) -> None:
    for first in range(len(log)):
        for second in range(first + 1, len(log)):
            one, other = log[first], log[second]
            for names in (
                ("seq",),
                ("diff",),
                ("diff", "salt", "commitment"),
                ("_id",),
                ("_id", "seq"),
                ("documentId",),
            ):
                rest = [each for each in log if each is not one and each is not other]
                a = {**one, **{name: other.get(name) for name in names}}
                b = {**other, **{name: one.get(name) for name in names}}
                same = all(one.get(name) == other.get(name) for name in names)
                if not same:
                    await assert_found([*rest, a, b], (one["_id"], other["_id"], names))


async def test_no_entry_is_put_in(log: list[Stored]) -> None:
    for entry in log:
        for change in (
            {"_id": "x"},
            {"_id": entry_id(entry["collection"], entry["documentId"], entry["seq"] + 100), "seq": entry["seq"] + 100},
            {"_id": entry_id(entry["collection"], entry["documentId"], -1), "seq": -1},
            {"_id": entry_id(entry["collection"], "other", entry["seq"]), "documentId": "other"},
        ):
            forged = {**entry, **change}
            await assert_found([*log, forged], (entry["_id"], change))
            forged["hash"] = entry_hash(forged)
            if forged["seal"] or forged["seq"]:  # a first entry looks like that of another document
                await assert_found([*log, forged], (entry["_id"], change, "with a hash of its own"))
    for odd in ({"_id": "x"}, {"_id": ObjectId()}, {"_id": 1, "seq": "x"}, {"_id": 1, "collection": 1, "seq": 1}):
        await assert_found([*log, odd], odd)


async def test_no_entry_is_written_anew(log: list[Stored]) -> None:
    """With a hash that fits: what follows, or the seal over it, tells."""
    last = {(each["collection"], each["documentId"]): each["_id"] for each in log}
    for number, entry in enumerate(log):
        if entry["seal"] is None and entry["_id"] in last.values():
            continue  # as a missing one
        diff, salt = [{"path": "title", "after": "forged"}], b"s" * 16
        forged = {**entry, "diff": diff, "salt": salt, "commitment": commitment(diff, salt)}
        forged["hash"] = entry_hash(forged)
        await assert_found([*log[:number], forged, *log[number + 1 :]], entry["_id"])


async def test_no_seal_is_altered_or_missing() -> None:
    raw = AuditSeal.get_pymongo_collection().raw
    seals = await raw.find({}, sort=[("_id", 1)]).to_list()
    assert [each["kind"] for each in seals] == ["seal", "seal", "prune", "kept"]
    for seal in seals:
        for field in ("kind", "at", "actor", "entries", "digest", "upTo", "previous", "hash"):
            for value in ODD:
                if type(value) is type(seal[field]) and value == seal[field]:
                    continue
                await raw.replace_one({"_id": seal["_id"]}, {**seal, field: value})
                assert not (await verify_chain()).ok, (seal["_id"], field, value)
            await raw.update_one({"_id": seal["_id"]}, {"$unset": {field: ""}})
            assert seal[field] is None or not (await verify_chain()).ok, (seal["_id"], "without", field)
        await raw.replace_one({"_id": seal["_id"]}, seal)
        anchor = f"{seal['_id']}:{seal['hash']}"
        await raw.delete_one({"_id": seal["_id"]})
        assert not (await verify_chain(anchors=[anchor])).ok
        await raw.insert_one(seal)
    assert (await verify_chain(anchors=[f"{seals[-1]['_id']}:{seals[-1]['hash']}"])).ok


async def test_ids_that_look_alike_have_chains_of_their_own() -> None:
    ids = (
        1,
        "1",
        ObjectId("0" * 24),
        "0" * 24,
        {"a": 1},
        "{'a': 1}",
        {"a": 1, "b": 2},
        Binary(b"x"),
        0,
        "",
    )
    collection = Anything.get_pymongo_collection()
    for each in ids:
        await collection.insert_one({"_id": each, "title": "new"})
        await collection.update_one({"_id": each}, {"$set": {"title": "old"}})
    await collection.update_many({}, {"$set": {"title": "older"}})
    assert (await verify_chain()).ok
    for each in ids:
        found = await verify_chain(collection="Anything", document_id=each)
        assert (found.entries, found.ok) == (3, True), each
    await collection.delete_many({})
    await collection.insert_many([{"_id": each} for each in ids])
    assert (await verify_chain()).ok


class Place(BaseModel):
    shelf: str
    number: int


class Copy(Document):
    id: Place
    title: str = ""

    versioned: ClassVar[bool] = True


async def test_an_id_may_be_a_model(bind_models: Any) -> None:
    await bind_models(Copy)
    copy = await Copy(id=Place(shelf="a", number=1), title="one").insert()
    await Copy.insert_many([Copy(id=Place(shelf="a", number=number)) for number in (2, 3)])
    before = utc_now()
    await asyncio.sleep(0.005)
    copy.title = "two"
    await copy.save()
    await copy.set({"title": "three"})
    await copy.replace()
    await copy.delete()
    await copy.restore()
    await copy.sync()
    past, found = await copy.as_of(before), await Copy.get(copy.id)
    assert (copy.title, copy.version) == ("three", 5)
    assert past is not None
    assert past.title == "one"
    assert found is not None
    assert found.id == copy.id
    assert await Copy.get_many([copy.id, Place(shelf="b", number=9), copy.id]) == [found, found]
    inserted, *_ = history = await copy.history()
    assert [each.operation for each in history] == ["insert", "update", "update", "delete", "restore"]
    await copy.revert(inserted)
    assert copy.title == "one"
    await Copy.find(Copy.title == "").update({"$set": {"title": "many"}})
    assert await Copy.find(Copy.title == "many").count() == 2
    await copy.purge(reason="asked for")
    assert await Copy.with_deleted.count() == 2
    assert (await verify_chain()).ok
