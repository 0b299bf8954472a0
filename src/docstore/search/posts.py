"""Records of the index `posts`: published posts, with their tags and their author's name."""

from collections import defaultdict
from collections.abc import Sequence

from docstore.documents import Document
from docstore.documents.filters import In
from docstore.models import Author, Post, PostStatus, Tag, TagOnPost
from docstore.search.records import Batch, Id, Record, SearchRecord, as_ids, by_id, instant


async def build(ids: Sequence[Id]) -> Batch:
    """Records of the published posts among `ids`; the others are to be deleted."""
    posts = {key: post for key, post in (await by_id(Post, ids)).items() if post.status is PostStatus.PUBLISHED}
    authors = await by_id(Author, {post.author_id for post in posts.values()})
    tags = await _tags_of(list(posts))
    return Batch(
        [_record(post, authors.get(post.author_id), tags[key]) for key, post in posts.items()],
        [str(each) for each in ids if each not in posts],
    )


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
    links = await TagOnPost.find(In(TagOnPost.post_id, ids)).to_list()
    tags = await by_id(Tag, {link.tag_id for link in links})
    slugs: defaultdict[Id, list[str]] = defaultdict(list)
    for link in links:
        if link.tag_id in tags:
            slugs[link.post_id].append(tags[link.tag_id].slug)
    for each in slugs.values():
        each.sort()
    return slugs


async def _documents_of(object_ids: Sequence[str]) -> list[Id]:
    return as_ids(object_ids)


async def _tagged(tag_ids: Sequence[Id]) -> set[Id]:
    links = await TagOnPost.with_deleted.find(In(TagOnPost.tag_id, tag_ids)).to_list()
    return {link.post_id for link in links}


async def _linked(link_ids: Sequence[Id]) -> set[Id]:
    # With the deleted ones: a post that lost a tag needs its record anew too.
    links = await TagOnPost.with_deleted.find(In(TagOnPost.id, link_ids)).to_list()
    return {link.post_id for link in links}


async def _written_by(author_ids: Sequence[Id]) -> set[Id]:
    posts: list[Document] = list(await Post.find(In(Post.author_id, author_ids)).to_list())
    return {Id(post.id) for post in posts if post.id is not None}


POSTS = SearchRecord(
    "posts",
    Post,
    build,
    _documents_of,
    {"Tag": _tagged, "TagOnPost": _linked, "Author": _written_by},
)
