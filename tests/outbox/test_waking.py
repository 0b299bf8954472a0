"""What wakes a relay: news, also such as came while nobody waited; short looks after work; the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest_asyncio

from docstore.documents import Event, emit
from docstore.outbox.waking import Waker
from docstore.store import Store


class News(Event):
    name: ClassVar[str] = "test.news"
    collection: ClassVar[str] = "Test"


@pytest_asyncio.fixture
async def waker(store: Store) -> AsyncIterator[Waker]:
    async with Waker(asyncio.Event()) as opened:
        yield opened


async def until_watching(waker: Waker) -> None:
    async with asyncio.timeout(10):
        while not waker.watching:
            await waker.wait(0.05)


async def test_news_that_came_while_nobody_waited_end_the_next_wait(waker: Waker) -> None:
    await until_watching(waker)
    await emit(News(aggregate_id="a"))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(10):
        await waker.wait(3600)


async def test_no_stream_is_opened_just_after_work(waker: Waker) -> None:
    await waker.be_busy()
    async with asyncio.timeout(10):
        await waker.wait(3600)
    assert not waker.watching


async def test_a_little_work_keeps_the_stream_and_much_closes_it(waker: Waker) -> None:
    await until_watching(waker)
    await waker.be_busy()
    assert waker.watching
    for _ in range(5):
        await waker.be_busy()
    assert not waker.watching


async def test_the_end_ends_every_wait(store: Store) -> None:
    stop = asyncio.Event()
    async with Waker(stop) as waker, asyncio.timeout(10):
        asyncio.get_running_loop().call_later(0.05, stop.set)
        await waker.wait(3600, woken=False)
        await waker.wait(3600)
