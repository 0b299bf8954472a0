"""The effect of an event happens once, whoever delivers it how often."""

from __future__ import annotations

import asyncio

import pytest

from docstore.models import Tag
from docstore.outbox import InboxEntry, handle_once, was_handled
from docstore.store import Store


async def add_tag() -> None:
    await Tag(slug=f"t{await Tag.find().count()}").insert()


async def test_a_repeat_does_nothing(store: Store) -> None:
    assert await handle_once("c", "e1", add_tag) is True
    assert await handle_once("c", "e1", add_tag) is False
    assert await Tag.find().count() == 1
    assert await was_handled("c", "e1")


async def test_each_consumer_handles_for_itself(store: Store) -> None:
    assert await handle_once("a", "e1", add_tag)
    assert await handle_once("b", "e1", add_tag)
    assert await Tag.find().count() == 2


async def test_failed_work_is_not_remembered(store: Store) -> None:
    async def fail() -> None:
        await add_tag()
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        await handle_once("c", "e1", fail)
    assert await Tag.find().count() == 0
    assert await InboxEntry.find().count() == 0
    assert await handle_once("c", "e1", add_tag)


async def test_of_several_at_once_one_does_it(store: Store) -> None:
    outcomes = await asyncio.gather(*(handle_once("c", "e1", add_tag) for _ in range(6)))
    assert sorted(outcomes) == [False] * 5 + [True]
    assert await Tag.find().count() == 1


async def test_it_does_not_depend_on_an_index(store: Store) -> None:
    await store.database["InboxEntry"].drop_indexes()
    outcomes = await asyncio.gather(*(handle_once("c", "e1", add_tag) for _ in range(4)))
    assert sum(outcomes) == 1
