"""Helpers for fields, one by one: what they do to values that do not fit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo.asynchronous.database import AsyncDatabase
from tests.schema.migrations.conftest import Write, contents

from docstore.errors import MigrationError, MigrationFailed
from docstore.schema.migrations import KEPT, MigrationRunner, Unconvertible
from docstore.schema.migrations.conversions import converter
from docstore.schema.migrations.values import same

Database = AsyncDatabase[dict[str, Any]]

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("to", "value", "wanted"),
    [
        ("int", "12", 12),
        ("int", " 7 ", 7),
        ("int", "12.0", 12),
        ("int", 3.0, 3),
        ("int", True, 1),
        ("int", "4294967296", Int64(4294967296)),
        ("int", NOON, Int64(1769860800000)),
        ("double", "1.5", 1.5),
        ("double", 2, 2.0),
        ("string", 2, "2"),
        ("string", True, "true"),
        ("string", NOON, "2026-01-31T12:00:00Z"),
        ("string", ObjectId("1" * 24), "1" * 24),
        ("bool", "Yes", True),
        ("bool", 0, False),
        ("date", "2026-01-31T12:00:00Z", NOON),
        ("date", "2026-01-31 12:00", NOON),
        ("date", 1769860800000, NOON),
        ("objectId", "1" * 24, ObjectId("1" * 24)),
        ("decimal", "1.10", Decimal128("1.10")),
        ("array", "x", ["x"]),
    ],
)
def test_conversions(to: str, value: Any, wanted: Any) -> None:
    assert same(converter(to)(value), wanted)


@pytest.mark.parametrize(
    ("to", "value"),
    [
        ("int", "1.5"),
        ("int", "1_000"),
        ("int", "x"),
        ("int", float("inf")),
        ("int", "9" * 20),
        ("int", {}),
        ("double", 2**60 + 1),
        ("double", "x"),
        ("string", {}),
        ("bool", "maybe"),
        ("bool", 2),
        ("date", "yesterday"),
        ("date", 10**30),
        ("objectId", "x"),
        ("decimal", "x"),
        ("decimal", True),
    ],
)
def test_what_has_no_counterpart(to: str, value: Any) -> None:
    with pytest.raises(Unconvertible):
        converter(to)(value)


async def test_stop_names_and_counts_before_anything_is_converted(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    documents = [{"_id": number, "n": "x" if number % 2 else str(number)} for number in range(6)]
    await database["Post"].insert_many(documents)
    write(1, up='await m.convert_type("Post", "n", "int", was="string")', head="transaction = False")
    with pytest.raises(MigrationFailed, match=r"3 documents of Post hold .* \(the text is no number\): 1, 3, 5"):
        await runner.up()
    assert await contents(database) == documents


@pytest.mark.parametrize(("on_error", "wanted"), [("skip", ["0", "x", ["1", "y"]]), ("null", [0, None, [1, None]])])
async def test_skip_and_null(
    on_error: str, wanted: list[Any], database: Database, runner: MigrationRunner, write: Write
) -> None:
    values: list[Any] = ["0", "x", ["1", "y"]]
    await database["Post"].insert_many([{"_id": number, "n": value} for number, value in enumerate(values)])
    write(
        1,
        up=f'await m.convert_type("Post", "n", "int", was="string", on_error="{on_error}")',
        down='await m.convert_type("Post", "n", "string", was="int", on_error="skip")',
    )
    (ran,) = await runner.up()
    got = [each["n"] for each in await contents(database)]
    assert got[1:] == wanted[1:]
    assert got[0] == 0
    assert ran.notes == ("convert_type Post.n to int: 2 could not be converted: 1, 2",)
    await runner.down()
    assert [each["n"] for each in await contents(database)] == values


async def test_values_changed_since_are_left_on_the_way_back(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_many([{"_id": number} for number in range(3)])
    write(1, up='await m.backfill("Post", "n", 1)', down='await m.undo_backfill("Post", "n")')
    await runner.up()
    await database["Post"].update_one({"_id": 1}, {"$set": {"n": 5}})
    await database["Post"].insert_one({"_id": 9, "n": 1})
    (ran,) = await runner.down()
    assert await contents(database) == [{"_id": 0}, {"_id": 1, "n": 5}, {"_id": 2}, {"_id": 9, "n": 1}]
    assert ran.notes == ("undo_backfill Post.n: 1 were changed since, and are left as they are",)


async def test_what_was_made_up_is_made_up_once(database: Database, runner: MigrationRunner, write: Write) -> None:
    await database["Post"].insert_many([{"_id": number} for number in range(3)])
    up = 'await m.backfill("Post", "id", function=lambda _: uuid.uuid4().hex)'
    path = write(1, up=up, down='await m.undo_backfill("Post", "id")', head="import uuid")
    await runner.up()
    there = await contents(database)
    await runner.down()
    await runner.up()
    assert await contents(database) == there
    await runner.down()
    path.write_text(path.read_text().replace("uuid.uuid4().hex", '"edited"'))  # what was made by another file is not
    await runner.up()
    assert {each["id"] for each in await contents(database)} == {"edited"}


async def test_forgotten_values_do_not_come_back(database: Database, runner: MigrationRunner, write: Write) -> None:
    await database["Post"].insert_one({"_id": 1, "old": "value"})
    write(1, up='await m.drop_field("Post", "old")', down='await m.restore_field("Post", "old")')
    await runner.up()
    assert await runner.forget("1") == 1
    (ran,) = await runner.down()
    assert ran.notes == ("what it had kept was forgotten: values that it removed or wrote over did not come back",)
    assert await contents(database) == [{"_id": 1}]
    assert await database[KEPT].count_documents({}) == 0


async def test_a_validator_does_not_stand_in_the_way(database: Database, runner: MigrationRunner, write: Write) -> None:
    await database.create_collection("Post", validator={"$jsonSchema": {"required": ["old"]}})
    await database["Post"].insert_one({"_id": 1, "old": 1})
    write(1, up='await m.rename_field("Post", "old", "new")', down='await m.rename_field("Post", "new", "old")')
    await runner.up()
    await runner.down()
    assert await contents(database) == [{"_id": 1, "old": 1}]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('m.rename_field("Post", "a", "a.b")', "one is inside the other"),
        ('m.convert_type("Post", "a", "text")', "there is no type 'text'"),
        ('m.backfill("Post", "a")', "needs a value, a function or an expression"),
        ('m.backfill("Post", "a", 1, expression=2)', "needs a value, a function or an expression"),
        ('m.transform("Post", "x", lambda d: d.update(_id=2))', "changes the _id"),
        ('m.rename_collection("Post", "Other")', "with documents already"),
    ],
)
async def test_what_cannot_be_is_refused(
    line: str, told: str, database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_one({"_id": 1, "a": {}})
    await database["Other"].insert_one({"_id": 1})
    write(1, up=f"await {line}")
    with pytest.raises(MigrationError, match=told):
        await runner.up()
    assert await contents(database) == [{"_id": 1, "a": {}}]
