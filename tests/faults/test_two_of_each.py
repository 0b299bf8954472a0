"""Two of every worker with the same messages in hand, as when a partition moves before its batch is done."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.faults.conftest import Waiting

from docstore.clients.mail import Mail
from docstore.documents import utc_now
from docstore.errors import ServerUnavailable
from docstore.jobs import JobQueue, JobRunner
from docstore.models import (
    Account,
    Author,
    CrawlerJob,
    EmailEvent,
    EmailRecipient,
    EmailSend,
    Member,
    Platform,
    Post,
    Review,
    Tag,
    User,
)
from docstore.models.operations import JobStatus
from docstore.outbox import OutboxEntry
from docstore.store import Store
from docstore.workers import (
    CrawlerWorker,
    DeliveriesWorker,
    IdentityWorker,
    Message,
    NewsletterWorker,
    RatingsWorker,
    SearchWorker,
    SenderWorker,
)
from docstore.workers.crawler import Page

MEMBERS = 30


async def twice(one: Any, other: Any, *messages: Message) -> None:
    """Both workers handle the messages at once, each as often as it takes; one goes through them from the end."""

    async def handle(worker: Any, mine: tuple[Message, ...]) -> None:
        for message in mine:
            while True:
                try:
                    await worker.handle(message)
                except ServerUnavailable:
                    continue
                break

    await asyncio.gather(handle(one, messages), handle(other, messages[::-1]))


async def newsletter() -> Post:
    await Member.insert_many([Member(email=f"m{number}@example.com") for number in range(MEMBERS)])
    author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
    post = await Post(title="N", content="…", post_url="n", author_id=author.id, is_newsletter=True).insert()
    return await post.publish()


async def test_newsletter_workers_write_everybody_once(store: Store, waiting: Waiting) -> None:
    post = await newsletter()
    await twice(NewsletterWorker(batch=7), NewsletterWorker(batch=11), *await waiting("post.published"))
    rows = Counter([row.email async for row in EmailRecipient.find()])
    handed_on = Counter(
        [
            each["email"]
            async for row in OutboxEntry.find({"name": "newsletter.send"})
            for each in row.payload["recipients"]
        ]
    )
    assert rows == handed_on == Counter({f"m{number}@example.com": 1 for number in range(MEMBERS)})
    sent = await Post.get(post.id)
    assert sent is not None
    assert sent.emails_sent == MEMBERS


async def test_senders_send_everybody_one_email(store: Store, waiting: Waiting) -> None:
    await newsletter()
    (published,) = await waiting("post.published")
    await NewsletterWorker(batch=7).handle(published)
    sent: list[str] = []

    class Provider:
        async def send(self, mail: Mail) -> str:
            await asyncio.sleep(0.005)
            sent.append(mail.to)
            return mail.key

    await twice(SenderWorker(Provider()), SenderWorker(Provider()), *await waiting("newsletter.send"))
    assert Counter(sent) == Counter({f"m{number}@example.com": 1 for number in range(MEMBERS)})


async def test_deliveries_are_counted_once(store: Store) -> None:
    post = await newsletter()
    send: EmailSend = EmailSend(post_id=post.id, subject="N", from_email="n@example.com")
    await send.insert()
    member = await Member.find_one({"email": "m1@example.com"})
    assert member is not None
    await EmailRecipient(email_send_id=send.id, member_id=member.id, email=member.email).insert()
    at = utc_now().isoformat()

    def report(number: int, kind: str) -> Message:
        told = {"eventId": f"e{number}", "type": kind, "emailSendId": str(send.id), "email": "m1@example.com", "at": at}
        return Message("email.events", json.dumps(told).encode())

    kinds = ("delivered", "opened", "opened", "clicked", "clicked", "clicked")
    reports = [report(number, kind) for number, kind in enumerate(kinds)]
    await twice(DeliveriesWorker(), DeliveriesWorker(), *reports)
    recipient, counted = await EmailRecipient.find_one(), await Post.get(post.id)
    assert recipient is not None
    assert counted is not None
    assert (recipient.open_count, recipient.click_count) == (2, 3)
    assert (counted.emails_delivered, counted.emails_opened, counted.unique_opens) == (1, 2, 1)
    assert await EmailEvent.find().count() == len(reports)


async def test_ratings_are_told_once_for_each_review(store: Store, waiting: Waiting) -> None:
    key_value = await store.key_value()
    account = await Account(platform=Platform.YOUTUBE, account_id=f"UC{uuid4().hex}").insert()
    user = await User(email="u@example.com").insert()
    for stars in (5, 4, 4):
        await Review(
            title="r", stars=stars, author_id=user.id, account_id=account.id, platform=account.platform
        ).insert()
    messages = await waiting("new-review-calculate")
    await twice(RatingsWorker(key_value), RatingsWorker(key_value), *messages)
    rated = await Account.get(account.id)
    assert rated is not None
    assert (rated.rating, rated.review_count) == (4.33, 3)
    assert len(await waiting("new-review-algolia-update")) == len(messages) == 3


async def test_users_are_made_once_and_end_as_the_last_event_says(store: Store) -> None:
    def event(kind: str, at: int, first: str) -> Message:
        data = {"id": "user_1", "first_name": first, "email_addresses": [{"id": "e", "email_address": "a@example.com"}]}
        body = {"type": f"user.{kind}", "timestamp": 1_760_000_000_000 + at, "data": data}
        return Message("clerk-user-events", json.dumps(body).encode(), key=b"user_1", headers={"ce_id": f"e{at}"})

    events = [event("created", 0, "Ada"), event("updated", 1, "Augusta"), event("updated", 2, "Countess")]
    await twice(IdentityWorker(), IdentityWorker(), *events)
    (user,) = await User.find().to_list()
    assert user.first_name == "Countess"


async def test_search_ends_as_the_database_stands(store: Store, waiting: Waiting) -> None:
    index = await store.search_index()
    post = await newsletter()
    for title in ("second", "third"):
        post.title = title
        await post.save()
    await twice(SearchWorker(index), SearchWorker(index), *await waiting("document.changed"))
    record = await index.get_object("posts", str(post.id))
    assert record is not None
    assert record["title"] == "third"


async def test_crawlers_fetch_each_page_once(store: Store) -> None:
    fetched: list[str] = []

    class Site:
        async def fetch(self, url: str) -> Page:
            fetched.append(url)
            await asyncio.sleep(0.01)
            return Page(url, 200, "text/plain", b"", False)

    queue, stop = JobQueue(CrawlerJob), asyncio.Event()
    for number in range(12):
        await queue.enqueue(CrawlerJob(url=f"https://{number}"))
    crawler = CrawlerWorker(Site())
    runners = [asyncio.create_task(JobRunner(queue, crawler.crawl, poll_s=0.05).run(stop)) for _ in range(2)]
    async with asyncio.timeout(20):
        while await CrawlerJob.find(CrawlerJob.status != JobStatus.COMPLETED).count():
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*runners)
    assert Counter(fetched) == Counter({f"https://{number}": 1 for number in range(12)})


@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_two_processes_of_all_workers_do_everything_once(kafka_settings: Any) -> None:
    """The whole path on a real Kafka, where two members of a group share its partitions."""
    from tests.databases import drop_database

    from docstore.documents import declared_indexes
    from docstore.workers.registry import WORKERS
    from docstore.workers.running import RunningWorker, run_workers

    settings = kafka_settings.with_urls(kafka_topic_prefix=f"two{uuid4().hex[:6]}.")
    async with Store(settings) as store:
        for model in store.models:
            indexes = [wanted.to_index_model(model) for wanted in declared_indexes(model)]
            if indexes:
                await store.database[model.get_collection_name()].create_indexes(indexes)
        stop = asyncio.Event()
        sets = [[RunningWorker(kind, store, drain_s=5) for kind in WORKERS.values()] for _ in range(2)]
        tasks = [asyncio.create_task(run_workers(each, stop, drain_s=5)) for each in sets]
        await Member.insert_many([Member(email=f"m{number}@example.com") for number in range(MEMBERS)])
        author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
        posts = [
            await Post(title="N", content="…", post_url=f"n{number}", author_id=author.id, is_newsletter=True).insert()
            for number in range(4)
        ]
        for post in posts:
            await post.schedule(utc_now() + timedelta(hours=1))
        await Post.find({}).update({"$set": {"publishDate": utc_now()}})
        account = await Account(platform=Platform.YOUTUBE, account_id=f"UC{uuid4().hex}").insert()
        user = await User(email="u@example.com").insert()
        for stars in (5, 4, 4):
            await Review(
                title="r", stars=stars, author_id=user.id, account_id=account.id, platform=account.platform
            ).insert()
        await Tag(slug="t").insert()

        async def done() -> bool:
            rated = await Account.get(account.id)
            return (
                await EmailSend.find(EmailSend.sent_at != None).count() == len(posts)  # noqa: E711 - the filter
                and rated is not None
                and rated.review_count == 3
                and await OutboxEntry.find({"status": "PENDING"}).count() == 0
            )

        async with asyncio.timeout(120):
            while not await done():
                await asyncio.sleep(0.2)
        stop.set()
        await asyncio.gather(*tasks)
        failures = [each.health().failures for workers in sets for each in workers]
        published = [row.aggregate_id async for row in OutboxEntry.find({"name": "post.published"})]
        rows = Counter([(row.email_send_id, row.email) async for row in EmailRecipient.find()])
        dead = await store.database["DeadLetter"].count_documents({})
        await drop_database(store.client, settings.effective_database_name)
    assert sorted(published) == sorted(str(post.id) for post in posts)
    assert len(rows) == MEMBERS * len(posts)
    assert set(rows.values()) == {1}
    assert (sum(failures), dead) == (0, 0)
