"""Making a real server's indexes what the models declare."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from docstore.clients.leases import MongoLease
from docstore.documents import Document, Index, index, unique
from docstore.errors import DocstoreError, LeaseHeld, ServiceError, UniqueViolation
from docstore.models import ALL
from docstore.schema import (
    IndexAction,
    IndexPlan,
    IndexProgress,
    IndexStep,
    Pruning,
    SyncListener,
    index_plan,
    sync_indexes,
)
from docstore.schema.indexes.building import carry_out

Database = AsyncDatabase[dict[str, Any]]


class Shelf(Document):
    """A model with one index of each common kind."""

    code: str
    room: str | None = None

    indexes: ClassVar[Sequence[Index]] = (
        unique("code"),
        unique("room", when_set=["room"]),
        index("room", "-created_at", serves="the shelves of a room, newest first"),
        index("updated_at", serves="removal of old shelves", expire_after=60),
    )


class Heard(SyncListener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[IndexProgress] = []
        self.steps: list[str] = []
        self.plans: list[IndexPlan] = []
        self.waited: list[str] = []
        self.failures: list[str] = []

    def waiting(self, message: str) -> None:
        self.waited.append(message)

    def planned(self, plan: IndexPlan) -> None:
        self.plans.append(plan)

    def progress(self, at: IndexProgress) -> None:
        self.begun.append(at)

    def done(self, step: IndexStep, seconds: float) -> None:
        self.steps.append(step.name)

    def failed(self, step: IndexStep, error: DocstoreError) -> None:
        self.failures.append(step.name)


DECLARED = {"uq_code", "uq_room", "ix_room_createdAt_desc", "ix_updatedAt"}


def shelf(*declared: Index, **options: Any) -> type[Document]:
    """A model of the collection Shelf with other indexes and options."""

    class Other(Document):
        code: str
        room: str | None = None
        indexes: ClassVar[Sequence[Index]] = declared

        class Settings:
            name = "Shelf"
            collection_options: ClassVar[dict[str, Any]] = options

    return Other


def named(steps: Sequence[IndexStep]) -> set[str]:
    return {each.name for each in steps}


async def on_server(database: Database, collection: str = "Shelf") -> dict[str, Any]:
    found = await (await database[collection].list_indexes()).to_list()
    return {each["name"]: each for each in found if each["name"] != "_id_"}


async def actions(database: Database, *models: Any, pruning: Pruning = Pruning.KEEP) -> dict[str, str]:
    plan = await index_plan(database, models, pruning=pruning)
    return {each.name: each.action.value for each in plan.steps}


async def test_the_plan_of_an_empty_database_creates_everything_and_does_nothing(database: Database) -> None:
    plan = await index_plan(database, [Shelf])

    assert named(plan.of(IndexAction.CREATE)) == DECLARED == named(plan.steps)
    assert {each.serves for each in plan.steps} >= {"the shelves of a room, newest first"}
    assert plan.missing == {"Shelf": {}}
    assert await database.list_collection_names() == []


async def test_sync_builds_one_at_a_time_and_then_nothing(database: Database) -> None:
    heard = Heard()

    first = await sync_indexes(database, [Shelf], listener=heard)
    second = await sync_indexes(database, [Shelf], listener=heard)

    assert named(first.done) == DECLARED == set(heard.steps)
    assert first.collections == ("Shelf",)
    assert (second.done, second.failed, second.collections) == ((), (), ())
    assert {(each.number, each.total) for each in heard.begun} == {(number, 4) for number in range(1, 5)}
    assert [len(plan.work) for plan in heard.plans] == [4, 0]
    found = await on_server(database)
    assert found["uq_code"]["unique"] is True
    assert found["uq_code"]["partialFilterExpression"]["deletedAt"] is None
    assert found["ix_updatedAt"]["expireAfterSeconds"] == 60


async def test_all_models_can_be_built_and_are_recognised_again(database: Database) -> None:
    report = await sync_indexes(database, ALL)

    plan = await index_plan(database, ALL)
    assert {each.action for each in plan.steps} == {IndexAction.KEEP}
    assert len(plan.steps) == len(report.done)
    assert set(report.collections) == {model.__name__ for model in ALL} <= set(await database.list_collection_names())


async def test_a_collection_is_created_with_its_options(database: Database) -> None:
    model = shelf(collation={"locale": "en", "strength": 2})

    await sync_indexes(database, [model])

    [found] = await (await database.list_collections(filter={"name": "Shelf"})).to_list()
    assert found["options"]["collation"]["strength"] == 2


async def test_an_index_of_another_name_is_kept(database: Database) -> None:
    await database["Shelf"].create_index([("room", 1), ("createdAt", -1)], name="by_hand")

    report = await sync_indexes(database, [Shelf])

    assert "ix_room_createdAt_desc" not in named(report.done)
    [step] = (await index_plan(database, [Shelf])).of(IndexAction.KEEP)[2:3]
    assert (step.name, step.detail) == ("ix_room_createdAt_desc", "as by_hand")


@pytest.mark.parametrize("name", ["ix_updatedAt", "updatedAt_1"])
async def test_an_expiry_is_set_and_moved_in_place(database: Database, name: str) -> None:
    await database["Shelf"].create_index("updatedAt", name=name)

    await sync_indexes(database, [Shelf])
    assert (await on_server(database))[name]["expireAfterSeconds"] == 60

    later = shelf(index("updated_at", serves="removal", expire_after=3600))
    await sync_indexes(database, [later])
    assert (await on_server(database))[name]["expireAfterSeconds"] == 3600
    assert (await actions(database, later))["ix_updatedAt"] == "keep"


async def test_an_expiry_is_taken_away_by_building_anew(database: Database) -> None:
    await sync_indexes(database, [shelf(index("updated_at", serves="removal", expire_after=60))])
    without = shelf(index("updated_at", serves="by date"))

    [step] = (await index_plan(database, [without])).work
    assert (step.action, step.way) == (IndexAction.CHANGE, "anew")
    assert "expireAfterSeconds 60 → none" in step.detail
    await sync_indexes(database, [without])

    assert "expireAfterSeconds" not in (await on_server(database))["ix_updatedAt"]


async def test_hidden_and_shown_again(database: Database) -> None:
    visible, hidden = (shelf(index("room", serves="by room", hidden=each)) for each in (False, True))
    await sync_indexes(database, [visible])

    assert (await actions(database, hidden))["ix_room"] == "hide"
    await sync_indexes(database, [hidden])
    assert (await on_server(database))["ix_room"]["hidden"] is True
    assert (await actions(database, hidden))["ix_room"] == "keep"
    assert (await actions(database, visible))["ix_room"] == "unhide"
    await sync_indexes(database, [visible])
    assert not (await on_server(database))["ix_room"].get("hidden")


async def test_other_keys_under_the_same_name(database: Database) -> None:
    await database["Shelf"].create_index([("room", 1), ("code", 1)], name="ix_room")
    model = shelf(index("room", serves="by room"))

    [step] = (await index_plan(database, [model])).work
    assert "has keys (room, code)" in step.detail
    await sync_indexes(database, [model])

    assert dict((await on_server(database))["ix_room"]["key"]) == {"room": 1}


async def test_a_changed_unique_index_is_built_beside_the_old_one(database: Database) -> None:
    shelves = database["Shelf"]
    await shelves.create_index("code", unique=True, name="uq_code")
    model = shelf(unique("code"))
    [step] = (await index_plan(database, [model])).work
    seen: list[set[str]] = []
    heard = Heard()

    assert (step.action, step.way) == (IndexAction.CHANGE, "beside")
    await carry_out(shelves, step, IndexProgress("Shelf", "uq_code", 1, 1), heard.progress)
    seen.append(set(await on_server(database)))

    assert seen == [{"uq_code__new"}]
    assert any("building as uq_code__new" in each.phase for each in heard.begun)
    assert await actions(database, model) == {"uq_code": "keep"}
    # Changed again, it gets its name back.
    again = shelf(Index(("code",), "look-up", unique=True, where={"room": "a"}, options={"name": "uq_code"}))
    await sync_indexes(database, [again])
    assert set(await on_server(database)) == {"uq_code"}


async def test_what_a_killed_change_left_behind_goes(database: Database) -> None:
    model = shelf(unique("code"))
    await sync_indexes(database, [model])
    await database["Shelf"].create_index("code", name="uq_code__new")

    assert await actions(database, model) == {"uq_code": "keep", "uq_code__new": "drop"}
    await sync_indexes(database, [model])
    assert set(await on_server(database)) == {"uq_code"}


async def test_unknown_indexes_are_dropped_only_when_asked(database: Database) -> None:
    await database["Shelf"].create_index("colour", name="colour_1")
    await database["Other"].create_index("colour", name="colour_1")

    await sync_indexes(database, [Shelf])
    assert (await actions(database, Shelf))["colour_1"] == "unknown"
    report = await sync_indexes(database, [Shelf], pruning=Pruning.DROP)

    assert named(report.done) == {"colour_1"}
    assert "colour_1" not in await on_server(database)
    assert "colour_1" in await on_server(database, "Other")


async def test_unknown_indexes_are_hidden_first_when_asked(database: Database) -> None:
    await database["Shelf"].create_index("colour", name="colour_1")
    await sync_indexes(database, [Shelf], pruning=Pruning.HIDE_FIRST)

    assert (await on_server(database))["colour_1"]["hidden"] is True
    assert (await actions(database, Shelf))["colour_1"] == "unknown"

    await sync_indexes(database, [Shelf], pruning=Pruning.HIDE_FIRST)
    assert "colour_1" not in await on_server(database)


async def test_models_of_one_collection_are_held_against_it_together(database: Database) -> None:
    one = shelf(index("room", serves="by room"))
    other = shelf(index("code", serves="by code"), index("room", serves="by room"))

    await sync_indexes(database, [one, other], pruning=Pruning.DROP)

    assert await actions(database, one, other) == {"ix_room": "keep", "ix_code": "keep"}


async def test_duplicates_are_named_by_id_and_the_other_indexes_are_built(database: Database) -> None:
    shelves = database["Shelf"]
    held = await shelves.insert_many([{"code": "s3cr3t"}, {"code": "s3cr3t", "isDeleted": False}, {"code": "other"}])

    heard = Heard()
    report = await sync_indexes(database, [Shelf], listener=heard)
    with pytest.raises(UniqueViolation) as caught:
        report.expect_success()

    assert heard.failures == ["uq_code"]
    assert caught.value.field == "code"
    assert all(str(each) in caught.value.message for each in held.inserted_ids[:2])
    assert str(held.inserted_ids[2]) not in caught.value.message
    assert "s3cr3t" not in str(caught.value)
    assert set(await on_server(database)) == DECLARED - {"uq_code"}


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

    assert named(report.done) == DECLARED


async def test_missing_and_null_values_are_duplicates_of_each_other(database: Database) -> None:
    held = await database["Shelf"].insert_many([{"code": None}, {"room": "x"}])

    report = await sync_indexes(database, [Shelf])

    [(step, error)] = report.failed
    assert step.name == "uq_code"
    assert all(str(each) in error.message for each in held.inserted_ids)


async def test_lists_that_share_an_element_are_named_too(database: Database) -> None:
    held = await database["Shelf"].insert_many([{"code": ["a", "b"]}, {"code": ["b", "c"]}, {"code": ["d"]}])

    report = await sync_indexes(database, [shelf(unique("code"))])

    [(_, error)] = report.failed
    assert isinstance(error, UniqueViolation)
    assert all(str(each) in error.message for each in held.inserted_ids[:2])


async def test_a_failed_replacement_drops_nothing(database: Database) -> None:
    await database["Shelf"].create_index("colour", name="colour_1")
    await database["Shelf"].insert_many([{"code": "a"}, {"code": "a"}])

    await sync_indexes(database, [shelf(unique("code"))], pruning=Pruning.DROP)

    assert "colour_1" in await on_server(database)


async def test_what_the_server_refuses_is_told_and_does_not_stop_the_rest(database: Database) -> None:
    model = shelf(index("code:text", serves="search"), index("room", serves="by room"))

    report = await sync_indexes(database, [model])

    assert named(report.done) == {"ix_room"}
    with pytest.raises(ServiceError, match="create index ix_code_text of Shelf with error code 67"):
        report.expect_success()


async def test_deployments_at_the_same_time_do_it_once(database: Database) -> None:
    heard = [Heard() for _ in range(4)]

    reports = await asyncio.gather(*(sync_indexes(database, [Shelf], listener=each) for each in heard))

    assert sorted(len(report.done) for report in reports) == [0, 0, 0, 4]
    assert await actions(database, Shelf) == dict.fromkeys(DECLARED, "keep")


async def test_who_is_waited_for_is_named(database: Database) -> None:
    heard = Heard()
    async with MongoLease(database, "indexes", owner="the other"):
        with pytest.raises(LeaseHeld, match="the other"):
            await sync_indexes(database, [Shelf], waiting=0)
        waiting = asyncio.create_task(sync_indexes(database, [Shelf], listener=heard))
        while not heard.waited:
            await asyncio.sleep(0.01)
        assert await on_server(database) == {}

    assert len((await waiting).done) == 4
    assert "the other" in heard.waited[0]


async def test_an_index_that_another_made_meanwhile_is_done(database: Database) -> None:
    plan = await index_plan(database, [Shelf])
    await sync_indexes(database, [Shelf])

    for step in plan.work:
        await carry_out(database["Shelf"], step, IndexProgress("Shelf", step.name, 1, 1), lambda _: None)

    assert set(await on_server(database)) == DECLARED


async def test_a_build_outlasts_the_limit_of_a_query(settings: Any, database: Database) -> None:
    from docstore.clients import close_mongo_client, get_database

    hasty = settings.with_urls(mongo_socket_timeout_ms=250)
    slow = {"failCommands": ["createIndexes"], "blockConnection": True, "blockTimeMS": 700}
    await database.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": slow})
    try:
        report = await sync_indexes(get_database(hasty), [shelf(index("room", serves="by room"))])
    finally:
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
        await close_mongo_client(hasty)

    report.expect_success()
    assert set(await on_server(database)) == {"ix_room"}


@pytest.mark.parametrize("failure", [{"errorCode": 276}, {"closeConnection": True}])
async def test_an_aborted_build_is_asked_for_again(database: Database, failure: dict[str, Any]) -> None:
    await sync_indexes(database, [shelf()])
    failing = {"failCommands": ["createIndexes"], **failure}
    await database.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": failing})
    try:
        report = await sync_indexes(database, [shelf(index("room", serves="by room"))])
    finally:
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

    report.expect_success()
    assert set(await on_server(database)) == {"ix_room"}


async def test_a_view_in_the_place_of_a_collection_is_told(database: Database) -> None:
    await database.create_collection("Shelf", viewOn="Other", pipeline=[])

    with pytest.raises(ServiceError, match="Shelf is a view"):
        await index_plan(database, [Shelf])
