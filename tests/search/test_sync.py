"""The full sync, and changes that mean nothing to the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docstore.clients import SearchIndex
from docstore.models import Account, Author, Category, Platform, Post
from docstore.search import apply_changes, full_sync
from docstore.store import Store


async def object_ids(index: SearchIndex, name: str) -> set[str]:
    return {str(hit["objectID"]) async for hit in index.browse(name)}


async def test_a_full_sync_saves_all_and_deletes_strays(post: Post, index: SearchIndex) -> None:
    draft = await Post(title="Draft", content="…", post_url="draft", author_id=post.author_id).insert()
    category = await Category(name="Tech", slug="tech").insert()
    await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    await index.save_objects("posts", [{"objectID": str(draft.id)}, {"objectID": "not an id"}])
    await index.save_objects("accounts", [{"objectID": "nobody"}])
    seen: list[tuple[str, int, int]] = []
    report = await full_sync(index, lambda name, done, total: seen.append((name, done, total)))
    assert report.saved == {"posts": 1, "accounts": 1, "categories": 1}
    assert report.deleted == {"posts": 2, "accounts": 1}
    assert await object_ids(index, "posts") == {str(post.id)}
    assert await object_ids(index, "accounts") == {"UC1"}
    assert await object_ids(index, "categories") == {str(category.id)}
    assert seen == [("posts", 1, 1), ("accounts", 1, 1), ("categories", 1, 1)]


async def test_a_full_sync_of_many_batches(author: Author, index: SearchIndex) -> None:
    await Post.insert_many(
        [
            Post(title=f"P{n}", content="…", post_url=f"p{n}", author_id=author.id, status="PUBLISHED")
            for n in range(1_201)
        ]
    )
    report = await full_sync(index)
    assert report.saved == {"posts": 1_201}
    assert await index.count("posts") == 1_201


async def test_what_is_written_during_a_full_sync_stays(post: Post, index: SearchIndex) -> None:
    late: list[Post] = []

    class WritingMeanwhile:
        """The index; another writer saves a post once the documents have been read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(index, name)

        async def save_objects(self, name: str, records: Sequence[Any], **options: Any) -> None:
            await index.save_objects(name, records, **options)
            if not late:
                late.append(await Post(title="Late", content="…", post_url="late", author_id=post.author_id).insert())
                await late[0].publish()
                await apply_changes(index, [("Post", late[0].id)])

    await full_sync(WritingMeanwhile())
    assert await object_ids(index, "posts") == {str(post.id), str(late[0].id)}


async def test_unknown_collections_and_ids_are_passed_over(store: Store, index: SearchIndex) -> None:
    report = await apply_changes(index, [("Member", "65f0c0ffee65f0c0ffee65f0"), ("Post", "not an id")])
    assert (report.saved, report.deleted) == ({}, {})


async def test_applying_changes_again_does_no_harm(post: Post, index: SearchIndex) -> None:
    change = [("Post", post.id)]
    first = await apply_changes(index, change)
    assert await apply_changes(index, change) == first
    assert await object_ids(index, "posts") == {str(post.id)}
