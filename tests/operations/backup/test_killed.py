"""The process is killed at random moments; what is left is no backup, or can be completed to the very same data."""

import asyncio
import contextlib
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from tests.operations.backup.conftest import contents, fill
from tests.operations.backup.killed_child import LEASE_S

from docstore.operations.backup import (
    Keep,
    Place,
    RestoreOptions,
    Standing,
    create_backup,
    list_backups,
    open_backup,
    prune_backups,
    restore_backup,
    restore_state,
    verify_backup,
)
from docstore.operations.backup.journal import JOURNAL_COLLECTION, State, Way
from docstore.settings import Settings

Database = AsyncDatabase[dict[str, Any]]

CHILD = Path(__file__).with_name("killed_child.py")
KILLS = 6
SEED = 20_26


async def killed(work: str, settings: Settings, database: str, place: Place, after: float) -> bool:
    """Start a child, kill it so many seconds after it is ready; whether it had not come to its end before."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), work, settings.mongo_uri.get_secret_value(), database, place.told,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), after)
    if child.returncode is None:
        child.kill()
    await child.wait()
    return child.returncode != 0


async def test_a_killed_backup_is_never_taken_for_a_whole_one(
    source: Database, place: Place, settings: Settings
) -> None:
    moments = random.Random(SEED)
    took = (await create_backup(source, place)).seconds
    kills = 0
    for _ in range(KILLS):
        kills += await killed("create", settings, source.name, place, moments.uniform(0, took))

    found = list_backups(place)
    whole = [each for each in found if each.standing is Standing.WHOLE]
    assert kills
    assert {each.standing for each in found} <= {Standing.WHOLE, Standing.UNFINISHED}
    for each in whole:
        assert (await verify_backup(open_backup(place, each.name))).ok
    await prune_backups(place, Keep(last=100))
    assert [each.name for each in list_backups(place)] == [each.name for each in whole]


async def test_a_killed_restore_goes_on_to_the_very_same_data(
    source: Database, target: Database, place: Place, settings: Settings
) -> None:
    """It replaces documents: whatever is swapped is at every moment the old collection or the new one."""
    moments = random.Random(SEED)
    before = await contents(source)
    made = await create_backup(source, place)
    await fill(target, 60)
    await target["Mine"].insert_one({"_id": 1})
    old = await contents(target)
    kills = 0
    while kills < KILLS:
        # After the first each waits until the lease of the one before has run out.
        wait = LEASE_S if kills else 0.0
        if not await killed("restore", settings, target.name, place, wait + moments.uniform(0, 0.6)):
            break
        kills += 1
        state = await restore_state(target)
        now = await contents(target)
        for step in state.steps if state is not None else ():
            if step.way is Way.SWAP:
                assert now[step.name][3] in (old[step.name][3], before[step.name][3])
            if step.state is State.PLACED and step.way is Way.DIRECT:
                assert now[step.name][3] == before[step.name][3]
    await restore_backup(open_backup(place, made.name), target, RestoreOptions(drop=True))

    after = await contents(target)
    assert kills
    assert after.pop("Mine")[3]
    assert after == before
    assert JOURNAL_COLLECTION not in await target.list_collection_names()


async def test_an_interrupted_backup_leaves_nothing(
    client: AsyncMongoClient[dict[str, Any]], source: Database, place: Place
) -> None:
    """Ctrl-C cancels the task."""
    for wait in (0.0, 0.01, 0.03, 0.05):
        task = asyncio.create_task(create_backup(source, place))
        await asyncio.sleep(wait)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert [each for each in list_backups(place) if each.standing is not Standing.WHOLE] == []


async def test_a_backup_that_is_interrupted_while_it_begins_leaves_nothing(
    client: AsyncMongoClient[dict[str, Any]], source: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is made in a thread, which no cancellation stops."""
    begin, beginning = type(place).begin, threading.Event()

    def slowly(self: Place, name: str) -> str:
        beginning.set()
        time.sleep(0.2)
        return begin(self, name)

    monkeypatch.setattr(type(place), "begin", slowly)
    task = asyncio.create_task(create_backup(source, place))
    assert await asyncio.to_thread(beginning.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.5)
    assert list_backups(place) == []


async def test_an_interrupted_restore_lets_go_of_its_lease(source: Database, target: Database, place: Place) -> None:
    before = await contents(source)
    await create_backup(source, place)
    backup = open_backup(place, "latest")
    for wait in (0.03, 0.08, 0.15):
        task = asyncio.create_task(restore_backup(backup, target))
        await asyncio.sleep(wait)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    await restore_backup(backup, target, RestoreOptions(wait_s=0, drop=True))

    assert await contents(target) == before
