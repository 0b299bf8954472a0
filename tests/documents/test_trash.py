"""Deleting, the two doors into the trash, restoring and purging."""

import asyncio
import logging
import pickle
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import beanie
import pytest
from pymongo.errors import PyMongoError

from docstore.context import acting_as
from docstore.documents import Document, StateMachine, transaction, unique, utc_now
from docstore.documents.trash import Trash
from docstore.errors import (
    DeletedDocument,
    DocstoreError,
    InvalidTransition,
    NotFound,
    RestoreConflict,
    UniqueViolation,
)


class Phase(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    DELETED = "DELETED"


class Narrow(StrEnum):
    OPEN = "OPEN"


class BinnedNarrow(Document):
    """Its status knows nothing of deletion, as most users' own do."""

    slug: str = ""
    status: Narrow = Narrow.OPEN


class Binned(Document):
    slug: str = ""
    number: int = 0
    status: Phase = Phase.OPEN
    indexes = (unique("slug"), unique("number", "status", where={"kind": "pair"}))
    states = StateMachine("status", {Phase.OPEN: frozenset({Phase.CLOSED}), Phase.CLOSED: frozenset()})


class BinnedLoud(Document):
    slug: str = ""
    indexes = (unique("slug"),)
    announces = True


@pytest.fixture
async def bin(bind_models: Any, graveyard: Any) -> Any:
    await bind_models(Binned, BinnedLoud)
    return await graveyard("Binned")


@pytest.fixture(params=[Binned, BinnedLoud])
async def model(request: pytest.FixtureRequest, bind_models: Any) -> Any:
    await bind_models(Binned, BinnedLoud)
    return request.param


# Deleting


async def test_a_deletion_says_who_and_when(model: Any, database: Any) -> None:
    document = await model(slug="a").insert()
    with acting_as("user:42"):
        result = await document.delete()
    assert result.deleted_count == 1
    stored = await database[model.get_collection_name()].find_one({"_id": document.id})
    assert stored["isDeleted"] is True
    assert stored["deletedBy"] == document.deleted_by == "user:42"
    assert stored["deletedAt"] == document.deleted_at == stored["updatedAt"] == document.updated_at
    assert abs(utc_now() - stored["deletedAt"]) < timedelta(seconds=30)
    assert document.is_deleted


async def test_deleting_again_keeps_the_first_deletion(model: Any, database: Any) -> None:
    document = await model(slug="a").insert()
    with acting_as("first"):
        await document.delete()
    before = await database[model.get_collection_name()].find_one()
    with acting_as("second"):
        assert (await document.delete()).deleted_count == 0
        assert (await model.with_deleted.find().delete()).deleted_count == 0
        assert (await model.deleted.find().delete()).deleted_count == 0
        assert (await model.deleted.find_one().delete()).deleted_count == 0
    assert await database[model.get_collection_name()].find_one() == before


async def test_a_query_in_everything_deletes_the_living_among_them(bin: Any) -> None:
    assert (await Binned.with_deleted.find().delete()).deleted_count == 2
    await bin.assert_untouched()


# The doors


async def test_each_door_shows_its_own(bin: Any) -> None:
    assert {each.slug for each in await Binned.deleted.find().to_list()} == {f"dead-{name}" for name in bin.dead}
    assert await Binned.deleted.count() == 4
    assert await Binned.with_deleted.count() == 6
    assert await Binned.count() == 2
    for dead in bin.ids:
        found = await Binned.deleted.get(dead)
        assert found is not None
        assert isinstance(found, Binned)
        assert (await Binned.with_deleted.get(str(dead))) == found
    assert await Binned.deleted.get(bin.living[0]) is None
    assert await Binned.with_deleted.get(bin.living[0]) is not None


async def test_queries_behind_a_door_stay_behind_it(bin: Any) -> None:
    trash = Binned.deleted
    assert await trash.find(Binned.number >= 0).count() == 4
    assert await trash.find(Binned.number >= 0).sort("-number").limit(1).to_list() != []
    assert (await trash.find().sort("-number").first_or_none()).number == bin.dead_number + 3
    assert await trash.find({"isDeleted": True}).count() == 2
    assert await trash.find(Binned.deleted_at != None).count() == 2  # noqa: E711 - the filter
    assert await trash.find_one({"slug": "living-1"}) is None
    assert await trash.find_one({"slug": "dead-ours"}) is not None
    assert len(await trash.distinct("number")) == 4
    assert await trash.find().sum("number") == 4 * bin.dead_number + 6
    assert await trash.aggregate([{"$count": "n"}]).to_list() == [{"n": 4}]
    assert await trash.find().aggregate([{"$count": "n"}]).to_list() == [{"n": 4}]
    assert await trash.find_all().to_list() == await trash.all().to_list()
    assert len(await trash.find().clone().to_list()) == 4
    assert [each async for each in trash.find({"slug": "living-1"})] == []


async def test_what_a_door_does_not_offer_is_not_done_to_the_living(bin: Any) -> None:
    """A method that the door does not know must not run on the model behind it."""
    before = await bin.raw.find().to_list()
    for door in (Binned.deleted, Binned.with_deleted):
        for name in ("delete_all", "update_all", "replace_many", "insert_many", "insert_one", "bulk_writer", "max"):
            arguments: dict[str, list[Any]] = {
                "update_all": [{"$set": {"number": 5}}],
                "replace_many": [[]],
                "insert_many": [[Binned(slug="new")]],
                "insert_one": [Binned(slug="new")],
                "max": ["number"],
            }
            try:
                result = getattr(door, name)(*arguments.get(name, []))
                result = await result if hasattr(result, "__await__") else result
            except (DocstoreError, AttributeError, TypeError):
                continue
            if name == "max":
                assert result == bin.dead_number + 3
    living_before = [each for each in before if each["_id"] in bin.living]
    assert await bin.raw.find({"_id": {"$in": bin.living}}).to_list() == living_before
    assert await bin.raw.count_documents({}) == 6


async def test_inspecting_behind_a_door_looks_behind_it(bin: Any) -> None:
    await bin.raw.update_one({"_id": bin.ids[0]}, {"$set": {"number": "no number"}})
    try:
        inspected = await Binned.deleted.inspect_collection()
    except (DocstoreError, AttributeError):
        return
    assert len(inspected.errors) == 1


def test_a_door_can_be_copied_and_pickled() -> None:
    import copy

    for door in (Binned.deleted, Binned.with_deleted):
        for again in (copy.copy(door), copy.deepcopy(door), pickle.loads(pickle.dumps(door))):
            assert isinstance(again, Trash)
            assert repr(again) == repr(door)
    assert repr(Binned.deleted) == "Binned.deleted"


# Restoring


@pytest.mark.parametrize("marking", ["deletedAt", "isDeleted", "status", "ours"])
@pytest.mark.parametrize("way", ["document", "door", "query"])
async def test_restoring_takes_every_mark_away(marking: str, way: str, bin: Any) -> None:
    dead = await Binned.deleted.get(bin.dead[marking])
    assert dead is not None
    if way == "document":
        assert await dead.restore() is dead
        assert (dead.deleted_at, dead.is_deleted, dead.deleted_by) == (None, False, None)
        assert dead.status is Phase.OPEN
    elif way == "door":
        assert await Binned.deleted.restore({"_id": dead.id}) == 1
    else:
        assert await Binned.with_deleted.find({"_id": dead.id}).restore() == 1
    found = await Binned.get(dead.id)
    assert found is not None
    assert found.status is Phase.OPEN
    stored = await bin.raw.find_one({"_id": dead.id})
    assert (stored["deletedAt"], stored["isDeleted"], stored["deletedBy"]) == (None, False, None)
    assert stored["secret"] == bin.secret
    assert abs(utc_now() - stored["updatedAt"]) < timedelta(seconds=30)
    assert await Binned.deleted.count() == 3


async def test_restoring_all_counts_and_leaves_the_living(bin: Any) -> None:
    before = await bin.raw.find({"_id": {"$in": bin.living}}).to_list()
    assert await Binned.deleted.restore() == 4
    assert await Binned.deleted.restore() == 0
    assert await Binned.find().restore() == 0
    assert await Binned.count() == 6
    assert await bin.raw.find({"_id": {"$in": bin.living}}).to_list() == before


async def test_a_model_without_states_restores_from_a_status_too(bind_models: Any, graveyard: Any) -> None:
    await bind_models(Binned, BinnedLoud)
    yard = await graveyard("BinnedLoud")
    dead = await BinnedLoud.deleted.get(yard.dead["status"])
    assert dead is not None
    await dead.restore()
    assert await BinnedLoud.get(yard.dead["status"]) is not None


async def test_a_status_that_knows_no_deletion_is_read_and_restored(bind_models: Any, graveyard: Any) -> None:
    await bind_models(BinnedNarrow)
    yard = await graveyard("BinnedNarrow")
    assert len(await BinnedNarrow.deleted.find().to_list()) == 4
    dead = await BinnedNarrow.deleted.get(yard.dead["status"])
    assert dead is not None
    await dead.restore()
    assert (await BinnedNarrow.get(dead.id)) is not None
    assert (await yard.raw.find_one({"_id": dead.id}))["status"] == "OPEN"


async def test_restoring_the_living_changes_nothing(model: Any, database: Any) -> None:
    document = await model(slug="a").insert()
    before = await database[model.get_collection_name()].find_one()
    assert await document.restore() is document
    assert await database[model.get_collection_name()].find_one() == before


async def test_restoring_what_is_gone_says_so(model: Any) -> None:
    document = await model(slug="a").insert()
    await document.purge(reason="test")
    with pytest.raises(NotFound):
        await document.restore()
    with pytest.raises(NotFound):
        await model(slug="never saved").restore()


async def test_restoring_onto_a_taken_value_names_the_field_and_the_living_document(model: Any, database: Any) -> None:
    first = await model(slug="taken").insert()
    await first.delete()
    second = await model(slug="taken").insert()
    before = await database[model.get_collection_name()].find().to_list()
    with pytest.raises(RestoreConflict) as conflict:
        await first.restore()
    assert conflict.value.field == "slug"
    assert str(second.id) in str(conflict.value)
    assert "taken" not in str(conflict.value).replace("is taken", "")
    assert isinstance(conflict.value.__cause__, PyMongoError)
    assert isinstance(conflict.value, UniqueViolation)
    with pytest.raises(UniqueViolation):
        await model.deleted.restore()
    assert await database[model.get_collection_name()].find().to_list() == before
    await second.delete()
    await first.restore()
    assert (await model.find().to_list())[0].id == first.id


async def test_a_restore_conflict_in_a_transaction_names_the_field(model: Any) -> None:
    first = await model(slug="taken").insert()
    await first.delete()
    await model(slug="taken").insert()
    with pytest.raises(RestoreConflict) as conflict:
        async with transaction():
            await first.restore()
    assert conflict.value.field == "slug"


async def test_a_restoration_is_undone_with_its_transaction(model: Any) -> None:
    document = await model(slug="a").insert()
    await document.delete()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction():
            await document.restore()
            assert await model.count() == 1
            raise ZeroDivisionError
    assert await model.count() == 0
    assert await model.deleted.count() == 1


async def test_deleting_and_restoring_at_once_ends_in_one_of_both(model: Any, database: Any) -> None:
    document = await model(slug="a").insert()
    for _ in range(5):
        one, other = await model.with_deleted.get(document.id), await model.with_deleted.get(document.id)
        await asyncio.gather(one.delete(), other.restore(), one.delete(), other.restore(), return_exceptions=True)
        [stored] = await database[model.get_collection_name()].find().to_list()
        marks = (stored.get("deletedAt") is not None, bool(stored.get("isDeleted")))
        assert marks in ((True, True), (False, False))
        if not marks[0]:
            assert stored.get("deletedBy") is None


async def test_many_deleters_delete_once(model: Any) -> None:
    document = await model(slug="a").insert()
    copies = [await model.get(document.id) for _ in range(8)]
    results = await asyncio.gather(*(each.delete() for each in copies))
    assert sum(each.deleted_count for each in results) == 1


# Unique among the living


@pytest.mark.parametrize("marks", [{"deletedAt": datetime(2020, 1, 1, tzinfo=UTC)}, {"isDeleted": True}])
async def test_the_deleted_do_not_hold_a_unique_value(marks: dict[str, Any], model: Any, database: Any) -> None:
    raw = database[model.get_collection_name()]
    await raw.insert_many([{"slug": "x", **marks}, {"slug": "x", **marks}])
    await model(slug="x").insert()
    with pytest.raises(UniqueViolation) as violation:
        await model(slug="x").insert()
    assert violation.value.field == "slug"


async def test_a_status_mark_alone_does_not_hold_a_unique_value(bind_models: Any, database: Any) -> None:
    await bind_models(Binned)
    await database["Binned"].insert_one({"slug": "x", "status": "DELETED"})
    await Binned(slug="x").insert()
    assert await Binned.count() == 1
    with pytest.raises(UniqueViolation):
        await Binned(slug="x").insert()


async def test_unique_holds_on_every_writing_route(model: Any) -> None:
    await model(slug="a").insert()
    other = await model(slug="b").insert()
    other.slug = "a"
    for call in (
        other.save,
        other.replace,
        lambda: other.set({"slug": "a"}),
        lambda: other.update({"$set": {"slug": "a"}}),
        lambda: model(slug="a").save(),
        lambda: model.insert_one(model(slug="a")),
        lambda: model.insert_many([model(slug="c"), model(slug="a")]),
    ):
        with pytest.raises(UniqueViolation):
            await call()


async def test_values_of_living_documents_without_marks_are_unique_too(model: Any, database: Any) -> None:
    await database[model.get_collection_name()].insert_one({"slug": "legacy"})
    with pytest.raises(UniqueViolation):
        await model(slug="legacy").insert()


# Purging


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
async def test_purging_needs_a_reason(reason: str, bin: Any) -> None:
    document = await Binned.get(bin.living[0])
    assert document is not None
    for call in (
        lambda: document.purge(reason=reason),
        lambda: Binned.deleted.purge(reason=reason),
        lambda: Binned.deleted.find().purge(reason=reason),
        lambda: Binned.find().purge(reason=reason),
    ):
        with pytest.raises(ValueError):
            await call()
    for call in (document.purge, Binned.deleted.purge, Binned.deleted.find().purge):
        with pytest.raises(TypeError):
            await call()  # type: ignore[operator]
    await bin.assert_untouched()


async def test_purging_the_trash_leaves_the_living(bin: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="docstore"), acting_as("user:7"):
        assert await Binned.deleted.purge({"slug": "dead-ours"}, reason="erasure request 12") == 1
        assert await Binned.deleted.purge(reason="emptied") == 3
    assert [each["_id"] async for each in bin.raw.find()] == bin.living
    assert any("erasure request 12" in each.getMessage() and each.actor == "user:7" for each in caplog.records)
    assert not any(bin.secret in each.getMessage() for each in caplog.records)


async def test_purging_by_a_models_own_query_takes_the_living_it_matches_alone(bin: Any) -> None:
    assert await Binned.find(Binned.number >= 1).purge(reason="test") == 2
    assert await bin.contents() == bin.as_buried


async def test_purging_a_document_living_or_deleted(bin: Any) -> None:
    living, dead = await Binned.get(bin.living[0]), await Binned.deleted.get(bin.ids[0])
    assert living is not None
    assert dead is not None
    await living.purge(reason="test")
    await dead.purge(reason="test")
    assert await bin.raw.count_documents({}) == 4
    for gone in (living, dead):
        with pytest.raises(NotFound):
            await gone.purge(reason="test")


async def test_a_purge_is_undone_with_its_transaction(bin: Any) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction():
            await Binned.with_deleted.purge(reason="test")
            raise ZeroDivisionError
    await bin.assert_untouched()


# What a deleted document answers


async def test_a_deleted_document_says_so_to_every_write(model: Any) -> None:
    document = await model(slug="a").insert()
    await (await model.get(document.id)).delete()
    for call in (
        document.save,
        document.replace,
        lambda: document.set({"slug": "b"}),
        lambda: document.update({"$set": {"slug": "b"}}),
        document.sync,
    ):
        with pytest.raises(DeletedDocument) as refusal:
            await call()
        assert "restore()" in str(refusal.value)


async def test_a_deleted_document_takes_no_step(bin: Any) -> None:
    dead = await Binned.deleted.get(bin.dead["ours"])
    assert dead is not None
    with pytest.raises(DeletedDocument):
        await dead.move_to(Phase.CLOSED)
    with pytest.raises((DeletedDocument, InvalidTransition)):
        await dead.move_to(Phase.OPEN)
    await bin.assert_untouched()


async def test_an_id_in_the_trash_is_not_inserted_again(bin: Any) -> None:
    for dead in bin.ids:
        with pytest.raises(DocstoreError):
            await Binned(id=dead, slug="again").insert()
        with pytest.raises(DeletedDocument):
            await Binned(id=dead, slug="again").save()
    await bin.assert_untouched()


async def test_stock_documents_go_to_the_trash_too(bind_models: Any, graveyard: Any) -> None:
    await bind_models(StockBinned)
    yard = await graveyard("StockBinned")
    document = await StockBinned(slug="a").insert()
    await document.delete()
    assert await StockBinned.count() == 2
    await yard.assert_untouched(new=1)


class StockBinned(beanie.Document):
    slug: str = ""
