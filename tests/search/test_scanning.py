"""Ranges: together they hold every document once, and a server that is slow to draw a sample gets one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ExecutionTimeout

from docstore.documents import PydanticObjectId
from docstore.models import Author, Post
from docstore.search import POSTS, ReindexOptions, apply_changes, index_status, reindex, sync_index, verify
from docstore.search.building import Part
from docstore.search.checkpoints import _part, _row
from docstore.search.scanning import Range, ranges, rows_of
from docstore.store import Store
from docstore.workers import OutboxChanges


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


_ODD: list[Any] = [-1, 1, 2.5, "a text", {"a": 1}, b"bytes", True, datetime(2026, 1, 1, tzinfo=UTC)]


async def add_odd(store: Store) -> None:
    rows = [{"_id": each, "status": "PUBLISHED", "postUrl": f"odd{number}"} for number, each in enumerate(_ODD)]
    await store.database["Post"].insert_many(rows, ordered=True)


async def read_ids(part: Range, after: Any = None) -> list[Any]:
    return [row["_id"] async for rows in rows_of(POSTS, part, 3, after=after) for row in rows]


async def test_ranges_hold_ids_of_every_type(store: Store, author: Author) -> None:
    await Post.insert_many([_published(number, author) for number in range(20)])
    await add_odd(store)
    parts = await ranges(POSTS, 3)
    read = [each for part in parts for each in await read_ids(part)]
    everything = await read_ids(Range())
    assert len(parts) == 3
    assert len(everything) == 20 + len(_ODD)
    assert [str(each) for each in read] == [str(each) for each in everything]


async def test_a_range_goes_on_after_an_id_of_any_type(store: Store, author: Author) -> None:
    await Post.insert_many([_published(number, author) for number in range(3)])
    await add_odd(store)
    everything = await read_ids(Range())
    for place, each in enumerate(everything):
        again = _part(_row(Part(Range(), each, 5, 4)))
        assert [str(one) for one in await read_ids(again.within, again.after)] == [
            str(one) for one in everything[place + 1 :]
        ]


def test_a_mark_of_an_earlier_release_is_understood() -> None:
    old = {"low": None, "high": "507f1f77bcf86cd799439011", "after": "507f1f77bcf86cd799439010"}
    part = _part(old | {"lookedAt": 5, "saved": 4, "finished": False})
    assert part == Part(Range(None, PydanticObjectId(old["high"])), PydanticObjectId(old["after"]), 5, 4)


@pytest.mark.parametrize("readers", [1, 3])
async def test_a_document_whose_id_is_no_object_id_is_parked_with_that_reason(
    store: Store, author: Author, readers: int
) -> None:
    index = await store.search_index()
    post = await Post(title="P", content="…", post_url="p", author_id=author.id, status="PUBLISHED").insert()
    await Post.insert_many([_published(number, author) for number in range(5)])
    await add_odd(store)
    whole = await store.database["Post"].find_one({"_id": post.id})
    assert whole is not None
    await store.database["Post"].insert_one(whole | {"_id": "507f1f77bcf86cd799439011", "postUrl": "text"})

    options = ReindexOptions(readers=readers)
    report = await reindex(index, POSTS, OutboxChanges(), store.database, options=options)
    assert (report.records, report.counts.parked) == (6, len(_ODD) + 1)
    status = await index_status(index, POSTS)
    assert status.parked == len(_ODD) + 1
    assert all("no ObjectId" in each.reason for each in status.examples)
    assert (await verify(index, POSTS)).unfit == len(_ODD) + 1


async def test_a_sync_keeps_what_has_no_object_id_parked(store: Store, author: Author) -> None:
    index = await store.search_index()
    odd = [{"_id": each, "status": "PUBLISHED", "postUrl": f"odd{each}"} for each in ("a text", 5)]
    await store.database["Post"].insert_many(odd)
    for attempts in (1, 2):
        assert (await sync_index(index, POSTS)).parked == {"posts": 2}
        assert [each.attempts for each in (await index_status(index, POSTS)).examples] == [attempts, attempts]
    await store.database["Post"].delete_many({})
    await sync_index(index, POSTS)
    assert (await index_status(index, POSTS)).parked == 0


@pytest.mark.parametrize("text", ["507f1f77bcf86cd799439011", "507F1F77BCF86CD799439011"])
async def test_a_text_that_looks_like_an_object_id_is_parked_by_all_with_one_reason(
    store: Store, author: Author, text: str
) -> None:
    index = await store.search_index()
    post = await _published(1, author).insert()
    whole = await store.database["Post"].find_one({"_id": post.id})
    assert whole is not None
    await store.database["Post"].insert_one(whole | {"_id": text, "postUrl": "text"})

    async def parked() -> list[tuple[str, str]]:
        return [(each.object_id, each.reason) for each in (await index_status(index, POSTS)).examples]

    await reindex(index, POSTS, OutboxChanges(), store.database)
    told = await parked()
    assert told == [(text, "the stored document does not fit: its _id is a str, no ObjectId.")]
    await sync_index(index, POSTS)
    assert await parked() == told
    await apply_changes(index, [("Post", text), ("Author", author.id)])
    assert await parked() == told
    assert (await verify(index, POSTS, mend=True)).unfit == 1
    assert await parked() == told
    await reindex(index, POSTS, OutboxChanges(), store.database)
    assert await parked() == told

    await store.database["Post"].delete_one({"_id": text})
    await sync_index(index, POSTS)
    assert await parked() == []


async def test_beside_an_object_id_that_looks_the_same_it_stands_for_nothing(store: Store, author: Author) -> None:
    index = await store.search_index()
    post = await _published(1, author).insert()
    whole = await store.database["Post"].find_one({"_id": post.id})
    assert whole is not None
    await store.database["Post"].insert_one(whole | {"_id": str(post.id), "postUrl": "text"})
    for work in (sync_index(index, POSTS), reindex(index, POSTS, OutboxChanges(), store.database)):
        await work
        assert await index.get_object("posts", str(post.id)) is not None
        assert (await index_status(index, POSTS)).parked == 0


def _published(number: int, author: Author) -> Post:
    return Post(title=f"P{number}", content="…", post_url=f"n{number}", author_id=author.id, status="PUBLISHED")


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
