"""Posts on their way to publication, and what the blog's documents refuse."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pydantic import ValidationError
from pymongo.asynchronous.database import AsyncDatabase

from docstore import Store
from docstore.documents import Event, utc_now
from docstore.documents.events import add_event_handler, remove_event_handler
from docstore.errors import InvalidTransition, UniqueViolation, ValidationFailed
from docstore.models import Author, ContactForm, ContentType, Idea, IdeaStatus, Post, PostPublished, PostStatus


@pytest.fixture
async def author(store: Store) -> Author:
    return await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()


@pytest.fixture
def events() -> Iterator[list[Event]]:
    seen: list[Event] = []

    async def remember(events: Sequence[Event]) -> None:
        seen.extend(events)

    add_event_handler(remember)
    yield seen
    remove_event_handler(remember)


def a_post(author: Author, **changes: Any) -> Post:
    fields = {"title": "Hello", "content": "…", "post_url": "hello", "author_id": author.id, **changes}
    return Post(**fields)


def published_events(events: Sequence[Event]) -> list[PostPublished]:
    return [event for event in events if isinstance(event, PostPublished)]


@pytest.mark.parametrize("slug", ["Hello", "a b", "-a", "a--b", "", "ä"])
def test_an_address_that_is_no_slug_is_refused_with_an_example(slug: str) -> None:
    with pytest.raises(ValidationError, match="my-first-post") as refusal:
        Post(title="t", content="", post_url=slug, author_id=ObjectId())
    assert refusal.value.errors()[0]["loc"] in {("postUrl",), ("post_url",)}


@pytest.mark.parametrize("address", ["ada", "ada@", "@example.com", "a b@example.com"])
def test_a_wrong_email_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ValidationError, match=r"ada@example\.com"):
        ContactForm(name="Ada", email=address, message="hi")


def test_an_email_is_kept_in_lower_case() -> None:
    assert ContactForm(name="Ada", email=" Ada@Example.COM ", message="hi").email == "ada@example.com"


async def test_publish_sets_the_date_and_tells_it_once(author: Author, events: list[Event]) -> None:
    post = await a_post(author, content_type=ContentType.NEWSLETTER, is_newsletter=True).insert()
    before = utc_now()
    await post.publish()
    stored = await Post.get(post.id)
    assert stored is not None
    assert stored.status is post.status is PostStatus.PUBLISHED
    assert stored.publish_date is not None
    assert before <= stored.publish_date <= utc_now()
    [told] = published_events(events)
    assert told.aggregate_id == post.id
    assert told.topic_name() == "post.published"
    assert told.body() == {
        "aggregateId": str(post.id),
        "title": "Hello",
        "postUrl": "hello",
        "contentType": "NEWSLETTER",
        "isNewsletter": True,
        "newsletterType": None,
        "authorId": str(author.id),
    }


async def test_publish_keeps_a_date_in_the_past_and_replaces_one_to_come(author: Author) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    old = await a_post(author, post_url="old", publish_date=past).insert()
    await old.publish()
    assert old.publish_date == past
    early = await a_post(author, post_url="early").insert()
    await early.schedule(utc_now() + timedelta(days=1))
    await early.publish()
    assert early.publish_date is not None
    assert early.publish_date <= utc_now()


async def test_of_many_who_publish_at_once_one_does(author: Author, store: Store) -> None:
    post = await a_post(author).insert()

    async def publish() -> bool:
        mine = await Post.get(post.id)
        assert mine is not None
        try:
            await mine.publish()
        except InvalidTransition:
            return False
        return True

    assert sum(await asyncio.gather(*(publish() for _ in range(6)))) == 1
    assert await store.database["OutboxEntry"].count_documents({"name": "post.published"}) == 1


async def test_a_failing_event_leaves_the_post_unpublished(author: Author) -> None:
    post = await a_post(author).insert()

    async def refuse(events: Sequence[Event]) -> None:
        if published_events(events):
            raise RuntimeError("no outbox")

    add_event_handler(refuse)
    try:
        with pytest.raises(RuntimeError, match="no outbox"):
            await post.publish()
    finally:
        remove_event_handler(refuse)
    stored = await Post.get(post.id)
    assert stored is not None
    assert stored.status is PostStatus.DRAFT


async def test_of_two_who_publish_one_is_refused(author: Author, events: list[Event]) -> None:
    first = await a_post(author).insert()
    second = await Post.get(first.id)
    assert second is not None
    await first.publish()
    with pytest.raises(InvalidTransition):
        await second.publish()
    assert len(published_events(events)) == 1


async def test_schedule_wants_the_future(author: Author) -> None:
    post = await a_post(author).insert()
    for at in (utc_now() - timedelta(seconds=1), datetime(2020, 1, 1)):
        with pytest.raises(ValidationFailed, match="in the future") as refusal:
            await post.schedule(at)
        assert refusal.value.field == "publish_date"
    assert post.status is PostStatus.DRAFT


async def test_schedule_reschedule_unschedule(author: Author) -> None:
    post = await a_post(author).insert()
    tomorrow, later = utc_now() + timedelta(days=1), utc_now() + timedelta(days=2)
    await post.schedule(tomorrow)
    assert (post.status, post.publish_date) == (PostStatus.SCHEDULED, tomorrow)
    await post.schedule(later)
    assert post.publish_date == later
    await post.unschedule()
    stored = await Post.get(post.id)
    assert stored is not None
    assert (stored.status, stored.publish_date) == (PostStatus.DRAFT, None)


async def test_the_way_back_from_publication_and_archive(author: Author) -> None:
    post = await a_post(author).insert()
    await post.publish()
    await post.archive()
    assert post.status is PostStatus.ARCHIVED
    await post.unarchive()
    assert post.status is PostStatus.DRAFT
    await post.publish()
    await post.unpublish()
    assert post.status is PostStatus.DRAFT
    assert post.publish_date is not None


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (PostStatus.DRAFT, "archive"),
        (PostStatus.DRAFT, "unschedule"),
        (PostStatus.DRAFT, "unpublish"),
        (PostStatus.SCHEDULED, "archive"),
        (PostStatus.SCHEDULED, "unpublish"),
        (PostStatus.PUBLISHED, "publish"),
        (PostStatus.PUBLISHED, "unschedule"),
        (PostStatus.PUBLISHED, "unarchive"),
        (PostStatus.ARCHIVED, "publish"),
        (PostStatus.ARCHIVED, "archive"),
    ],
)
async def test_refused_steps_are_named(author: Author, state: PostStatus, step: str) -> None:
    post = await a_post(author, status=state, publish_date=utc_now() - timedelta(days=1)).insert()
    with pytest.raises(InvalidTransition, match=state.value):
        await getattr(post, step)()
    stored = await Post.get(post.id)
    assert stored is not None
    assert stored.status is post.status is state


async def test_a_late_unschedule_does_not_take_a_published_post_offline(author: Author) -> None:
    post = await a_post(author).insert()
    await post.schedule(utc_now() + timedelta(days=1))
    late = await Post.get(post.id)
    assert late is not None
    await post.publish()
    with pytest.raises(InvalidTransition, match="PUBLISHED"):
        await late.unschedule()
    stored = await Post.get(post.id)
    assert stored is not None
    assert stored.status is PostStatus.PUBLISHED


async def test_published_lists_newest_first_by_type(author: Author) -> None:
    day = datetime(2024, 1, 1, tzinfo=UTC)
    for number, kind in enumerate([ContentType.BLOG, ContentType.LEGAL, ContentType.BLOG]):
        post = a_post(author, post_url=f"p{number}", content_type=kind, publish_date=day + timedelta(days=number))
        await (await post.insert()).publish()
    await a_post(author, post_url="draft").insert()
    assert [post.post_url for post in await Post.published().to_list()] == ["p2", "p1", "p0"]
    assert [post.post_url for post in await Post.published(ContentType.BLOG).to_list()] == ["p2", "p0"]


async def test_a_deleted_post_frees_its_address(author: Author, database: AsyncDatabase[dict[str, Any]]) -> None:
    await database["Post"].insert_one({"title": "old", "postUrl": "hello", "status": "DELETED"})
    post = await a_post(author).insert()
    with pytest.raises(UniqueViolation):
        await a_post(author).insert()
    await post.delete()
    await a_post(author).insert()


async def test_ideas_go_back_to_work_but_not_to_new(author: Author) -> None:
    idea = await Idea(title="i", author_id=author.id).insert()
    await idea.move_to(IdeaStatus.DRAFT_CREATED)
    await idea.move_to(IdeaStatus.IN_PROGRESS)
    with pytest.raises(InvalidTransition, match="NEW"):
        await idea.move_to(IdeaStatus.NEW)
