"""Migrations whose process is killed or interrupted at any command: the next one goes on, and ends where it should."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from tests.schema.migrations.conftest import Write, everything

from docstore.clients.lease_rows import LEASE_COLLECTION
from docstore.schema.migrations import Journal, MigrationRunner, Pace, State
from docstore.schema.migrations.values import same
from docstore.settings import Settings

Database = AsyncDatabase[dict[str, Any]]

UP = """
    await m.rename_field("Post", "a", "t")
    await m.rename_field("Post", "b", "a")
    await m.rename_field("Post", "t", "b")
    await m.backfill("Post", "made", function=lambda document: uuid.uuid4().hex)
    await m.convert_type("Post", "number", "string", was="int")
    await m.create_index("Post", [("made", 1)], name="ix_made")
    await m.drop_field("Post", "junk")
"""
DOWN = """
    await m.restore_field("Post", "junk")
    await m.drop_index("Post", "ix_made")
    await m.convert_type("Post", "number", "int", was="string")
    await m.undo_backfill("Post", "made")
    await m.rename_field("Post", "b", "t")
    await m.rename_field("Post", "a", "b")
    await m.rename_field("Post", "t", "a")
"""
CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from pymongo import AsyncMongoClient, monitoring
from docstore.schema.migrations import MigrationRunner, Pace

url, name, directory, way, number, signal_number = sys.argv[1:]

class Killer(monitoring.CommandListener):
    left = int(number)

    def started(self, event):
        self.count()

    def succeeded(self, event):
        self.count()

    def failed(self, event):
        self.count()

    def count(self):
        Killer.left -= 1
        if Killer.left == 0:
            os.kill(os.getpid(), int(signal_number))

async def main():
    client = AsyncMongoClient(url, tz_aware=True, event_listeners=[Killer()])
    try:
        runner = MigrationRunner(client[name], Path(directory), who="child", pace=Pace(batch_size=3), ttl=1.0)
        await (runner.up() if way == "up" else runner.down(to="0"))
        print("finished", flush=True)
    finally:
        await client.close()

asyncio.run(main())
"""


async def child(settings: Settings, directory: Path, way: str, number: int, signal_number: int) -> bool:
    """Run in a child process that signals itself at its so-manieth command event; whether it finished before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        settings.mongo_uri.get_secret_value(),
        settings.effective_database_name,
        str(directory),
        way,
        str(number),
        str(signal_number),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(os.environ),
    )
    told, _ = await process.communicate()
    return b"finished" in told


@pytest.fixture
async def prepared(database: Database, write: Write, tmp_path: Path) -> Path:
    """Documents that two migrations change, the first of them in batches."""
    write(1, up=UP, down=DOWN, head="import uuid\ntransaction = False")
    write(
        2, up='await m.set_default("Post", "flag", True)', down='await m.undo_backfill("Post", "flag")', slug="second"
    )
    await database["Post"].insert_many(
        [
            {
                "_id": number,
                "a": f"a{number}",
                "b": f"b{number}",
                "number": number,
                "junk": None,
                "isDeleted": number % 2,
            }
            for number in range(10)
        ]
        + [{"_id": "bare"}, {"_id": "other", "t": "was there", "number": "007"}]
    )
    return tmp_path / "migrations"


@pytest.mark.parametrize("seed", range(2))
async def test_killed_at_any_command(seed: int, database: Database, prepared: Path, settings: Settings) -> None:
    random_ = random.Random(seed)
    before = await everything(database)
    runner = MigrationRunner(database, prepared, pace=Pace(batch_size=3), waiting=30)
    await child(settings, prepared, "up", random_.randint(1, 260), 9)
    await runner.up()
    there = await everything(database)
    assert [each.state for each in await runner.status()] == [State.APPLIED] * 2
    assert there["Post"][0]["a"] == "b0"
    assert there["Post"][0]["b"] == "a0"
    assert len({each["made"] for each in there["Post"]}) == 12

    await child(settings, prepared, "down", random_.randint(1, 260), 9)
    if random_.random() < 0.5:
        await runner.up()
        assert same(await everything(database), there)
    await runner.down(to="0")
    assert same(await everything(database), before)
    await runner.up()
    assert same(await everything(database), there)


@pytest.mark.parametrize("seed", range(2))
async def test_a_killed_way_up_can_be_taken_back(
    seed: int, database: Database, prepared: Path, settings: Settings
) -> None:
    before = await everything(database)
    runner = MigrationRunner(database, prepared, pace=Pace(batch_size=3), waiting=30)
    await child(settings, prepared, "up", random.Random(seed).randint(30, 240), 9)
    await runner.down(to="0")
    assert same(await everything(database), before)


async def test_ctrl_c_leaves_nothing_claimed(database: Database, prepared: Path, settings: Settings) -> None:
    random_ = random.Random(1)
    for _ in range(2):
        if await child(settings, prepared, "up", random_.randint(20, 160), 2):
            break
        row = await database[LEASE_COLLECTION].find_one({"_id": "migrations"})
        assert row is None or row["holder"] is None
        for entry in (await Journal(database).entries()).values():
            assert entry.state in (State.FAILED, State.APPLIED)
            assert entry.error in ("interrupted", None)
    await MigrationRunner(database, prepared).up()
    assert len({each["made"] for each in (await everything(database))["Post"]}) == 12
