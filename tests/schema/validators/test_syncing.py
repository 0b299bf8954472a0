"""Putting validators in force on a real server."""

import asyncio
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import WriteError

from docstore.documents import Document
from docstore.models import ALL
from docstore.operations import seed
from docstore.schema.validators import (
    ValidatorLevel,
    ValidatorStatus,
    sync_validators,
    validator_of,
    validator_status,
)

Database = AsyncDatabase[dict[str, Any]]


class Lamp(Document):
    name: str
    watts: int = 5


async def options(database: Database, name: str = "Lamp") -> dict[str, Any]:
    [found] = await (await database.list_collections(filter={"name": name})).to_list()
    return dict(found["options"])


async def status(database: Database, **how: Any) -> tuple[str, str]:
    [state] = await validator_status(database, [Lamp], **how)
    return state.status.value, state.detail


async def test_a_missing_collection_gets_one_with_its_validator(database: Database) -> None:
    assert await status(database) == ("create", "")

    [done] = await sync_validators(database, [Lamp])

    assert (done.collection, done.status) == ("Lamp", ValidatorStatus.CREATE)
    assert await options(database) == {
        "validator": validator_of(Lamp),
        "validationLevel": "moderate",
        "validationAction": "error",
    }
    assert await status(database) == ("keep", "")
    assert await sync_validators(database, [Lamp]) == []


async def test_an_error_refuses_and_a_warning_does_not(database: Database) -> None:
    await sync_validators(database, [Lamp], action="error")
    with pytest.raises(WriteError):
        await database["Lamp"].insert_one({"name": 5})

    assert await status(database, action="warn") == ("change", "action error → warn")
    await sync_validators(database, [Lamp], action="warn")
    await database["Lamp"].insert_one({"name": 5})


async def test_a_level_and_other_rules_are_changes(database: Database) -> None:
    await database["Lamp"].insert_one({"name": "a"})
    await sync_validators(database, [Lamp])
    other = validator_of(Lamp)
    del other["$jsonSchema"]["properties"]["watts"]
    other["$jsonSchema"]["required"] = ["name", "colour"]
    await database.command({"collMod": "Lamp", "validator": other})

    assert await status(database, level=ValidatorLevel.STRICT) == (
        "change",
        "other rules of watts and required: colour, level moderate → strict",
    )
    await sync_validators(database, [Lamp], level=ValidatorLevel.STRICT)
    assert await status(database, level=ValidatorLevel.STRICT) == ("keep", "")


async def test_off_takes_away_what_came_from_a_model(database: Database) -> None:
    await sync_validators(database, [Lamp])
    assert await status(database, action="off") == ("drop", "validators are off")

    await sync_validators(database, [Lamp], action="off")

    await database["Lamp"].insert_one({"name": 5})
    assert await status(database, action="off") == ("keep", "")
    assert await status(database) == ("create", "")


@pytest.mark.parametrize("by_hand", [{"name": {"$exists": True}}, {"$jsonSchema": {"required": ["name"]}}])
async def test_one_made_by_hand_is_left_alone_unless_it_is_to_be_replaced(
    database: Database, by_hand: dict[str, Any]
) -> None:
    await database.create_collection("Lamp", validator=by_hand)

    assert await status(database) == ("unknown", "it did not come from a model")
    assert await sync_validators(database, [Lamp]) == []
    assert await sync_validators(database, [Lamp], action="off") == []
    assert (await options(database))["validator"] == by_hand

    [done] = await sync_validators(database, [Lamp], replace=True)
    assert done.status is ValidatorStatus.CHANGE
    assert (await options(database))["validator"] == validator_of(Lamp)


async def test_deployments_at_the_same_time_do_it_once(database: Database) -> None:
    done = await asyncio.gather(*(sync_validators(database, [Lamp]) for _ in range(3)))

    assert sorted(map(len, done)) == [0, 0, 1]


async def test_a_document_from_before_may_still_be_worked_with(bind_models: Any, database: Database) -> None:
    await bind_models(Lamp)
    held = await database["Lamp"].insert_one({"watts": "many"})
    await sync_validators(database, [Lamp])

    await database["Lamp"].update_one({"_id": held.inserted_id}, {"$set": {"colour": "red"}})
    with pytest.raises(WriteError):
        await Lamp.get_pymongo_collection().insert_one({"watts": 5})


async def test_everything_docstore_seeds_passes(store: Any) -> None:
    await sync_validators(store.database, store.models, action="error", level=ValidatorLevel.STRICT)

    report = await seed(store)

    assert report.total > 1000
    assert report.counts.keys() == {model.__name__ for model in ALL}
