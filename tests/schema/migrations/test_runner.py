"""Running migrations: in order, once, resumed, refused by name, and only counted in a dry run."""

from __future__ import annotations

import asyncio
import builtins
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from tests.schema.migrations.conftest import Write, contents, everything

from docstore.errors import (
    IrreversibleMigration,
    LeaseHeld,
    MigrationError,
    MigrationFailed,
    MigrationHistoryError,
    RefusedOperation,
    UniqueViolation,
)
from docstore.schema.migrations import JOURNAL, Journal, MigrationProgress, MigrationRunner, Pace, State

Database = AsyncDatabase[dict[str, Any]]


INTERFERING = """transaction = False


def double(document):
    document["twice"] = document["n"] * 2
"""
RACING = """transaction = False
import builtins

raced = []


def double(document):
    if document["_id"] == 3 and not raced:
        raced.append(True)
        builtins.other[builtins.name]["Post"].update_one({"_id": 3}, {"$set": {"n": 10}})
    document["twice"] = document["n"] * 2
"""
FAILING = """transaction = False
count = []


def fail(document):
    count.append(1)
    if len(count) == 6:
        raise ValueError
    return 1
"""


async def states(runner: MigrationRunner) -> list[str]:
    return [each.state.value for each in await runner.status()]


async def test_up_to_and_down_by_steps(database: Database, runner: MigrationRunner, write: Write) -> None:
    for number in (1, 2, 3):
        write(
            number,
            up=f'await m.collection("Log").insert_one({{"n": {number}}})',
            down=f'await m.collection("Log").delete_one({{"n": {number}}})',
        )
    assert [each.name for each in await runner.up(to="2")] == ["0001_change", "0002_change"]
    assert [each.name for each in await runner.up()] == ["0003_change"]
    assert await runner.up() == []
    assert [each.entry.batch for each in await runner.status() if each.entry] == [1, 1, 2]
    assert [each.name for each in await runner.down()] == ["0003_change"]
    assert [each.name for each in await runner.down(to="0001_change")] == ["0002_change"]
    assert await states(runner) == ["applied", "rolled back", "rolled back"]
    assert [each["n"] for each in await contents(database, "Log")] == [1]
    assert await runner.down(to="0")
    assert await runner.down() == []


async def test_the_journal_tells_who_and_what(database: Database, runner: MigrationRunner, write: Write) -> None:
    path = write(1, up='await m.backfill("Post", "n", 1)', down='await m.undo_backfill("Post", "n")')
    await database["Post"].insert_one({"_id": 1})
    await runner.up()
    await runner.down()
    entry = await Journal(database).entry(path.stem)
    assert (entry.state, entry.who, entry.description, entry.batch) == (State.ROLLED_BACK, "tests", "change 1", 1)
    assert [each["what"] for each in entry.history] == ["up started", "applied", "down started", "rolled back"]


