"""Optimistic locking: a stale copy is not written over a newer one, by whatever route the newer one came."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from beanie.operators import Inc, Set
from pymongo import DeleteOne, ReplaceOne, UpdateOne

from docstore.documents import Document, StateMachine, bind, transaction
from docstore.errors import RefusedOperation, StaleDocument


class Stage(StrEnum):
    OPEN = "open"
    SHUT = "shut"


class Plan(Document):
    title: str = ""
    amount: int = 0
    stage: Stage = Stage.OPEN

    versioned: ClassVar[bool] = True
    states: ClassVar[StateMachine | None] = StateMachine("stage", {Stage.OPEN: frozenset({Stage.SHUT})})


class Free(Document):
    title: str = ""
    version: str = "mine"


@pytest_asyncio.fixture(autouse=True, params=[True, False], ids=["audited", "plain"])
async def bound(request: pytest.FixtureRequest, bind_models: Callable[..., Awaitable[Any]], database: Any) -> None:
    await bind_models(Plan, Free)
    if not request.param:
        await bind(database, [Plan, Free], audit=False)


def collection() -> Any:
    return Plan.get_pymongo_collection()


async def stored(plan: Plan) -> int:
    found = await Plan.with_deleted.get(plan.id)
    assert found is not None
    return found.version


ROUTES: dict[str, Callable[[Plan], Awaitable[Any]]] = {
    "save": lambda plan: plan.save(),
    "replace": lambda plan: plan.replace(),
    "update": lambda plan: plan.update(Set({Plan.title: "x"})),
    "inc": lambda plan: plan.inc({Plan.amount: 1}),
    "move": lambda plan: plan.move_to(Stage.SHUT),
    "delete": lambda plan: plan.delete(),
}
BEHIND: dict[str, Callable[[Plan], Awaitable[Any]]] = {
    "query": lambda plan: _run(Plan.find(Plan.id == plan.id).update(Inc({"amount": 1}))),
    "update_one": lambda plan: collection().update_one({"_id": plan.id}, {"$set": {"title": "x", "version": 90}}),
    "update_many": lambda plan: collection().update_many({}, {"$unset": {"title": "", "version": ""}}),
    "pipeline": lambda plan: collection().update_one({"_id": plan.id}, [{"$set": {"version": 90, "title": "x"}}]),
    "replace_one": lambda plan: collection().replace_one({"_id": plan.id}, {"title": "x"}),
    "find_one_and_update": lambda plan: collection().find_one_and_update({"_id": plan.id}, {"$inc": {"version": 9}}),
    "find_one_and_replace": lambda plan: collection().find_one_and_replace(
        {"_id": plan.id}, {"title": "x", "version": 7}
    ),
    "bulk update": lambda plan: collection().bulk_write([UpdateOne({"_id": plan.id}, {"$set": {"title": "x"}})]),
    "bulk replace": lambda plan: collection().bulk_write([ReplaceOne({"_id": plan.id}, {"title": "x"})]),
    "bulk delete": lambda plan: collection().bulk_write([DeleteOne({"_id": plan.id})]),
    "delete": lambda plan: _run(Plan.find(Plan.id == plan.id).delete()),
}


async def _run(query: Any) -> Any:
    return await query


@pytest.mark.parametrize("route", ROUTES)
async def test_a_document_knows_its_version_after_every_write(route: str) -> None:
    plan = await Plan(title="a").insert()
    assert plan.version == await stored(plan) == 0
    await ROUTES[route](plan)
    assert plan.version == await stored(plan) == 1


@pytest.mark.parametrize("route", BEHIND)
async def test_every_route_counts_the_version_up_by_one(route: str) -> None:
    plan = await Plan(title="a").insert()
    await plan.save()
    await BEHIND[route](plan)
    assert await stored(plan) == 2


@pytest.mark.parametrize("route", ["save", "replace", "update", "inc"])
async def test_a_stale_copy_is_refused_with_both_versions(route: str) -> None:
    plan = await Plan(title="a").insert()
    stale = await Plan.get(plan.id)
    assert stale is not None
    await plan.set({Plan.title: "b"})
    await plan.set({Plan.title: "c"})
    with pytest.raises(StaleDocument, match=r"version 0, the database has version 2") as caught:
        await ROUTES[route](stale)
    assert caught.value.collection == "Plan"
    assert (await Plan.get(plan.id)).title == "c"  # type: ignore[union-attr]  # it is there


async def test_a_deletion_and_its_restoration_count() -> None:
    plan = await Plan(title="a").insert()
    await plan.delete()
    await plan.restore()
    assert plan.version == await stored(plan) == 2
    await plan.save()


async def test_documents_of_older_services_begin_at_nought(database: Any) -> None:
    await database["Plan"].insert_one({"title": "old"})
    first, second = await Plan.find_one(Plan.title == "old"), await Plan.find_one(Plan.title == "old")
    assert first is not None
    assert second is not None
    await first.set({Plan.title: "new"})
    assert first.version == 1
    for write in (second.save, second.replace, lambda: second.set({Plan.title: "other"})):
        with pytest.raises(StaleDocument):
            await write()


async def test_an_upsert_inserts_a_first_version() -> None:
    await collection().update_one({"title": "a"}, {"$set": {"amount": 1}}, upsert=True)
    plan = await Plan.find_one(Plan.title == "a")
    assert plan is not None
    await plan.save()


async def test_of_several_who_save_at_once_one_wins() -> None:
    plan = await Plan(title="a").insert()
    copies = [await Plan.get(plan.id) for _ in range(6)]

    async def spend(copy: Any) -> bool:
        copy.amount += 1
        try:
            await copy.save()
        except StaleDocument:
            return False
        return True

    assert sum(await asyncio.gather(*map(spend, copies))) == 1
    assert (await Plan.get(plan.id)).amount == 1  # type: ignore[union-attr]  # it is there


async def test_an_aborted_transaction_takes_the_version_back() -> None:
    plan = await Plan(title="a").insert()

    async def attempt() -> None:
        async with transaction():
            await plan.save()
            assert plan.version == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await attempt()
    assert plan.version == 0
    await plan.save()


async def test_a_pipeline_that_would_lose_the_version_is_refused() -> None:
    plan = await Plan(title="a").insert()
    with pytest.raises(RefusedOperation, match="version"):
        await collection().update_one({"_id": plan.id}, [{"$replaceWith": {"title": "x"}}])


async def test_a_version_of_the_models_own_is_let_alone() -> None:
    free = await Free(title="a").insert()
    free.version = "other"
    await free.save()
    assert (await Free.get(free.id)).version == "other"  # type: ignore[union-attr]  # it is there
