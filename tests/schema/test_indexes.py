"""Index status and sync, on a real server."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import Document, Index, index, unique
from docstore.errors import UniqueViolation
from docstore.models import ALL
from docstore.schema import IndexProgress, IndexState, IndexStatus, index_status, sync_indexes

Database = AsyncDatabase[dict[str, Any]]


class Shelf(Document):
    """A model with one index of each kind."""

    code: str
    room: str | None = None

    indexes: ClassVar[Sequence[Index]] = (
        unique("code"),
        unique("room", when_set=["room"]),
        index("room", "-created_at", serves="the shelves of a room, newest first"),
        index("updated_at", serves="removal of old shelves", expire_after=60),
    )


def named(states: Sequence[IndexState], status: IndexStatus) -> set[str]:
    return {each.name for each in states if each.state is status}


DECLARED = {"uq_code", "uq_room", "ix_room_createdAt_desc", "ix_updatedAt"}


async def test_status_of_an_empty_database_is_all_missing(database: Database) -> None:
    states = await index_status(database, [Shelf])

    assert named(states, IndexStatus.MISSING) == DECLARED
    assert len(states) == 4
    assert {each.serves for each in states} >= {"the shelves of a room, newest first"}
    assert await database.list_collection_names() == []


async def test_sync_builds_what_is_missing_and_then_nothing(database: Database) -> None:
    seen: list[IndexProgress] = []

    first = await sync_indexes(database, [Shelf], on_progress=seen.append)
    second = await sync_indexes(database, [Shelf], on_progress=seen.append)

    assert {each.name for each in first.created} == DECLARED
    assert (first.present, second.present) == (0, 4)
    assert second.created == ()
    assert [(each.number, each.total) for each in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert named(await index_status(database, [Shelf]), IndexStatus.PRESENT) == DECLARED
    on_server = await database["Shelf"].index_information()
    assert on_server["uq_code"]["unique"] is True
    assert on_server["uq_code"]["partialFilterExpression"]["deletedAt"] is None
    assert on_server["ix_updatedAt"]["expireAfterSeconds"] == 60


async def test_all_models_can_be_built_and_are_recognised_again(database: Database) -> None:
    report = await sync_indexes(database, ALL)

    states = await index_status(database, ALL)
    assert {each.state for each in states} == {IndexStatus.PRESENT}
    assert len(states) == len(report.created)
    assert {each.collection for each in states} == {model.__name__ for model in ALL}


async def test_an_index_of_another_name_counts_as_present(database: Database) -> None:
    await database["Shelf"].create_index([("room", 1), ("createdAt", -1)], name="by_hand")

    report = await sync_indexes(database, [Shelf])

    assert "ix_room_createdAt_desc" not in {each.name for each in report.created}
    state = next(each for each in await index_status(database, [Shelf]) if each.name == "ix_room_createdAt_desc")
    assert (state.state, state.detail) == (IndexStatus.PRESENT, "as by_hand")


@pytest.mark.parametrize("name", ["ix_updatedAt", "updatedAt_1"])
async def test_an_index_with_other_options_is_reported_and_left(database: Database, name: str) -> None:
    await database["Shelf"].create_index("updatedAt", name=name)

    report = await sync_indexes(database, [Shelf])

    assert [(each.name, each.state) for each in report.left] == [("ix_updatedAt", IndexStatus.DIFFERENT)]
    assert name in report.left[0].detail
    assert "expireAfterSeconds" not in (await database["Shelf"].index_information())[name]


async def test_an_undeclared_index_is_reported_and_left(database: Database) -> None:
    await database["Shelf"].create_index("colour", name="colour_1")

    report = await sync_indexes(database, [Shelf])

    assert [(each.name, each.state) for each in report.left] == [("colour_1", IndexStatus.UNKNOWN)]
    assert "colour_1" in await database["Shelf"].index_information()


async def test_duplicates_are_named_by_id_and_the_other_indexes_are_built(database: Database) -> None:
    shelves = database["Shelf"]
    held = await shelves.insert_many([{"code": "s3cr3t"}, {"code": "s3cr3t", "isDeleted": False}, {"code": "other"}])

    with pytest.raises(UniqueViolation) as caught:
        await sync_indexes(database, [Shelf])

    assert caught.value.field == "code"
    assert all(str(each) in caught.value.message for each in held.inserted_ids[:2])
    assert str(held.inserted_ids[2]) not in caught.value.message
    assert "s3cr3t" not in str(caught.value)
    assert named(await index_status(database, [Shelf]), IndexStatus.PRESENT) == DECLARED - {"uq_code"}


async def test_duplicates_among_the_deleted_and_the_unset_do_not_matter(database: Database) -> None:
    await database["Shelf"].insert_many(
        [
            {"code": "a", "isDeleted": True},
            {"code": "a", "isDeleted": True},
            {"code": "a"},
            {"code": "b", "room": None},
            {"code": "c"},
        ]
    )

    report = await sync_indexes(database, [Shelf])

    assert {each.name for each in report.created} == DECLARED


async def test_missing_and_null_values_are_duplicates_of_each_other(database: Database) -> None:
    held = await database["Shelf"].insert_many([{"code": None}, {"room": "x"}])

    with pytest.raises(UniqueViolation) as caught:
        await sync_indexes(database, [Shelf])

    assert all(str(each) in caught.value.message for each in held.inserted_ids)
