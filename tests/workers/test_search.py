"""Changes told by messages reach the search engine."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from docstore.clients import SearchIndex
from docstore.errors import ValidationFailed
from docstore.models import Account, Platform, Post
from docstore.store import Store
from docstore.workers import SearchWorker

Fixture = Any


@pytest_asyncio.fixture
async def index(store: Store) -> SearchIndex:
    return await store.search_index()


async def test_records_follow_messages(newsletter: Post, index: SearchIndex, waiting: Fixture) -> None:
    worker = SearchWorker(index)
    await worker.handle_many(await waiting("document.changed"))
    record = await index.get_object("posts", str(newsletter.id))
    assert record is not None
    assert record["title"] == "News"
    await newsletter.delete()
    *_, deleted = await waiting("document.changed")
    await worker.handle(deleted)
    await worker.handle(deleted)
    assert await index.get_object("posts", str(newsletter.id)) is None


async def test_an_old_message_does_not_bring_back_the_old_state(
    newsletter: Post, index: SearchIndex, waiting: Fixture
) -> None:
    messages = await waiting("document.changed")
    newsletter.title = "Better news"
    await newsletter.save()
    worker = SearchWorker(index)
    for message in reversed(await waiting("document.changed")):
        await worker.handle(message)
    await worker.handle(messages[0])
    record = await index.get_object("posts", str(newsletter.id))
    assert record is not None
    assert record["title"] == "Better news"


async def test_a_rating_updates_part_of_a_record(index: SearchIndex, foreign: Fixture, waiting: Fixture) -> None:
    await Account(platform=Platform.YOUTUBE, account_id="UC1", name="Name").insert()
    worker = SearchWorker(index)
    await worker.handle_many(await waiting("document.changed"))
    await worker.handle(foreign("new-review-algolia-update", {"objectID": "UC1", "rating": 4.5, "reviewCount": 2}))
    record = await index.get_object("accounts", "UC1")
    assert record is not None
    assert (record["name"], record["rating"], record["reviewCount"]) == ("Name", 4.5, 2)


async def test_a_rating_of_an_absent_record_creates_none(index: SearchIndex, foreign: Fixture) -> None:
    await index.save_objects("accounts", [{"objectID": "other"}])
    await SearchWorker(index).handle(
        foreign("new-review-algolia-update", {"objectID": "nobody", "rating": 1.0, "reviewCount": 1})
    )
    assert await index.get_object("accounts", "nobody") is None


async def test_messages_that_cannot_be_read_are_refused(index: SearchIndex, foreign: Fixture) -> None:
    worker = SearchWorker(index)
    with pytest.raises(ValidationFailed, match="objectID"):
        await worker.handle(foreign("new-review-algolia-update", {"rating": 1}))
    for spoiled in ({"rating": "4.5"}, {"reviewCount": True}, {"rating": {"_operation": "Increment", "value": 1}}):
        with pytest.raises(ValidationFailed, match="numbers"):
            await worker.handle(foreign("new-review-algolia-update", {"objectID": "UC1", **spoiled}))
    with pytest.raises(ValidationFailed, match=r"document\.changed"):
        await worker.handle(foreign("document.changed", {"aggregateId": "x"}))
