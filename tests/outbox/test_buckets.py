"""Relays share the buckets fairly, and take over from those that are gone."""

from __future__ import annotations

import asyncio

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
    assert alone.seconds_left > 10
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
    dead, heir = BucketLeases("dead", seconds=0.4), BucketLeases("heir", seconds=5)
    await dead.settle()
    before = dict(dead.held)
    await heir.settle()
    assert not heir.held
    await asyncio.sleep(0.5)
    await heir.settle()
    assert len(heir.held) == BUCKETS
    assert heir.stolen == BUCKETS
    assert all(heir.held[bucket] > token for bucket, token in before.items())
    await dead.settle()
    assert disjoint(dead, heir)


async def test_leases_are_renewed(store: Store) -> None:
    leases = BucketLeases("a", seconds=0.6)
    await leases.settle()
    other = BucketLeases("b", seconds=0.6)
    for _ in range(6):
        await asyncio.sleep(0.15)
        await leases.keep()
        assert leases.seconds_left > 0.2
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
