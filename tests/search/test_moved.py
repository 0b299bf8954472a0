"""A part that comes to belong elsewhere: the record of what it belonged to before follows, too."""

from __future__ import annotations

import pytest
from pymongo import UpdateOne
from tests.search.engine import changes_since, next_second

from docstore.clients import SearchIndex
from docstore.documents.guard import Scope
from docstore.models import Post, Tag, TagOnPost
from docstore.search import POSTS, apply_changes, verify
from docstore.settings import Settings
from docstore.store import Store

WAYS = ("save", "one", "many", "pipeline", "replace", "find and update", "bulk", "document", "in the trash", "back")


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Without the audit log, unless asked for: where it is kept, documents are read before every write."""
    return settings.model_copy(update={"audit": getattr(request, "param", False)})


@pytest.mark.parametrize(("settings", "way"), [*((False, way) for way in WAYS), (True, "one")], indirect=["settings"])
async def test_a_link_that_comes_to_belong_elsewhere_leaves_the_record_of_where_it_was(
    store: Store, post: Post, index: SearchIndex, way: str
) -> None:
    other = await Post(title="O", content="…", post_url="o", author_id=post.author_id, status="PUBLISHED").insert()
    tag = await Tag.find_one({"slug": "a"})
    assert tag is not None
    link = await TagOnPost.find_one({"tagId": tag.id})
    assert link is not None
    await apply_changes(index, [("Post", post.id), ("Post", other.id)])
    begun = await next_second()

    links, this, to_other = TagOnPost.get_pymongo_collection(), {"_id": link.id}, {"$set": {"postId": other.id}}
    match way:
        case "save":
            link.post_id = other.id
            await link.save()
        case "one":
            await links.update_one(this, to_other)
        case "many":
            await TagOnPost.find(TagOnPost.tag_id == tag.id).update(to_other)
        case "pipeline":
            await links.update_many({"tagId": tag.id}, [{"$set": {"postId": {"$ifNull": [other.id, None]}}}])
        case "replace":
            await links.replace_one(this, {"postId": other.id, "tagId": tag.id})
        case "find and update":
            await links.find_one_and_update(this, to_other)
        case "bulk":
            await links.bulk_write([UpdateOne({"_id": post.id}, to_other), UpdateOne(this, to_other)])
        case "document":
            await link.set({"postId": other.id})
        case "in the trash":
            await link.delete()
            await links.in_scope(Scope.ALL).update_one(this, to_other)
        case _:
            await link.delete()
            (back,) = await TagOnPost.deleted.find({"tagId": tag.id}).to_list()
            back = await back.restore()
            back.post_id = other.id
            await back.save()

    await apply_changes(index, await changes_since(begun))
    tags = {each.id: (await index.get_object("posts", str(each.id)) or {})["tags"] for each in (post, other)}
    assert tags == {post.id: ["b"], other.id: [] if way == "in the trash" else ["a"]}
    assert (await verify(index, POSTS)).ok


async def test_only_what_names_the_owner_has_the_document_read(store: Store, post: Post) -> None:
    link = await TagOnPost.find_one({"postId": post.id})
    assert link is not None
    begun = await next_second()
    await link.save()  # it writes every field, and none anew
    await TagOnPost.get_pymongo_collection().update_many({"postId": post.id}, {"$set": {"legacy": 1}})
    assert {name for name, _ in await changes_since(begun)} == {"TagOnPost"}
