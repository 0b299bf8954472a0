"""Relays share the buckets fairly, and take over from those that are gone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
from tests.outbox.conftest import run_out

from docstore.documents import utc_now
from docstore.outbox import OutboxLease
from docstore.outbox.buckets import BucketLeases
from docstore.outbox.entries import BUCKETS
from docstore.store import Store


def disjoint(*leases: BucketLeases) -> bool:
    held = [bucket for each in leases for bucket in each.held]
    return len(held) == len(set(held))


async def test_one_relay_has_all_of_them(store: Store) -> None:
    alone = BucketLeases("a")
    await alone.settle()
    assert sorted(alone.held) == list(range(BUCKETS))
    assert alone.seconds_left > 0
    await alone.release()
    assert not alone.held
    assert alone.seconds_left < 0


async def test_those_who_come_get_their_share_and_those_who_stay_the_rest(store: Store) -> None:
    leases = [BucketLeases(name) for name in "abc"]
    for _ in range(3):
        for each in leases:
            await each.settle()
    assert disjoint(*leases)
    assert sum(len(each.held) for each in leases) == BUCKETS
    assert max(len(each.held) for each in leases) <= BUCKETS // 3 + 1
    await leases[0].release()
    for each in leases[1:]:
        await each.settle()
    assert {len(each.held) for each in leases[1:]} == {BUCKETS // 2}
    assert disjoint(*leases[1:])


async def test_those_who_start_together_do_not_hold_the_same(store: Store) -> None:
    leases = [BucketLeases(name) for name in "abcd"]
    for _ in range(4):
        await asyncio.gather(*(each.settle() for each in leases))
        assert disjoint(*leases)
    assert sum(len(each.held) for each in leases) == BUCKETS


async def test_the_buckets_of_the_dead_are_taken_with_higher_tokens(store: Store) -> None:
    dead, heir = BucketLeases("dead", seconds=600), BucketLeases("heir", seconds=600)
    await dead.settle()
    before = dict(dead.held)
    await heir.settle()
    assert not heir.held
    await run_out("dead")
    await heir.settle()
    assert len(heir.held) == BUCKETS
    assert heir.stolen == BUCKETS
    assert all(heir.held[bucket] > token for bucket, token in before.items())
    await dead.settle()
    assert disjoint(dead, heir)


async def test_leases_are_renewed_when_a_third_of_them_is_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("docstore.outbox.buckets.time", SimpleNamespace(monotonic=lambda: now))
    leases, other = BucketLeases("a", seconds=600), BucketLeases("b", seconds=600)
    await leases.settle()
    assert leases.seconds_left == 600
    await run_out("a")  # by the server's clock alone: nobody took them, so they are still its own
    now += 199
    await leases.keep()
    assert await OutboxLease.find(OutboxLease.until > utc_now()).count() == 0
    assert leases.seconds_left == 401
    now += 1
    await leases.keep()
    assert await OutboxLease.find(OutboxLease.until > utc_now() + timedelta(seconds=300)).count() == BUCKETS + 1
    assert leases.seconds_left == 600
    await other.settle()
    assert not other.held
    assert await OutboxLease.find({"owner": "a"}).count() == BUCKETS


async def test_what_another_lets_go_is_taken_long_before_a_renewal_is_due(store: Store) -> None:
    first, second = BucketLeases("first", 60), BucketLeases("second", 60)
    await first.settle()
    await second.settle()
    assert len(second.held) == 0
    await first.settle()  # sees the second, and lets go of what is more than its share
    async with asyncio.timeout(10):
        while len(second.held) < BUCKETS // 2:
            await second.keep()
            await asyncio.sleep(0.05)
    assert len(first.held) == len(second.held) == BUCKETS // 2
