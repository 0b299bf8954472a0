"""Leases in the database: one holder at a time, also when holders die, stand still or are interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from docstore.clients.lease_rows import LEASE_COLLECTION, lease_state
from docstore.clients.leases import MongoLease
from docstore.errors import LeaseHeld, LeaseLost, ServerUnavailable
from docstore.settings import Settings

Database = AsyncDatabase[dict[str, Any]]


async def row(database: Database, name: str = "work") -> dict[str, Any]:
    found = await database[LEASE_COLLECTION].find_one({"_id": name})
    assert found is not None
    return found


async def test_a_second_holder_is_told_who_has_it_and_gets_it_afterwards(database: Database) -> None:
    async with MongoLease(database, "work", owner="deploy-1") as first:
        first.check()
        with pytest.raises(LeaseHeld, match="deploy-1, since 20"):
            async with MongoLease(database, "work"):
                pass
        async with MongoLease(database, "other") as other:
            other.check()
    async with MongoLease(database, "work", owner="deploy-2") as second:
        assert second.token == 2
        assert (await row(database))["owner"] == "deploy-2"
    assert (await row(database))["holder"] is None


async def test_of_many_at_once_exactly_one_gets_it_and_all_who_wait_get_their_turn(database: Database) -> None:
    inside = 0
    most = 0
    tokens: list[int] = []

    async def work(number: int) -> None:
        nonlocal inside, most
        async with MongoLease(database, "work", owner=str(number), waiting=None) as lease:
            inside += 1
            most = max(most, inside)
            tokens.append(lease.token)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(number) for number in range(4)))

    assert most == 1
    assert tokens == sorted(set(tokens))
    assert len(tokens) == 4


async def test_it_is_renewed_as_long_as_the_block_lasts(database: Database) -> None:
    async with MongoLease(database, "work", ttl=3) as lease:
        until = (await row(database))["until"]
        while (await row(database))["until"] == until:
            await asyncio.sleep(0.05)
        lease.check()
        assert not lease.lost.is_set()


async def test_it_can_be_held_for_longer_than_it_is_renewed_for(database: Database) -> None:
    async with MongoLease(database, "work", ttl=2) as lease:
        await lease.hold_for(0.1)
        usual = (await row(database))["until"]
        await lease.hold_for(3600)
        until = (await row(database))["until"]
        assert (until - usual).total_seconds() > 3000
        assert await lease._renew()
        assert ((await row(database))["until"] - usual).total_seconds() > 3000  # a renewal takes nothing back
        time.sleep(2.1)
        await asyncio.sleep(0.05)
        lease.check()
        await database[LEASE_COLLECTION].update_one({"_id": "work"}, {"$set": {"holder": "thief"}})
        with pytest.raises(LeaseLost):
            await lease.hold_for(3600)


async def test_a_dead_holders_lease_is_taken_over_after_it_ran_out(database: Database) -> None:
    dead = MongoLease(database, "work", ttl=2, owner="dead")
    await dead._acquire()  # and no renewal: its process is gone

    with pytest.raises(LeaseHeld):
        await MongoLease(database, "work").__aenter__()
    told = []
    async with MongoLease(database, "work", waiting=10, on_wait=lambda state: told.append(state.owner)) as lease:
        assert lease.token == 2
    assert told == ["dead"]
    with pytest.raises(LeaseLost):
        dead.check()


async def test_a_lost_lease_cancels_the_block_and_says_so(database: Database) -> None:
    reached_the_end = False

    async def work() -> None:
        nonlocal reached_the_end
        async with MongoLease(database, "work", ttl=0.6):
            await database[LEASE_COLLECTION].update_one({"_id": "work"}, {"$set": {"holder": "thief", "token": 9}})
            await asyncio.sleep(60)
            reached_the_end = True

    with pytest.raises(LeaseLost, match="could not be renewed"):
        await work()
    assert not reached_the_end
    assert (await row(database))["holder"] == "thief"  # what is another's is not released


async def test_a_loss_that_the_driver_kept_from_the_block_is_told_at_its_end(database: Database) -> None:
    async def work() -> None:
        async with MongoLease(database, "work", ttl=0.6):
            await database[LEASE_COLLECTION].update_one({"_id": "work"}, {"$set": {"holder": "thief", "token": 9}})
            with contextlib.suppress(asyncio.CancelledError):  # as asyncio.wait_for of Python 3.11 may
                await asyncio.sleep(60)

    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(LeaseLost, match="could not be renewed"):
        await work()
    assert task.cancelling() == 0


async def test_a_loss_that_the_work_outran_shows_in_check(database: Database) -> None:
    lease = MongoLease(database, "work", ttl=0.3)

    async def work() -> None:
        async with lease:
            time.sleep(0.4)  # the process stands still, its event loop too
            lease.check()

    with pytest.raises(LeaseLost):
        await work()
    assert lease.lost.is_set()


async def test_an_error_or_a_cancellation_lets_it_go_and_stays_what_it_is(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with MongoLease(database, "work"):
            raise ZeroDivisionError
    assert (await row(database))["holder"] is None

    entered = asyncio.Event()

    async def work() -> None:
        async with MongoLease(database, "work"):
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await row(database))["holder"] is None


async def test_a_cancellation_while_it_is_taken_leaves_nothing_claimed(database: Database) -> None:
    for steps in range(1, 12):
        task = asyncio.create_task(MongoLease(database, "work").__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0.001)
        task.cancel()
        done, _ = await asyncio.wait([task])
        if not next(iter(done)).cancelled():
            await task.result().__aexit__(None, None, None)
        found = await lease_state(database[LEASE_COLLECTION], "work")
        assert found is None or not found.held


async def test_an_unreachable_database_is_told(dead: Settings) -> None:
    from docstore.clients import close_mongo_client, get_database

    with pytest.raises(ServerUnavailable, match="lease 'work'"):
        async with MongoLease(get_database(dead), "work"):
            pass
    await close_mongo_client(dead)


HOLDER = """
import asyncio, sys
from pymongo import AsyncMongoClient
from docstore.clients.leases import MongoLease

async def main():
    client = AsyncMongoClient(sys.argv[1])
    try:
        async with MongoLease(client[sys.argv[2]], "work", owner="child", ttl=float(sys.argv[3])):
            print("held", flush=True)
            await asyncio.sleep(60)
    finally:
        await client.close()

asyncio.run(main())
"""


async def child(settings: Settings, database: Database, ttl: float) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLDER,
        settings.mongo_uri.get_secret_value(),
        database.name,
        str(ttl),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    return process


async def test_a_killed_process_holds_it_no_longer_than_its_time(database: Database, settings: Settings) -> None:
    process = await child(settings, database, ttl=1)
    process.kill()
    await process.wait()
    assert (await row(database))["owner"] == "child"
    async with MongoLease(database, "work", waiting=30) as lease:
        assert lease.token == 2


async def test_ctrl_c_lets_it_go_at_once(database: Database, settings: Settings) -> None:
    process = await child(settings, database, ttl=600)
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.wait(), 30)  # it would sleep for a minute
    async with MongoLease(database, "work") as lease:
        assert lease.token == 2
