"""What the log tells about one document: its history, its past states, and the way back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from docstore.documents import Document, Json, StrList, transaction, utc_now
from docstore.documents.audit import AuditEntry, prune_audit, seal_audit, verify_chain
from docstore.documents.audit.diff import difference, undo
from docstore.errors import DeletedDocument, NotFound, RefusedOperation, StaleDocument, ValidationFailed


class Note(Document):
    title: str
    body: str | None = None
    tags: StrList = Field(default_factory=list)
    payload: Json | None = None
    views: int = 0
    secret: SecretStr | None = None

    counters: ClassVar[frozenset[str]] = frozenset({"views"})


@pytest_asyncio.fixture(autouse=True)
async def bound(bind_models: Callable[..., Awaitable[Any]]) -> None:
    await bind_models(Note)


async def tick() -> datetime:
    """An instant strictly between what was written before and what is written after."""
    await asyncio.sleep(0.003)
    now = utc_now()
    await asyncio.sleep(0.003)
    return now


async def test_a_document_as_it_was() -> None:
    start = await tick()
    note = await Note(title="A", tags=["x"]).insert()
    inserted = await tick()
    await note.set({Note.title: "B", Note.tags: ["x", "y"], Note.body: "text"})
    updated = await tick()
    await note.delete()
    deleted = await tick()
    await note.restore()

    assert await note.as_of(start) is None
    past = await note.as_of(inserted)
    assert past is not None
    assert (past.title, past.tags, past.body, past.id) == ("A", ["x"], None, note.id)
    assert type(past) is Note
    then = await note.as_of(updated)
    assert then is not None
    assert (then.title, then.tags, then.body, then.is_deleted) == ("B", ["x", "y"], "text", False)
    gone = await note.as_of(deleted)
    assert gone is not None
    assert gone.is_deleted
    assert (await note.as_of(utc_now() + timedelta(hours=1))).title == "B"  # type: ignore[union-attr]  # it is there
    assert (await note.as_of(updated.replace(tzinfo=None))).title == "B"  # type: ignore[union-attr]  # likewise


async def test_the_stamp_of_a_write_is_the_instant_it_shows_from() -> None:
    note = await Note(title="A").insert()
    assert note.updated_at is not None
    first = note.updated_at
    await tick()
    await note.set({Note.title: "B"})
    assert (await note.as_of(first)).title == "A"  # type: ignore[union-attr]  # it is there
    assert (await note.as_of(note.updated_at)).title == "B"  # type: ignore[union-attr]  # likewise
    assert await note.as_of(first - timedelta(milliseconds=1)) is None


async def test_counters_and_secrets_are_not_in_the_log_and_not_in_the_past() -> None:
    note = await Note(title="A", secret="one").insert()
    at = await tick()
    await note.inc({Note.views: 3})
    note.title, note.secret = "B", SecretStr("two")
    await note.save()
    past = await note.as_of(at)
    assert past is not None
    assert (past.title, past.views, past.secret) == ("A", 3, None)


async def test_a_purged_document_has_no_past() -> None:
    note = await Note(title="A").insert()
    at = await tick()
    await note.purge(reason="test")
    with pytest.raises(NotFound):
        await note.as_of(at)


async def test_retention_limits_how_far_back_one_sees() -> None:
    note = await Note(title="A").insert()
    at = await tick()
    for title in "BCD":
        await note.set({Note.title: title})
    await seal_audit()
    await prune_audit(utc_now() + timedelta(days=1))
    with pytest.raises(NotFound, match="reaches back"):
        await note.as_of(at)
    assert (await note.as_of(utc_now())).title == "D"  # type: ignore[union-attr]  # it is there


async def test_what_was_written_before_the_log_began_is_undone_as_far_as_known(database: Any) -> None:
    await database["Note"].insert_one({"title": "old", "createdAt": utc_now() - timedelta(days=2), "legacy": 1})
    note = await Note.find_one(Note.title == "old")
    assert note is not None
    await note.set({Note.title: "new"})
    past = await note.as_of(utc_now() - timedelta(days=1))
    assert past is not None
    assert past.title == "old"
    assert await note.as_of(utc_now() - timedelta(days=3)) is None


async def test_an_update_is_undone_as_a_change_of_its_own() -> None:
    note = await Note(title="A", body="text").insert()
    await note.set({Note.title: "B"})
    await note.set({Note.body: "other"})
    entry = (await note.history())[1]
    assert (await note.revert(entry)) is note
    assert (note.title, note.body) == ("A", "other")
    assert (await Note.get(note.id)).title == "A"  # type: ignore[union-attr]  # it is there
    last = (await note.history())[-1]
    assert {path: (each.before, each.after) for path, each in last.changes.items()} == {"title": ("B", "A")}
    await note.revert(last)
    assert note.title == "B"
    assert (await verify_chain()).ok


async def test_a_field_that_came_into_being_is_taken_away_again(database: Any) -> None:
    note = await Note(title="A").insert()
    collection = Note.get_pymongo_collection()
    await collection.update_one({"_id": note.id}, {"$set": {"extra": 1}, "$unset": {"tags": ""}})
    await note.revert((await note.history())[-1])
    stored = await database["Note"].find_one({"_id": note.id})
    assert "extra" not in stored
    assert stored["tags"] == []


async def test_what_changed_again_since_is_not_undone() -> None:
    note = await Note(title="A").insert()
    await note.set({Note.title: "B"})
    await note.set({Note.title: "C"})
    entry = (await note.history())[1]
    with pytest.raises(StaleDocument, match="title") as caught:
        await note.revert(entry)
    assert caught.value.field == "title"
    assert (note.title, len(await note.history())) == ("C", 3)


async def test_an_insert_is_reverted_to_what_was_inserted() -> None:
    note = await Note(title="A", tags=["x"]).insert()
    await note.set({Note.title: "B", Note.body: "text", Note.tags: []})
    await note.set({Note.title: "C"})
    await note.revert((await note.history())[0])
    assert (note.title, note.body, note.tags) == ("A", None, ["x"])


async def test_deletions_and_restorations_are_undone_by_each_other() -> None:
    note = await Note(title="A").insert()
    await note.delete()
    deletion = (await note.history())[-1]
    await note.revert(deletion)
    assert not note.is_deleted
    restoration = (await note.history())[-1]
    await note.revert(restoration)
    assert note.is_deleted


async def test_in_the_trash_nothing_but_the_deletion_is_undone() -> None:
    note = await Note(title="A").insert()
    await note.set({Note.title: "B"})
    await note.delete()
    with pytest.raises(DeletedDocument):
        await note.revert((await note.history())[1])


async def test_what_cannot_be_undone_says_why() -> None:
    note = await Note(title="A", secret="one").insert()
    other = await Note(title="other").insert()
    note.secret = SecretStr("two")
    await note.save()
    with pytest.raises(ValidationFailed, match="secret"):
        await note.revert((await note.history())[-1])
    with pytest.raises(ValidationFailed, match="not of this Note"):
        await note.revert((await other.history())[0])
    await other.purge(reason="test")
    for entry in await AuditEntry.of(other).to_list():
        with pytest.raises(RefusedOperation, match="purged"):
            await other.revert(entry)


async def test_a_revert_in_a_transaction_that_fails_leaves_everything() -> None:
    note = await Note(title="A").insert()
    await note.set({Note.title: "B"})
    entry = (await note.history())[-1]

    async def attempt() -> None:
        async with transaction():
            await note.revert(entry)
            assert note.title == "A"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await attempt()
    assert note.title == "B"
    assert len(await note.history()) == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from((1.0, 2.5, "a", "", b"x")),
    lambda inside: (
        st.lists(inside, max_size=2)
        | st.dictionaries(st.sampled_from(("a", "b", "c", "d.e", "$f", "")), inside, max_size=3)
    ),
    max_leaves=6,
)
STORED = st.dictionaries(st.sampled_from(("p", "q", "r", "s")), VALUES, max_size=4)


def exact(value: Any) -> Any:
    """A value with the kind of every part, so that 1, 1.0 and true differ; a missing field is a null."""
    if isinstance(value, dict):
        return ("dict", {key: exact(each) for key, each in value.items()})
    if isinstance(value, list):
        return ("list", [exact(each) for each in value])
    return (type(value).__name__, value)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return value


@settings(max_examples=300, deadline=None)
@given(before=STORED, after=STORED)
def test_a_difference_undone_is_what_was_there(before: dict[str, Any], after: dict[str, Any]) -> None:
    diff = difference(before, after)
    assert exact(without_nulls(undo(after, diff))) == exact(without_nulls(before))
    if exact(before) == exact(after):
        assert diff == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("set", "save", "delete", "restore", "raw", "unset")),
        st.sampled_from(("title", "body", "tags", "payload")),
        st.text("ab", min_size=1, max_size=2),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_every_past_state_is_told_as_it_was(steps: list[tuple[str, str, str]]) -> None:
    note = await Note(title="t").insert()
    collection = Note.get_pymongo_collection()
    seen = [(await tick(), await stored(note))]
    for kind, field, text in steps:
        value: Any = {"tags": [text], "payload": {"k": {text: text}}}.get(field, text)
        fresh = await Note.with_deleted.get(note.id)
        assert fresh is not None
        if kind == "delete":
            await fresh.delete()
        elif kind == "restore":
            await fresh.restore()
        elif kind == "raw":
            await collection.update_many({"_id": note.id}, {"$set": {field: value, "unknown": text}})
        elif kind == "unset" and field != "title":
            await collection.update_one({"_id": note.id}, {"$unset": {field: ""}})
        elif not fresh.is_deleted:
            setattr(fresh, field, value)
            await (fresh.save() if kind == "save" else fresh.set({field: value}))
        seen.append((await tick(), await stored(note)))
    for moment, state in seen:
        past = await note.as_of(moment)
        assert past is not None
        assert past.model_dump(exclude={"updated_at"}) == Note.model_validate(state).model_dump(exclude={"updated_at"})
    assert (await verify_chain(collection="Note", document_id=note.id)).ok


async def stored(note: Note) -> dict[str, Any]:
    found = await Note.with_deleted.get_pymongo_collection().find_one({"_id": note.id})
    assert found is not None
    return found


async def test_a_revert_does_not_drop_what_the_log_does_not_keep() -> None:
    note = await Note(title="a", secret=SecretStr("first")).insert()
    note.secret = SecretStr("second")
    await note.save()
    inserted, _ = await note.history()
    with pytest.raises(ValidationFailed, match="no value of secret"):
        await note.revert(inserted)
    await note.sync()
    assert note.secret == SecretStr("second")


async def test_values_too_large_for_an_entry_do_not_stop_the_write() -> None:
    note = await Note(title="a" * 9_000_000, body="x").insert()
    note.title, note.body = "b" * 9_000_000, "y"
    await note.save()
    _, entry = await note.history()
    assert entry.changes["title"].is_masked
    assert entry.changes["body"].after == "y"
    assert (await verify_chain()).ok
    with pytest.raises(ValidationFailed, match="no value of title"):
        await note.revert(entry)
