"""What an editor knows of queries, pages and relations; checked by `test_typing.py`, never run."""

from typing import assert_type

from docstore.documents import Many, NumberedPage, One, Page, include
from docstore.documents.queries import FindManyDocuments
from docstore.models import Account, Author, Post, Review, Tag


async def queries() -> None:
    assert_type(Post.find().sort("-publishDate").limit(3), FindManyDocuments[Post])
    assert_type(Post.deleted.find(), FindManyDocuments[Post])
    assert_type(Post.published().include("author"), FindManyDocuments[Post])
    assert_type(await Post.find().to_list(), list[Post])
    assert_type(await Post.find_one().include("author"), Post | None)
    async for post in Post.find().include("tags"):
        assert_type(post, Post)


async def pages() -> None:
    assert_type(await Post.find().include("author").page(20), Page[Post])
    assert_type(await Post.find().paginate(2), NumberedPage[Post])


async def relations(post: Post, account: Account) -> None:
    assert_type(post.author, Author | None)
    assert_type(post.tags, list[Tag])
    assert_type(account.reviews, list[Review])
    assert_type(Post.author, One[Author])
    assert_type(Account.reviews.sort("-stars").limit(3), Many[Review])
    assert_type(await include(post, "author", Post.tags), Post)
    assert_type(await include([post], "author"), list[Post])