async def test_what_raises_half_way_is_explained_and_resumed(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    body = 'await m.backfill("Post", "n", function=lambda d: d["_id"])\n{}await m.set_default("Post", "done", True)'
    await database["Post"].insert_many([{"_id": number} for number in range(5)])
    write(1, up=body.format('raise ValueError("no such thing")\n'), head="transaction = False")
    with pytest.raises(MigrationFailed, match="ValueError on its way up: no such thing"):
        await runner.up()
    (standing,) = await runner.status()
    assert standing.state is State.FAILED
    assert standing.entry is not None
    assert standing.entry.error == "ValueError: no such thing"
    assert [(each.label, each.done, each.documents) for each in standing.entry.steps][-1] == (
        "backfill Post.n",
        True,
        5,
    )
    await database["Post"].update_one({"_id": 3}, {"$unset": {"n": ""}})  # would be filled again by a second run
    write(1, up=body.format(""), head="transaction = False")
    await runner.up()
    assert [each.get("n") for each in await contents(database)] == [0, 1, 2, None, 4]
    assert all(each["done"] for each in await contents(database))


async def test_steps_that_changed_between_two_attempts_are_refused(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_one({"_id": 1})
    write(1, up='await m.backfill("Post", "n", 1)\nraise ValueError', head="transaction = False")
    with pytest.raises(MigrationFailed):
        await runner.up()
    write(1, up='await m.backfill("Post", "other", 1)', head="transaction = False")
    with pytest.raises(MigrationHistoryError, match="changed since its last attempt"):
        await runner.up()


async def test_in_one_transaction_nothing_stays_of_what_raised(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_many([{"_id": number} for number in range(5)])
    write(
        1,
        up="""
        await m.backfill("Post", "n", 1)
        await m.collection("Post").insert_one({"_id": "raw"})
        raise ValueError("late")
        """,
        head="transaction = True",
    )
    before = await contents(database)
    with pytest.raises(MigrationFailed):
        await runner.up()
    assert await contents(database) == before
    (standing,) = await runner.status()
    assert standing.entry is not None
    assert (standing.state, standing.entry.steps) == (State.FAILED, ())


async def test_size_decides_and_structure_is_no_part_of_a_transaction(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_one({"_id": 1})
    write(1, up='await m.backfill("Post", "n", 1)')
    write(2, up='await m.create_index("Post", [("n", 1)], name="ix_n")\nawait m.backfill("Post", "x", 1)')
    write(3, up='await m.backfill("Post", "y", 1)\nawait m.drop_index("Post", "ix_n")', head="transaction = True")
    with pytest.raises(MigrationError, match="drop_index Post ix_n cannot be part of a transaction"):
        await runner.up()
    entries = await Journal(database).entries()
    assert [each.mode for each in entries.values()] == ["transaction", "batches", "transaction"]
    assert "y" not in (await contents(database))[0]
    assert "ix_n" in await database["Post"].index_information()


async def test_an_edited_a_missing_and_an_out_of_order_one_are_refused_by_name(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    first, second = write(1), write(2)
    await runner.up()
    text = first.read_text()
    first.write_text("\n\n" + text.replace("\n", "   \r\n") + "\n")  # what an editor does by itself is no edit
    assert await runner.up() == []
    first.write_text(text.replace("pass", "await m.drop_field('Post', 'x')", 1))
    with pytest.raises(MigrationHistoryError, match="0001_change was edited after it was applied") as edited:
        await runner.up()
    assert "resolve --applied 0001_change" in str(edited.value)
    await runner.resolve("1", State.APPLIED)
    assert await runner.up() == []

    second.rename(second.with_name("0003_change.py"))
    with pytest.raises(MigrationHistoryError, match="0002_change is in the journal and has no file"):
        await runner.up()
    await runner.resolve("0002_change", State.ROLLED_BACK)
    await runner.up()

    write(2, slug="late")
    with pytest.raises(MigrationHistoryError, match="0002_late is pending, and a later one is applied"):
        await runner.up()
    with pytest.raises(MigrationHistoryError):
        await runner.plan_up()
    assert [each.name for each in await runner.up(allow_out_of_order=True)] == ["0002_late"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("0001_x.py", "async def up(m): pass", "it needs description"),
        ("0001_x.py", 'description = "x"\ndef up(m): pass\nasync def down(m): pass', r"it needs async def up\(m\)"),
        ("0001_x.py", 'description = "x"\nasync def up(m): pass', r"it needs async def down\(m\)"),
        ("0001_x.py", "description = (", "is not Python"),
        ("0001_x.py", "raise KeyError('x')", "cannot be loaded: KeyError"),
        ("0001_x.py", "from docstore.models import Post", "imports docstore.models"),
        ("0001_x.py", "import docstore.models.blog", "imports docstore.models"),
        ("1_x.py", "", "is not named like a migration"),
        ("0001-x.py", "", "is not named like a migration"),
    ],
)
async def test_malformed_files_are_named(runner: MigrationRunner, name: str, text: str, told: str) -> None:
    (runner.directory / name).write_text(text)
    with pytest.raises(MigrationError, match=told):
        await runner.up()


async def test_two_files_of_one_number_are_refused(runner: MigrationRunner, write: Write) -> None:
    write(1, slug="one")
    write(1, slug="other")
    with pytest.raises(MigrationHistoryError, match="0001_one and 0001_other have the same number"):
        await runner.up()


async def test_what_is_to_be_filled_in_is_refused_before_anything_runs(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    write(1, up='await m.collection("Log").insert_one({})')
    path = write(2, up='await m.backfill("Post", "n", FILL_IN)', head="from docstore.schema.migrations import FILL_IN")
    with pytest.raises(MigrationError, match=r"0002_change.py:5 still says FILL_IN"):
        await runner.up()
    assert await everything(database) == {}
    path.write_text(path.read_text().replace('"n", FILL_IN', '"n", 1'))
    await runner.up()


async def test_a_dry_run_writes_nothing_and_counts_raw_writes(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_many([{"_id": number, "n": number, "isDeleted": True} for number in range(5)])
    write(
        1,
        up="""
        posts = m.collection("Post")
        await m.rename_field("Post", "n", "m")
        await m.convert_type("Post", "n", "bool", was="int", on_error="skip")
        await m.create_index("Post", [("n", 1)], name="ix_n")
        assert await posts.count_documents({}) == 5
        assert (await posts.update_many({"n": {"$gt": 2}}, {"$set": {"x": 1}})).matched_count == 2
        await posts.delete_one({"n": 1})
        await posts.insert_many([{}, {}])
        async for post in posts.find({"n": 3}):
            await m.database["Other"].replace_one({"_id": post["_id"]}, post)
        await m.once("work", work)
        """,
        head="async def work(session):\n    raise AssertionError",
    )
    before = await everything(database)
    (planned,) = await runner.plan_up()
    assert [(each.label, each.documents) for each in planned.steps] == [
        ("rename_field Post n -> m (by the server)", 5),
        ("convert_type Post.n to bool", 5),
        ("create_index Post ix_n", None),
        ("update_many on Post", 2),
        ("delete_one on Post", 1),
        ("insert_many on Post", 2),
        ("replace_one on Other", 0),
        ("work", None),
    ]
    assert planned.steps[1].detail == "3 cannot be converted (skip): 2, 3, 4"
    assert not planned.transaction
    assert await everything(database) == before
    assert JOURNAL not in await database.list_collection_names()


@pytest.mark.parametrize(
    "code",
    [
        'await m.collection("Post").bulk_write([])',
        'await m.collection("Post").drop()',
        'await m.collection("Post").find_one_and_update({}, {})',
        'await m.collection("Post").aggregate([{"$out": "Other"}])',
        'await m.database.command("dropDatabase")',
        'await m.database.drop_collection("Post")',
        "m.database.client",
    ],
)
async def test_a_dry_run_refuses_what_it_cannot_count(
    code: str, database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_one({"_id": 1})
    write(1, up=code)
    with pytest.raises(RefusedOperation, match="dry run"):
        await runner.plan_up()
    assert await contents(database) == [{"_id": 1}]


async def test_two_deployers_run_each_migration_once(database: Database, runner: MigrationRunner, write: Write) -> None:
    for number in (1, 2, 3):
        write(number, up='await m.collection("Log").insert_one({"of": m.name})', head="transaction = False")
    both = [MigrationRunner(database, runner.directory, who=who, waiting=30) for who in ("one", "other")]
    ran = await asyncio.gather(*(each.up() for each in both))
    assert sorted(len(each) for each in ran) == [0, 3]
    assert [each["of"] for each in await contents(database, "Log")] == ["0001_change", "0002_change", "0003_change"]


async def test_without_waiting_the_second_is_told_who_is_at_it(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    write(1, up="import asyncio\nawait asyncio.sleep(60)", head="transaction = False")
    first = asyncio.create_task(runner.up())
    while JOURNAL not in await database.list_collection_names():
        await asyncio.sleep(0.01)
    with pytest.raises(LeaseHeld, match="'migrations' is being done by tests"):
        await MigrationRunner(database, runner.directory).up()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await states(runner) == ["failed"]


async def test_documents_that_change_meanwhile_are_not_overwritten(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_many([{"_id": number, "n": 1} for number in range(12)])
    write(1, up='await m.transform("Post", "double", double)', head=INTERFERING)
    changed: list[int] = []
    address = "mongodb://{}:{}/?directConnection=true".format(*(await database.client.address or ()))

    def interfere(at: MigrationProgress) -> None:
        # What is still to come was listed long ago by a server whose cursors read ahead.
        if at.done == 2 and not changed:
            changed.extend((5, 9))
            with MongoClient(address) as other:
                for number in changed:
                    other[database.name]["Post"].update_one({"_id": number}, {"$set": {"n": 10}})
                other[database.name]["Post"].delete_one({"_id": 7})

    runner.on_progress = interfere
    await runner.up()
    assert changed
    assert [(each["_id"], each["n"], each["twice"]) for each in await contents(database)] == [
        (number, 10 if number in changed else 1, 20 if number in changed else 2) for number in range(12) if number != 7
    ]


async def test_a_value_written_meanwhile_is_not_filled_over(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_many([{"_id": number, **({"n": None} if number % 2 else {})} for number in range(12)])
    before = await contents(database)
    write(1, up='await m.backfill("Post", "n", 1)', down='await m.undo_backfill("Post", "n")', head=INTERFERING)
    address = "mongodb://{}:{}/?directConnection=true".format(*(await database.client.address or ()))
    changed: list[int] = []

    def interfere(at: MigrationProgress) -> None:
        if at.done == 2 and not changed:
            changed.extend((5, 8))
            with MongoClient(address) as other:
                for number in changed:
                    other[database.name]["Post"].update_one({"_id": number}, {"$set": {"n": 10}})
                other[database.name]["Post"].delete_one({"_id": 7})

    runner.on_progress = interfere
    await runner.up()
    assert changed
    assert {each["_id"]: each["n"] for each in await contents(database)} == {
        number: 10 if number in changed else 1 for number in range(12) if number != 7
    }
    await runner.down()
    there = {number: {"_id": number, "n": 10} for number in changed}
    assert await contents(database) == [there.get(each["_id"], each) for each in before if each["_id"] != 7]


async def test_with_live_cursors_a_batch_that_lost_a_race_reads_again(
    database: Database, runner: MigrationRunner, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a mongod; the embedded server's cursors read ahead, so the race is made by hand."""

    async def live(_: Any) -> bool:
        return True

    monkeypatch.setattr("docstore.schema.migrations.steps.has_live_cursors", live)
    await database["Post"].insert_many([{"_id": number, "n": 1} for number in range(6)])
    write(1, up='await m.transform("Post", "double", double)', head=RACING)
    address = "mongodb://{}:{}/?directConnection=true".format(*(await database.client.address or ()))
    monkeypatch.setattr("builtins.other", MongoClient(address), raising=False)
    monkeypatch.setattr("builtins.name", database.name, raising=False)
    await runner.up()
    builtins.other.close()  # type: ignore[attr-defined]
    assert [(each["n"], each["twice"]) for each in await contents(database)] == [
        (1, 2),
        (1, 2),
        (1, 2),
        (10, 20),
        (1, 2),
        (1, 2),
    ]


async def test_ids_of_every_type_are_gone_through_in_a_resumed_run(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    ids = [None, 1, 2.5, "a", "b", {"k": 1}, ObjectId("1" * 24), True]
    await database["Post"].insert_many([{"_id": each} for each in ids])
    write(
        1,
        up='await m.backfill("Post", "n", function=lambda d: fail(d))',
        head=FAILING,
    )
    with pytest.raises(MigrationFailed):
        await MigrationRunner(database, runner.directory, pace=Pace(batch_size=3)).up()
    await runner.up()
    assert [each["n"] for each in await contents(database)] == [1] * len(ids)


async def test_baseline_resolve_reset_and_irreversible(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    head = "from docstore.errors import IrreversibleMigration"
    write(
        1, up='await m.collection("Log").insert_one({})', down='raise IrreversibleMigration("no way back")', head=head
    )
    assert await runner.baseline() == ["0001_change"]
    assert await everything(database) == {}
    with pytest.raises(MigrationError, match="has migrations already"):
        await runner.baseline()
    with pytest.raises(IrreversibleMigration, match="no way back"):
        await runner.down()
    await runner.resolve("1", State.ROLLED_BACK)
    await runner.up()
    await database["Junk"].insert_one({})
    await runner.reset()
    assert {name: len(held) for name, held in (await everything(database)).items()} == {"Log": 1}
    with pytest.raises(MigrationError, match="no migration '7'"):
        await runner.up(to="7")


async def test_a_unique_index_that_cannot_be_built_names_the_documents(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 1}])
    write(1, up='await m.create_index("Post", [("n", 1)], name="uq_n", unique=True)')
    with pytest.raises(UniqueViolation, match="1, 2"):
        await runner.up()
    await database["Post"].delete_one({"_id": 2})
    await runner.up()
    assert (await database["Post"].index_information())["uq_n"]["unique"]


async def test_progress_and_throttle(database: Database, runner: MigrationRunner, write: Write) -> None:
    await database["Post"].insert_many([{"_id": number} for number in range(4)])
    write(1, up='await m.backfill("Post", "n", 1)', head="transaction = False")
    seen = []
    runner.pace = Pace(batch_size=1, throttle=1000.0)
    runner.on_progress = lambda at: seen.append((at.done, at.total))
    await runner.up()
    assert [done for done, total in seen if total == 4] == [0, 1, 2, 3, 4, 4]


async def test_a_directory_that_is_not_there(database: Database, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="there is no directory"):
        await MigrationRunner(database, tmp_path / "nowhere").status()


async def test_a_collection_renamed_by_a_process_that_died_keeps_its_validator(
    database: Database, runner: MigrationRunner, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {"$jsonSchema": {"title": "Old", "required": ["n"]}}
    await database.create_collection("Old", validator=rules, validationLevel="moderate")
    write(1, up='await m.rename_collection("Old", "New")')

    async def dies(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("docstore.schema.migrations.moved_collections.MovedRules.completed", dies)
        with pytest.raises(MigrationFailed):
            await runner.up()
    await runner.up()
    (found,) = await (await database.list_collections(filter={"name": "New"})).to_list()
    assert found["options"]["validator"] == rules
    assert found["options"]["validationLevel"] == "moderate"


async def test_documents_in_the_way_of_a_unique_index_are_named_by_the_plan(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    await database["Post"].insert_many([{"_id": 1, "n": 5}, {"_id": 2, "n": 5}, {"_id": 3, "n": 6}])
    write(1, up='await m.create_index("Post", [("n", 1)], name="uq_n", unique=True)')
    (planned,) = await runner.plan_up()
    assert planned.steps[0].detail == "on n 1; cannot be built, documents share the values: 1, 2"
    with pytest.raises(UniqueViolation, match="run `docstore migrate up` again"):
        await runner.up()
    await database["Post"].delete_one({"_id": 2})
    await runner.up()
    assert "uq_n" in await database["Post"].index_information()


async def test_the_way_back_from_before_the_first_step_makes_nothing(
    database: Database, runner: MigrationRunner, write: Write
) -> None:
    write(
        1,
        up='raise ValueError\nawait m.rename_collection("Old", "New")\nawait m.set_validator("New", {"n": 1})',
        down='await m.set_validator("New", {"o": 1})\nawait m.rename_collection("New", "Old")',
        head="transaction = False",
    )
    await database["Old"].insert_one({"_id": 1})
    with pytest.raises(MigrationFailed):
        await runner.up()
    await runner.down()
    assert await everything(database) == {"Old": [{"_id": 1}]}


async def test_ctrl_c_while_a_run_begins_leaves_it_begun_and_failed(
    database: Database, runner: MigrationRunner, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(1)
    await runner.up()
    begin = Journal.begin
    task: list[asyncio.Task[Any]] = []

    async def interrupted(self: Journal, *arguments: Any, **options: Any) -> None:
        task[0].cancel()
        await begin(self, *arguments, **options)

    monkeypatch.setattr(Journal, "begin", interrupted)
    task.append(asyncio.create_task(runner.down()))
    with pytest.raises(asyncio.CancelledError):
        await task[0]
    monkeypatch.undo()
    assert await states(runner) == ["failed"]
    await runner.down()
    assert await states(runner) == ["rolled back"]
