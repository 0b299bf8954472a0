"""The search engine of a store, with the declared settings, and a few documents."""

from __future__ import annotations

import pytest_asyncio

from docstore.clients import SearchIndex
from docstore.models import Author, Post, Tag, TagOnPost
from docstore.store import Store


@pytest_asyncio.fixture
async def index(store: Store) -> SearchIndex:
    return await store.search_index()


@pytest_asyncio.fixture
async def author(store: Store) -> Author:
    return await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()


@pytest_asyncio.fixture
async def post(author: Author) -> Post:
    """A published post with the tags `b` and `a`."""
    post = await Post(title="Hello", content="…", post_url="hello", author_id=author.id, excerpt="Hi").insert()
    for slug in ("b", "a"):
        tag = await Tag(slug=slug).insert()
        await TagOnPost(post_id=post.id, tag_id=tag.id).insert()
    return await post.publish()
