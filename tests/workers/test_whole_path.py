"""From a change to its effects, over the real protocols: outbox, relay, Kafka, workers, search engine, cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from docstore.clients import SearchIndex
from docstore.clients.kafka import connection_options
from docstore.documents import utc_now
from docstore.errors import ValidationFailed
from docstore.models import Account, EmailRecipient, EmailSend, Member, Platform, Post, Review, User
from docstore.outbox import OutboxEntry, Relay
from docstore.outbox.buckets import BucketLeases, OutboxLease
from docstore.outbox.envelopes import envelope
from docstore.outbox.queue import BucketQueue
from docstore.store import Store
from docstore.workers import (
    DeadLetter,
    Message,
    NewsletterWorker,
    RatingsWorker,
    RelayWorker,
    SearchWorker,
    run_consumer,
)


@asynccontextmanager
async def running(store: Store, *workers: Any, relay: bool = True) -> AsyncIterator[None]:
    """Workers at work, each in a consumer group of its own: the servers are shared with other tests."""
    stop = asyncio.Event()

    async def run(worker: Any) -> None:
        async with store.make_consumer(f"{worker.group}-{uuid4().hex}", worker.topics) as consumer:
            await run_consumer(consumer, worker, stop)

    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(run(worker))
        if relay:
            tasks.create_task(RelayWorker(await store.publisher()).run(stop))
        try:
            yield
        finally:
            stop.set()


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.1)


async def test_a_published_newsletter_is_delivered(store: Store, members: list[Member], newsletter: Post) -> None:
    async def all_sent() -> bool:
        return await EmailSend.find(EmailSend.sent_at != None).count() == 1  # noqa: E711 - the filter

    async with running(store, NewsletterWorker(batch=3)):
        await eventually(all_sent)

        async def outbox_empty() -> bool:
            return await OutboxEntry.find({"status": "PENDING"}).count() == 0

        await eventually(outbox_empty)
    assert await EmailRecipient.find().count() == await Member.find({"unsubscribed": False}).count() == 8


async def test_a_relay_killed_between_sending_and_marking(
    store: Store, members: list[Member], newsletter: Post
) -> None:
    publisher = await store.publisher()
    # What a relay does that is killed after the broker's answer: claim, send, and nothing more.
    killed = BucketLeases("killed")
    await killed.settle()
    groups = await BucketQueue(killed.held).due(100)
    for group in groups:
        for row in group:
            message = envelope(row)
            await publisher.publish(message.topic, key=message.key, value=message.value, headers=message.headers)
    # Later: nobody renews what it held.
    ago = utc_now() - timedelta(hours=1)
    await OutboxLease.get_pymongo_collection().update_many({}, {"$set": {"until": ago}})
    assert (await Relay(publisher).run_once()).published == sum(map(len, groups))

    sends = 0

    class Counting(NewsletterWorker):
        async def handle(self, message: Any) -> None:
            nonlocal sends
            sends += str(newsletter.id).encode() == message.key
            await super().handle(message)

    async def both_arrived() -> bool:
        return sends == 2

    async with running(store, Counting(), relay=False):
        await eventually(both_arrived)
    assert await EmailRecipient.find().count() == 8
    assert await OutboxEntry.find({"name": "newsletter.send"}).count() == 1


async def test_a_review_reaches_rating_search_and_cache(store: Store) -> None:
    index, key_value = await store.search_index(), await store.key_value()
    account = await Account(platform=Platform.YOUTUBE, account_id=f"UC{uuid4().hex}", name="Name").insert()
    user = await User(email="u@example.com").insert()
    key = f"accounts-youtube-{account.account_id}"
    await key_value.set(key, b"{}", ttl=60)

    async def in_search(rating: float, count: int) -> bool:
        record = await index.get_object("accounts", account.account_id)
        return record is not None and (record["rating"], record["reviewCount"]) == (rating, count)

    async with running(store, RatingsWorker(key_value), SearchWorker(index)):
        for stars in (5, 4, 4):
            await Review(
                title="r", stars=stars, author_id=user.id, account_id=account.id, platform=account.platform
            ).insert()
        await eventually(lambda: in_search(4.33, 3))
    stored = await Account.get(account.id)
    assert stored is not None
    assert (stored.rating, stored.review_count) == (4.33, 3)
    assert not await key_value.exists(key)
    assert await DeadLetter.find().count() == 0


async def test_a_deleted_post_leaves_the_index_and_comes_back(store: Store, newsletter: Post) -> None:
    index: SearchIndex = await store.search_index()

    async def is_there(wanted: bool) -> bool:
        return (await index.get_object("posts", str(newsletter.id)) is not None) is wanted

    async with running(store, SearchWorker(index)):
        await eventually(lambda: is_there(True))
        await newsletter.delete()
        await eventually(lambda: is_there(False))
        await newsletter.restore()
        await eventually(lambda: is_there(True))


async def test_a_message_nobody_can_read_does_not_stop_the_others(
    store: Store, members: list[Member], newsletter: Post
) -> None:
    publisher = await store.publisher()
    mark = uuid4().hex.encode()
    for value in (b"not json", b"[]", b'{"aggregateId": 5}'):
        await publisher.publish("post.published", key=mark, value=value)

    async def all_done() -> bool:
        letters = await DeadLetter.find({"key": mark}).count()
        return letters == 3 and await EmailRecipient.find().count() == 8

    async with running(store, NewsletterWorker()):
        await eventually(all_done)


async def test_a_message_that_fits_into_no_document_holds_up_nothing(store: Store) -> None:
    handled: list[bytes] = []

    class Picky:
        group, topics = "picky", (f"large-{uuid4().hex}",)

        async def handle(self, message: Message) -> None:
            if len(message.value) > 1_000:
                raise ValidationFailed("too long")
            handled.append(message.value)

    worker = Picky()
    # Another service's producer: docstore's own sends nothing of that size.
    options = connection_options(store.settings) | {"max_request_size": 30_000_000, "request_timeout_ms": 60_000}
    (topic,) = worker.topics

    async def kept() -> bool:
        return await DeadLetter.find({"topic": topic}).count() == 1

    async def small_arrived() -> bool:
        # The embedded broker drops a message of that size when another comes, and takes that one along.
        await producer.send_and_wait(topic, b"small", key=b"k", partition=0)
        return b"small" in handled

    async with AIOKafkaProducer(**options) as producer, running(store, worker, relay=False):
        await producer.send_and_wait(topic, b"x" * 17_000_000, key=b"k", partition=0)
        await eventually(kept)
        await eventually(small_arrived)
    (letter,) = await DeadLetter.find({"topic": topic}).to_list()
    assert (letter.partition, letter.offset, letter.value, letter.left_out) == (0, 0, b"", ["value"])
    assert letter.error.startswith("too long. With 17,000,")
