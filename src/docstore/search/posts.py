"""Records of the index `posts`: published posts, with their tags and their author's name."""

from collections import defaultdict
from collections.abc import Sequence

from docstore.documents.guard import Scope
from docstore.models import Author, Post, PostStatus, Tag, TagOnPost
from docstore.search.reading import among, by_id, related_ids
from docstore.search.records import Id, Record, SearchRecord, instant


async def compose(posts: Sequence[Post]) -> list[Record]:
    """The records of posts."""
    authors = await by_id(Author, {post.author_id for post in posts})
    tags = await _tags_of([Id(post.id) for post in posts if post.id is not None])
    return [_record(post, authors.get(post.author_id), tags[Id(post.id)]) for post in posts]


def _record(post: Post, author: Author | None, tags: list[str]) -> Record:
    return {
        "objectID": str(post.id),
        "title": post.title,
        "excerpt": post.excerpt,
        "tags": list(tags),
        "authorName": author.name or author.username if author else None,
        "postUrl": post.post_url,
        "publishDate": instant(post.publish_date),
        "contentType": post.content_type.value,
        "featured": post.featured,
    }


async def _tags_of(ids: Sequence[Id]) -> defaultdict[Id, list[str]]:
    links = await among(TagOnPost, "postId", ids)
    tags = await by_id(Tag, {link.tag_id for link in links})
    slugs: defaultdict[Id, list[str]] = defaultdict(list)
    for link in links:
        if link.tag_id in tags:
            slugs[link.post_id].append(tags[link.tag_id].slug)
    for each in slugs.values():
        each.sort()
    return slugs


async def _tagged(tag_ids: Sequence[Id]) -> set[Id]:
    return await related_ids(TagOnPost, "tagId", tag_ids, "postId")


async def _linked(link_ids: Sequence[Id]) -> set[Id]:
    # With the deleted ones: a post that lost a tag needs its record anew too.
    return await related_ids(TagOnPost, "_id", link_ids, "postId")


async def _written_by(author_ids: Sequence[Id]) -> set[Id]:
    return await related_ids(Post, "authorId", author_ids, scope=Scope.LIVING)


POSTS = SearchRecord(
    "posts",
    Post,
    compose,
    selection={"status": PostStatus.PUBLISHED.value},
    should_index=lambda post: post.status is PostStatus.PUBLISHED,
    touched_by={"Tag": _tagged, "TagOnPost": _linked, "Author": _written_by},
)
