"""Change streams of guarded collections: a deletion is a deletion, and the trash is silent."""

import asyncio
from typing import Any

import pytest

from docstore.documents import Document, SystemDocument
from docstore.documents.guard import GuardedCollection
from docstore.errors import RefusedOperation


class Seen(Document):
    slug: str = ""
    number: int = 0


class SeenRow(SystemDocument):
    slug: str = ""


@pytest.fixture
async def gate(bind_models: Any, database: Any) -> GuardedCollection:
    await bind_models(Seen, SeenRow)
    await database.create_collection("Seen")
    return Seen.get_pymongo_collection()


async def told(gate: GuardedCollection, act: Any, *args: Any, **options: Any) -> list[dict[str, Any]]:
    """The events that `act` causes, up to an insert that ends it."""
    events: list[dict[str, Any]] = []
    async with await gate.watch(*args, max_await_time_ms=200, **options) as stream:
        await act()
        await gate.insert_one({"slug": "end"})
        async with asyncio.timeout(30):
            while not (events and _is_end(events[-1])):
                event = await stream.try_next()
                if event is not None:
                    events.append(event)
    return events[:-1]


def _is_end(event: dict[str, Any]) -> bool:
    return (event.get("fullDocument") or {}).get("slug") == "end"


async def test_a_life_is_told_as_it_was(gate: GuardedCollection) -> None:
    document = Seen(slug="a")

    async def live() -> None:
        await document.insert()
        await document.set({"number": 5})
        await document.delete()
        await document.restore()

    events = await told(gate, live)
    assert [each["operationType"] for each in events] == ["insert", "update", "delete", "insert"]
    assert events[1]["fullDocument"]["number"] == 5
    assert not events[2].get("fullDocument")
    assert {each["documentKey"]["_id"] for each in events} == {document.id}


@pytest.mark.parametrize("full", [None, "updateLookup", "default", "whenAvailable"])
async def test_nothing_in_the_trash_is_told(full: str | None, gate: GuardedCollection, graveyard: Any) -> None:
    yard = await graveyard("Seen")

    async def stir() -> None:
        await Seen.with_deleted.find({"_id": {"$in": yard.ids}}).update({"$set": {"note": yard.secret}})
        await yard.raw.update_many({"_id": {"$in": yard.ids}}, {"$set": {"note": f"again {yard.secret}"}})
        await yard.raw.insert_one({"slug": "born dead", "secret": yard.secret, "isDeleted": True})

    try:
        events = await told(gate, stir, None, full)
    except RefusedOperation:
        return
    yard.assert_hidden([event for event in events if event["operationType"] != "delete"])
    assert not [event for event in events if event["operationType"] != "delete"]


@pytest.mark.parametrize("marks", [{"isDeleted": True}, {"status": "DELETED"}, {"deletedAt": 5}])
async def test_another_services_mark_is_a_deletion(
    marks: dict[str, Any], gate: GuardedCollection, database: Any
) -> None:
    document = await Seen(slug="a").insert()

    async def mark() -> None:
        await database["Seen"].update_one({"_id": document.id}, {"$set": marks})

    events = await told(gate, mark)
    assert [each["operationType"] for each in events] == ["delete"]


async def test_a_pipeline_update_of_an_old_document_is_an_update(gate: GuardedCollection, database: Any) -> None:
    """An old document has no marks at all: writing the living value of one is no restoration."""
    await database["Seen"].insert_one({"slug": "old"})
    events = await told(gate, lambda: gate.update_one({"slug": "old"}, [{"$set": {"number": 5}}]))
    assert [each["operationType"] for each in events] == ["update"]


async def test_the_callers_pipeline_sees_what_is_told(gate: GuardedCollection) -> None:
    document = await Seen(slug="a").insert()
    wanted = [{"$match": {"operationType": {"$in": ["delete", "insert"]}}}]
    events = await told(gate, document.delete, wanted)
    assert [each["operationType"] for each in events] == ["delete"]


async def test_everything_can_be_watched_on_purpose_and_the_trash_alone_not(gate: GuardedCollection) -> None:
    async with await Seen.with_deleted.get_pymongo_collection().watch(max_await_time_ms=100):
        pass
    with pytest.raises(RefusedOperation):
        await Seen.deleted.get_pymongo_collection().watch()
    async with await SeenRow.get_pymongo_collection().watch(max_await_time_ms=100):
        pass
