"""Ranges: together they hold every document once, and a server that is slow to draw a sample gets one of them."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ExecutionTimeout

from docstore.models import Author, Post
from docstore.search import POSTS
from docstore.search.scanning import Range, ranges, rows_of
from docstore.store import Store


async def test_ranges_hold_every_document_once(store: Store, author: Author) -> None:
    posts = [Post(title=f"P{n}", content="…", post_url=f"p{n}", author_id=author.id) for n in range(60)]
    await Post.insert_many(posts)
    await store.database["Post"].update_many({}, {"$set": {"status": "PUBLISHED"}})
    for post in posts[::7]:
        await post.delete()
    await store.database["Post"].insert_one({"_id": "no object id", "isDeleted": True})
    parts = await ranges(POSTS, 4)
    read = [row["_id"] for part in parts async for rows in rows_of(POSTS, part, 10) for row in rows]
    assert len(parts) == 4
    assert sorted(read) == sorted(post.id for number, post in enumerate(posts) if number % 7 and post.id is not None)


async def test_a_server_that_draws_no_sample_in_time_is_read_in_one_range(
    store: Store, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    async def slow(self: Any, pipeline: Any, **options: Any) -> Any:
        asked.append({"pipeline": pipeline, **options})
        raise ExecutionTimeout("operation exceeded time limit", 50)

    monkeypatch.setattr(AsyncCollection, "aggregate", slow)
    assert await ranges(POSTS, 4) == [Range()]
    [question] = asked
    assert "$sample" in question["pipeline"][0], "MongoDB draws at once only where this is the first stage"
    assert question["maxTimeMS"] > 0
