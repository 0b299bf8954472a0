"""Indexes compared with the documents, and mended."""

from __future__ import annotations

from typing import Any

import pytest
from tests.search.engine import Meddled

from docstore.clients import SearchIndex
from docstore.errors import ReindexRefused
from docstore.models import Account, Platform, Post
from docstore.search import ACCOUNTS, POSTS, SearchParked, apply_changes, content_hash, full_sync, sync_index, verify
from docstore.store import Store


async def spoiled(post: Post, index: SearchIndex) -> None:
    """A stale record, a missing one, one of a post that is not online, and one of nothing."""
    await full_sync(index)
    await index.partial_update("posts", str(post.id), {"title": "Old"})
    missing = await Post(title="M", content="…", post_url="m", author_id=post.author_id, status="PUBLISHED").insert()
    draft = await Post(title="D", content="…", post_url="d", author_id=post.author_id).insert()
    await index.save_objects("posts", [{"objectID": str(draft.id)}, {"objectID": "nobody"}])
    assert missing.id is not None


async def test_what_differs_is_told_and_mended(post: Post, index: SearchIndex) -> None:
    await spoiled(post, index)
    report = await verify(index, POSTS)
    assert (report.compared, report.missing, report.stale, report.orphaned, report.ok) == (2, 1, 1, 2, False)
    assert report.examples["stale"] == [str(post.id)]
    assert "nobody" in report.examples["orphaned"]
    mended = await verify(index, POSTS, mend=True)
    assert mended.ok
    assert (mended.mended.saved, mended.mended.deleted) == ({"posts": 2}, {"posts": 2})
    again = await verify(index, POSTS)
    assert (again.ok, again.compared) == (True, 2)


async def test_a_sync_writes_what_differs_alone(post: Post, index: SearchIndex) -> None:
    await spoiled(post, index)
    report = await sync_index(index, POSTS)
    assert (report.saved, report.deleted) == ({"posts": 2}, {"posts": 2})
    assert (await verify(index, POSTS)).ok
    assert (await sync_index(index, POSTS)).saved == {}


async def test_a_change_that_is_on_its_way_is_no_difference(post: Post, index: SearchIndex) -> None:
    await full_sync(index)
    post.title = "New"
    await post.save()
    looks = 0

    async def arrive(name: str) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:  # between the two looks
            await apply_changes(index, [("Post", post.id)])

    engine: Any = Meddled(index, arrive, "get_objects")
    assert (await verify(engine, POSTS)).ok
    assert looks == 2


async def test_a_record_that_cannot_be_written_is_parked_and_no_difference(post: Post, index: SearchIndex) -> None:
    post.title = "x" * 100_001
    await post.save()
    other = await Post(title="O", content="…", post_url="o", author_id=post.author_id, status="PUBLISHED").insert()
    report = await apply_changes(index, [("Post", post.id), ("Post", other.id)])
    assert (report.saved, report.parked) == ({"posts": 1}, {"posts": 1})
    row = await SearchParked.find_one({"_id": f"posts/{post.id}"})
    assert row is not None
    assert "title" in row.reason
    assert "x" * 50 not in row.reason
    compared = await verify(index, POSTS)
    assert (compared.ok, compared.unfit) == (True, 1)
    assert (await sync_index(index, POSTS)).parked == {"posts": 1}
    post.title = "Short"
    await post.save()
    await sync_index(index, POSTS)
    assert await SearchParked.count() == 0
    assert await index.get_object("posts", str(post.id)) is not None


@pytest.mark.parametrize("way", ["sync", "mend"])
async def test_what_became_unfit_unheard_is_parked(store: Store, post: Post, index: SearchIndex, way: str) -> None:
    await full_sync(index)
    await store.database["Post"].update_one({"_id": post.id}, {"$set": {"title": "x" * 100_001}})
    report = await verify(index, POSTS)
    assert (report.ok, report.unfit, report.examples["unfit"]) == (True, 1, [str(post.id)])
    assert await SearchParked.count() == 0
    if way == "sync":
        assert (await sync_index(index, POSTS)).parked == {"posts": 1}
    else:
        assert (await verify(index, POSTS, mend=True)).mended.parked == {"posts": 1}
    assert await SearchParked.count() == 1


async def test_a_parked_record_whose_document_goes_is_forgotten(post: Post, index: SearchIndex) -> None:
    post.title = "x" * 100_001
    await post.save()
    await apply_changes(index, [("Post", post.id)])
    await post.delete()
    await apply_changes(index, [("Post", post.id)])
    assert await SearchParked.count() == 0


async def test_accounts_are_compared_by_their_own_ids(index: SearchIndex) -> None:
    for platform, name in ((Platform.YOUTUBE, "a"), (Platform.TWITCH, "a"), (Platform.REDDIT, "b")):
        await Account(platform=platform, account_id=name).insert()
    await full_sync(index)
    await index.delete_objects("accounts", ["b"])
    await index.save_objects("accounts", [{"objectID": "c"}])
    report = await verify(index, ACCOUNTS, mend=True)
    assert (report.mended.saved, report.mended.deleted) == ({"accounts": 1}, {"accounts": 1})
    assert (await verify(index, ACCOUNTS)).ok


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}, True),
        ({"a": 1}, {"a": 1, "_highlightResult": {}}, True),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
    ],
)
def test_the_same_content_has_the_same_hash(one: Any, other: Any, same: bool) -> None:
    assert (content_hash(one) == content_hash(other)) is same


async def test_a_large_index_is_not_emptied_for_want_of_documents(post: Post, index: SearchIndex, store: Store) -> None:
    await full_sync(index)
    await index.save_objects("posts", [{"objectID": f"{number}"} for number in range(1_000)])
    for call in (sync_index(index, POSTS), verify(index, POSTS, mend=True), full_sync(index, records=[POSTS])):
        with pytest.raises(ReindexRefused, match="1,000 records or more would be deleted"):
            await call
    assert await index.count("posts") == 1_001
    assert (await verify(index, POSTS)).orphaned == 1_000, "to look is free"
    assert (await sync_index(index, POSTS, force=True)).deleted == {"posts": 1_000}
    await index.save_objects("posts", [{"objectID": f"{number}"} for number in range(999)])
    assert (await sync_index(index, POSTS)).deleted == {"posts": 999}, "few are soon written again"
