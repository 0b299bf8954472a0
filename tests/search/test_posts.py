"""Post records: which posts have one, what stands in it, and what else changes it."""

from __future__ import annotations

from docstore.clients import SearchIndex
from docstore.models import Author, Post, Tag, TagOnPost
from docstore.search import POSTS, apply_changes, build_records


async def test_a_published_post_has_a_record(post: Post) -> None:
    ((record,), delete) = await build_records(POSTS, [post.id])
    assert post.publish_date is not None
    assert record == {
        "objectID": str(post.id),
        "title": "Hello",
        "excerpt": "Hi",
        "tags": ["a", "b"],
        "authorName": "Ada",
        "postUrl": "hello",
        "publishDate": post.publish_date.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "contentType": "BLOG",
        "featured": False,
    }
    assert delete == []


async def test_a_post_that_is_not_published_has_none(post: Post) -> None:
    await post.archive()
    assert await build_records(POSTS, [post.id]) == ([], [str(post.id)])


async def test_a_deleted_post_loses_its_record_and_restoring_gives_it_back(post: Post, index: SearchIndex) -> None:
    change = [("Post", str(post.id))]
    await apply_changes(index, change)
    assert await index.get_object("posts", str(post.id)) is not None
    await post.delete()
    report = await apply_changes(index, change)
    assert report.deleted == {"posts": 1}
    assert await index.get_object("posts", str(post.id)) is None
    await post.restore()
    await apply_changes(index, change)
    assert await index.get_object("posts", str(post.id)) is not None


async def test_records_follow_tags_their_links_and_the_author(post: Post, author: Author, index: SearchIndex) -> None:
    async def record() -> dict[str, object]:
        found = await index.get_object("posts", str(post.id))
        assert found is not None
        return dict(found)

    tag = await Tag.find_one({"slug": "a"})
    assert tag is not None
    tag.slug = "renamed"
    await tag.save()
    await apply_changes(index, [("Tag", tag.id)])
    assert (await record())["tags"] == ["b", "renamed"]

    link = await TagOnPost.find_one({"tagId": tag.id})
    assert link is not None
    await link.delete()
    await apply_changes(index, [("TagOnPost", link.id)])
    assert (await record())["tags"] == ["b"]

    author.name = "Grace"
    await author.save()
    await apply_changes(index, [("Author", author.id)])
    assert (await record())["authorName"] == "Grace"


async def test_a_deleted_tag_is_not_shown(post: Post, index: SearchIndex) -> None:
    tag = await Tag.find_one({"slug": "a"})
    assert tag is not None
    await tag.delete()
    await apply_changes(index, [("Tag", tag.id)])
    record = await index.get_object("posts", str(post.id))
    assert record is not None
    assert record["tags"] == ["b"]
