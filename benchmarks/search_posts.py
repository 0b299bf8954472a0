"""Posts for the benchmarks of search."""

from typing import Final

from bson import ObjectId

from docstore.documents import declared_indexes, utc_now
from docstore.models import Author, Post, Tag, TagOnPost
from docstore.outbox import OutboxEntry
from docstore.store import Store

_TEXT: Final = "What a reader sees of it before the rest, in two sentences of the usual length. " * 3
_CHUNK: Final = 5_000


async def fill(store: Store, posts: int, *, tags_each: int = 2, indexes: bool = True) -> None:
    """Published posts of ten authors, with some of twenty tags; written bare, for they are not what is measured."""
    now = utc_now()
    stamps = {"createdAt": now, "updatedAt": now, "deletedAt": None, "isDeleted": False}
    for model in (Author, Tag, Post, TagOnPost, OutboxEntry):
        collection = store.database[model.get_collection_name()]
        await collection.drop()
        if indexes:
            await collection.create_indexes([each.to_index_model(model) for each in declared_indexes(model)])
    authors = [ObjectId() for _ in range(10)]
    tags = [ObjectId() for _ in range(20)]
    await store.database["Author"].insert_many(
        [
            {
                "_id": each,
                "clerkId": f"c{n}",
                "name": f"Ada {n}",
                "email": f"a{n}@example.com",
                "role": "WRITER",
                **stamps,
            }
            for n, each in enumerate(authors)
        ]
    )
    await store.database["Tag"].insert_many(
        [{"_id": each, "slug": f"tag-{n}", **stamps} for n, each in enumerate(tags)]
    )
    for start in range(0, posts, _CHUNK):
        numbers = range(start, min(start + _CHUNK, posts))
        rows = [
            {
                "_id": ObjectId(),
                "title": f"Post -1 {n}",
                "content": "…",
                "excerpt": _TEXT,
                "postUrl": f"post-{n}",
                "authorId": authors[n % 10],
                "status": "PUBLISHED",
                "publishDate": now,
                "contentType": "BLOG",
                **stamps,
            }
            for n in numbers
        ]
        links = [
            {"_id": ObjectId(), "postId": row["_id"], "tagId": tags[(n + more) % 20], **stamps}
            for n, row in zip(numbers, rows, strict=True)
            for more in range(tags_each)
        ]
        await store.database["Post"].insert_many(rows, ordered=False)
        if links:
            await store.database["TagOnPost"].insert_many(links, ordered=False)
