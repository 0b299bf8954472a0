"""Events become rows in the transaction of their change, and only then."""

from __future__ import annotations

from typing import ClassVar

import pytest

from docstore.context import acting_as
from docstore.documents import Event, emit, transaction
from docstore.documents.filters import In
from docstore.models import Author, Post, Tag
from docstore.outbox import EntryStatus, OutboxEntry
from docstore.store import Store


class Ping(Event):
    name: ClassVar[str] = "test.ping"
    collection: ClassVar[str] = "Tag"

    number: int


async def rows(name: str) -> list[OutboxEntry]:
    found = await OutboxEntry.find({"name": name}).to_list()
    return sorted(found, key=lambda row: row.seq)


async def test_publishing_a_post_leaves_its_events_in_the_outbox(store: Store) -> None:
    author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
    post = await Post(title="Hello", content="…", post_url="hello", author_id=author.id, is_newsletter=True).insert()
    await post.publish()

    (published,) = await rows("post.published")
    assert published.topic == "post.published"
    assert published.key == published.aggregate_id == str(post.id)
    assert published.payload["postUrl"] == "hello"
    assert published.payload["isNewsletter"] is True
    assert published.status is EntryStatus.PENDING
    assert published.source == "docstore/Post"

    changes = [row for row in await rows("document.changed") if row.aggregate_id == str(post.id)]
    assert [row.payload["kind"] for row in changes] == ["insert", "update"]
    assert {row.source for row in changes} == {"docstore/Post"}


async def test_an_aborted_transaction_leaves_no_event(store: Store) -> None:
    async def change_and_regret() -> None:
        async with transaction():
            await Tag(slug="lost").insert()
            await emit(Ping(aggregate_id="a", number=1))
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_and_regret()
    assert await Tag.find().count() == 0
    assert await OutboxEntry.find().count() == 0


async def test_an_event_outside_a_transaction_is_kept_at_once(store: Store) -> None:
    with acting_as("user:1", request_id="req-9"):
        await emit(Ping(aggregate_id="a", number=1), Ping(aggregate_id="a", number=2))
    first, second = await rows("test.ping")
    assert (first.payload, second.payload) == (
        {"aggregateId": "a", "number": 1},
        {"aggregateId": "a", "number": 2},
    )
    assert first.seq < second.seq
    assert first.event_id != second.event_id
    assert first.headers == {"ce_requestid": "req-9"}


async def test_a_bulk_write_tells_of_every_document(store: Store) -> None:
    await Tag.insert_many([Tag(slug=f"t{number}") for number in range(25)])
    await Tag.find(In(Tag.slug, ["t1", "t2"])).delete()
    kinds = [row.payload["kind"] for row in await rows("document.changed")]
    assert kinds.count("insert") == 25
    assert kinds.count("delete") == 2


async def test_rows_hold_every_field_of_the_model(store: Store) -> None:
    await emit(Ping(aggregate_id="a", number=1))
    raw = await store.database["OutboxEntry"].find_one({})
    assert raw is not None
    assert set(raw) == {OutboxEntry.stored_name(name) for name in OutboxEntry.model_fields} - {"revision_id"}
