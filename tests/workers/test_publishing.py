"""Scheduled posts go online when they are due, each once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from docstore.documents import utc_now
from docstore.models import Author, Post
from docstore.models.blog import PostStatus
from docstore.outbox import OutboxEntry
from docstore.store import Store
from docstore.workers import PublishingWorker, publishing


async def make(url: str, *, due_in: timedelta) -> Post:
    author = await Author.find_one() or await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
    post = await Post(title=url, content="…", post_url=url, author_id=author.id).insert()
    await post.schedule(utc_now() + timedelta(hours=1))
    await Post.get_pymongo_collection().update_one({"_id": post.id}, {"$set": {"publishDate": utc_now() + due_in}})
    return post


async def status_of(post: Post) -> PostStatus:
    found = await Post.get(post.id)
    assert found is not None
    return found.status


async def test_what_is_due_goes_online_and_the_rest_waits(store: Store) -> None:
    due, later = await make("due", due_in=timedelta(seconds=-5)), await make("later", due_in=timedelta(minutes=10))
    draft = await Post(title="d", content="…", post_url="draft", author_id=due.author_id).insert()
    assert await PublishingWorker().publish_due() == 1
    assert [await status_of(post) for post in (due, later, draft)] == [
        PostStatus.PUBLISHED,
        PostStatus.SCHEDULED,
        PostStatus.DRAFT,
    ]
    assert await PublishingWorker().publish_due() == 0
    history = await due.history()
    assert history[0].actor == "worker:publisher" or history[-1].actor == "worker:publisher"


async def test_of_many_workers_one_publishes_each_post(store: Store) -> None:
    posts = [await make(f"p{number}", due_in=timedelta(seconds=-5)) for number in range(6)]
    counts = await asyncio.gather(*(PublishingWorker().publish_due() for _ in range(4)))
    assert sum(counts) == 6
    rows = await OutboxEntry.find({"name": "post.published"}).to_list()
    assert sorted(row.aggregate_id for row in rows) == sorted(str(post.id) for post in posts)


@pytest.mark.parametrize("skew", [timedelta(minutes=2), timedelta(minutes=-2)])
async def test_a_wrong_clock_neither_hurries_nor_delays(
    store: Store, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    due, later = await make("due", due_in=timedelta(seconds=-5)), await make("later", due_in=timedelta(minutes=1))
    wrong: Any = lambda: utc_now() + skew  # noqa: E731
    monkeypatch.setattr("docstore.models.blog.posts.utc_now", wrong)
    assert await PublishingWorker().publish_due() == 1
    assert (await status_of(due), await status_of(later)) == (PostStatus.PUBLISHED, PostStatus.SCHEDULED)


async def test_it_looks_again_until_it_is_stopped(store: Store) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(PublishingWorker(poll_s=0.05).run(stop))
    post = await make("due", due_in=timedelta(seconds=0.3))
    async with asyncio.timeout(10):
        while await status_of(post) is not PostStatus.PUBLISHED:
            await asyncio.sleep(0.02)
    stop.set()
    await task


async def test_a_post_that_somebody_holds_does_not_hold_up_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process leaves it that was killed within a transaction."""
    monkeypatch.setattr("docstore.workers.publishing._PATIENCE_S", 2.0)  # the others need less, on a busy machine too
    held, *others = [await make(f"p{number}", due_in=timedelta(seconds=-5)) for number in range(4)]
    async with store.client.start_session() as session:
        await session.start_transaction()
        await store.database["Post"].update_one({"_id": held.id}, {"$set": {"title": "t"}}, session=session)
        assert await PublishingWorker().publish_due() == len(others)
        assert await status_of(held) is PostStatus.SCHEDULED
        await session.abort_transaction()
    assert await PublishingWorker().publish_due() == 1
    assert await OutboxEntry.find({"name": "post.published"}).count() == 4


@pytest.mark.parametrize("odd", [{"title": 5}, {"isNewsletter": "maybe"}, {}])
async def test_a_post_that_cannot_be_published_holds_up_and_crowds_out_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any]
) -> None:
    monkeypatch.setattr(publishing, "_LOOKED_AT", 1)
    post = await make("due", due_in=timedelta(seconds=-5))
    past = utc_now() - timedelta(hours=1)
    await Post.get_pymongo_collection().insert_one({"status": "SCHEDULED", "publishDate": past, **odd})
    worker = PublishingWorker()
    assert [await worker.publish_due() for _ in range(2)] == [0, 1]
    assert await status_of(post) is PostStatus.PUBLISHED
