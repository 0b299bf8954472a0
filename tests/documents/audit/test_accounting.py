"""Documents held against their entries: what was removed at the end of a chain shows, and what is right never does."""

import asyncio
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from pymongo.asynchronous.database import AsyncDatabase
from tests.conftest import Bind

from docstore.documents import Document, StrList, SystemDocument, TokenHash
from docstore.documents.audit import AuditEntry, accounting, prune_audit, seal_audit, verify_chain
from docstore.documents.fields import utc_now

Database = AsyncDatabase[dict[str, Any]]


class Place(BaseModel):
    city: str = ""
    rank: int = 0


class Will(Document):
    versioned: ClassVar[bool] = True
    sensitive: ClassVar[frozenset[str]] = frozenset({"secret"})
    counters: ClassVar[frozenset[str]] = frozenset({"views"})

    title: str = ""
    views: int = 0
    secret: str | None = None
    token: TokenHash | None = None
    place: Place | None = None
    tags: StrList = Field(default_factory=list)
    table: dict[str, int] = Field(default_factory=dict)


class Note(SystemDocument):
    audited: ClassVar[bool] = True

    text: str = ""


@pytest_asyncio.fixture(autouse=True)
async def bound(bind_models: Bind) -> None:
    await bind_models(Will, Note)


def entries() -> Any:
    return AuditEntry.get_pymongo_collection().raw


async def unexplained(**options: Any) -> list[tuple[str, str]]:
    report = await verify_chain(documents=True, **options)
    assert {each.kind for each in report.problems} <= {"unexplained"}, report.problems
    return [(each.where, each.detail) for each in report.problems]


async def remove_last(document: Document | Note) -> None:
    wanted = {"documentId": document.id}
    last = await entries().find_one(wanted, sort=[("seq", -1)])
    await entries().delete_one({"_id": last["_id"]})


async def test_a_last_entry_that_was_removed_before_a_seal_shows_in_its_document() -> None:
    will = await Will(title="a", place=Place(city="x")).insert()
    await will.set({"place.rank": 3})
    assert (await verify_chain()).ok
    assert await unexplained() == []
    await remove_last(will)
    assert (await verify_chain()).ok, "the chain alone does not tell"
    [(where, detail)] = await unexplained()
    assert where == f"Will:{will.id}:{0:010d}"
    assert "place.rank" in detail
    assert await unexplained(collection="Will", document_id=will.id) == [(where, detail)]
    assert await unexplained(collection="Note") == []


async def test_every_kind_of_last_entry_shows() -> None:
    deleted, restored, cleared, listed, told = [await Will(title=name, tags=["t"]).insert() for name in "abcde"]
    await deleted.delete()
    await restored.delete()
    await restored.restore()
    await cleared.update({"$unset": {"title": ""}})
    await listed.update({"$push": {"tags": "u"}})
    await told.set({Will.secret: "s", Will.title: "f"})
    note = await Note(text="n").insert()
    await note.delete()
    assert await unexplained() == []
    for document in (deleted, restored, cleared, listed, told, note):
        await remove_last(document)
    details = dict(await unexplained())
    assert len(details) == 6
    assert "is gone" in details[f"Note:{note.id}:{0:010d}"]
    assert "isDeleted" in details[f"Will:{deleted.id}:{0:010d}"]
    assert "secret" not in details[f"Will:{told.id}:{0:010d}"], "what is masked cannot be compared"


async def test_a_write_around_the_log_shows_and_a_counter_does_not(database: Database) -> None:
    will = await Will(title="a").insert()
    await will.inc({Will.views: 1})
    assert await unexplained() == []
    await database["Will"].update_one({}, {"$set": {"title": "b", "views": 9}})
    [(_, detail)] = await unexplained()
    assert "title" in detail
    assert "views" not in detail


async def test_documents_without_entries_are_counted(database: Database) -> None:
    await database["Will"].insert_many([{"title": "older than the log"}, {"title": "as old"}])
    old = await Will.find_one()
    assert old is not None
    await old.set({Will.title: "changed since"})
    gone = await Will(title="b").insert()
    await entries().delete_many({"documentId": gone.id})
    report = await verify_chain(documents=True)
    assert (report.ok, report.compared, report.unlogged) == (True, 1, 2)
    await remove_last(old)
    assert (await verify_chain(documents=True)).unlogged == 3


async def test_what_retention_and_erasure_leave_is_compared_too(database: Database) -> None:
    will, purged = await Will(title="a").insert(), await Will(title="p").insert()
    for title in "bcd":
        await will.set({Will.title: title})
    await purged.purge(reason="asked for")
    await seal_audit()
    await prune_audit(utc_now())
    assert await unexplained() == []
    await database["Will"].update_one({"_id": will.id}, {"$set": {"title": "z"}})
    [(_, detail)] = await unexplained()
    assert "title" in detail


async def test_documents_may_change_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "BATCH", 3)
    wills = [await Will(title=str(number)).insert() for number in range(8)]
    done = asyncio.Event()

    async def write() -> None:
        for number in range(40):
            await wills[number % 8].set({Will.title: f"t{number}"})
        done.set()

    async def verify() -> list[Any]:
        found: list[Any] = []
        while not done.is_set():
            found += [each for each in (await verify_chain(documents=True)).problems if each.kind == "unexplained"]
        return found

    _, problems = await asyncio.gather(write(), verify())
    assert problems == []


VALUES = st.sampled_from(
    [
        {"$set": {"title": "x"}},
        {"$set": {"place": {"city": "y", "rank": 1}}},
        {"$set": {"place": None}},
        {"$set": {"table": {"a": 1}}},
        {"$set": {"table.b": 2}},
        {"$set": {"table": {}}},
        {"$set": {"secret": "s"}},
        {"$set": {"secret": None}},
        {"$set": {"token": "t"}},
        {"$unset": {"title": ""}},
        {"$unset": {"table.b": ""}},
        {"$unset": {"place": ""}},
        {"$push": {"tags": "u"}},
        {"$set": {"tags": []}},
        {"$inc": {"views": 1}},
        {"$rename": {"title": "secret"}},
        [{"$set": {"title": {"$concat": ["a", "b"]}}}],
    ]
)
STEPS = st.lists(VALUES | st.sampled_from(["delete", "restore", "save", "purge"]), min_size=1, max_size=7)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)
@given(STEPS)
async def test_what_was_written_as_it_should_is_always_explained(steps: list[Any]) -> None:
    gate = Will.get_pymongo_collection()
    will = await Will(title="a").insert()
    for step in steps:
        if step == "save":
            present = await Will.get(will.id)
            if present is not None:
                present.title += "!" if present.title else "?"
                await present.save()
        elif step in ("delete", "restore"):
            present = await Will.with_deleted.get(will.id)
            if present is not None and present.is_deleted == (step == "restore"):
                await getattr(present, step)()
        elif step == "purge":
            await Will.with_deleted.purge({"_id": will.id}, reason="r")
        else:
            await gate.update_one({"_id": will.id}, step)
    report = await verify_chain(documents=True)
    assert report.ok, report.problems
