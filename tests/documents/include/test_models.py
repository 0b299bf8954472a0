"""The relations of the models docstore brings, over linked documents."""

from typing import Any

from docstore.models import (
    ALL,
    Account,
    Author,
    Category,
    CategoryMapping,
    Comment,
    Note,
    NoteStatistics,
    Platform,
    Post,
    Review,
    Tag,
    TagOnPost,
    User,
)


async def test_a_blog(bind_models: Any) -> None:
    await bind_models(*ALL)
    author = await Author(clerk_id="c", email="ada@example.com", name="Ada").insert()
    post = await Post(title="Hello", content="…", post_url="hello", author_id=author.id).insert()
    tags = [await Tag(slug=slug).insert() for slug in ("zoo", "art")]
    for tag in tags:
        await TagOnPost(post_id=post.id, tag_id=tag.id).insert()
    found = await Post.find_one(Post.post_url == "hello").include("author", "tags")
    assert found is not None
    assert found.author is not None
    assert found.author.name == "Ada"
    assert [tag.slug for tag in found.tags] == ["art", "zoo"]
    tagged = await Tag.find_one(Tag.slug == "zoo").include(Tag.posts.include("author"))
    assert tagged is not None
    assert [each.author and each.author.name for each in tagged.posts] == ["Ada"]


async def test_reviews_and_categories(bind_models: Any) -> None:
    await bind_models(*ALL)
    user = await User(email="u@example.com").insert()
    account = await Account(platform=Platform.YOUTUBE, account_id="a").insert()
    root = await Category(name="Root", slug="root").insert()
    leaf = await Category(name="Leaf", slug="leaf", parent_id=root.id, depth=1).insert()
    await CategoryMapping(account_id=account.id, category_id=leaf.id).insert()
    for stars in (1, 2, 3, 4):
        review = await Review(
            title=str(stars), stars=stars, author_id=user.id, account_id=account.id, platform=Platform.YOUTUBE
        ).insert()
    first = await Comment(author_id=user.id, review_id=review.id).insert()
    await Comment(author_id=user.id, review_id=review.id, reply_to_id=first.id).insert()

    best = Account.reviews.sort("-stars").limit(2).include("author", "comments.replies")
    found = await Account.find_one(Account.account_id == "a").include("categories.parent", best)
    assert found is not None
    assert [each.parent and each.parent.name for each in found.categories] == ["Root"]
    assert [review.stars for review in found.reviews] == [4, 3]
    assert all(review.author and review.author.id == user.id for review in found.reviews)
    assert [len(comment.replies) for comment in found.reviews[0].comments] == [1, 0]
    tree = await Category.find_one(Category.slug == "root").include("children.accounts")
    assert tree is not None
    assert [each.account_id for each in tree.children[0].accounts] == ["a"]


async def test_notes(bind_models: Any) -> None:
    await bind_models(*ALL)
    user = await User(email="u@example.com").insert()
    note = await Note(title="N", content="…", slug="n", author_id=user.id).insert()
    await NoteStatistics(note_id=note.id, view_count=3).insert()
    found = await Note.find_one(Note.slug == "n").include("author", "media", "comments", "statistics")
    assert found is not None
    assert found.author is not None
    assert found.author.email == "u@example.com"
    assert found.statistics is not None
    assert found.statistics.view_count == 3
    assert found.media == found.comments == []
