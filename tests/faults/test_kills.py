"""Relays, consumers, publishers, newsletter workers and senders are killed at seeded moments: nothing lost or doubled.

A process of its own runs one of them; it is given work, killed with SIGKILL after a random time, and begun again, until
there were enough kills; then the last one finishes what is left. `DOCSTORE_TEST_KILLS` says how many kills each test
makes (few by default, so that the suite stays short), `DOCSTORE_TEST_SEED` where their moments begin. With fifty a test
takes some minutes: ``DOCSTORE_TEST_KILLS=50 pytest tests/faults/test_kills.py -m kafka -o faulthandler_timeout=0``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from tests.databases import drop_database
from tests.faults.conftest import received
from tests.faults.killed import MODELS, Ledger, Numbered

from docstore.documents import declared_indexes, emit, run_in_transaction, utc_now
from docstore.models import Author, EmailRecipient, EmailSend, Member, Post
from docstore.outbox import InboxEntry, OutboxEntry, Relay
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import DeadLetter
from docstore.workers.newsletter import NewsletterBatch

KILLS = int(os.environ.get("DOCSTORE_TEST_KILLS", "3"))
MANY = 20
"""From so many kills on, what the killed left in the database is left to the database."""
SEED = int(os.environ.get("DOCSTORE_TEST_SEED", "1"))
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120 + 15 * KILLS)]

Feed = Callable[[int], Awaitable[None]]
Done = Callable[[], Awaitable[bool]]


@pytest.fixture
def lonely(kafka_settings: Settings) -> Settings:
    """Settings whose topics and groups no other test shares."""
    return kafka_settings.with_urls(kafka_topic_prefix=f"f{uuid4().hex[:6]}.")


@pytest_asyncio.fixture
async def opened(lonely: Settings) -> AsyncIterator[Store]:
    """A Store with indexes, on a database that killed processes may have left transactions in."""
    async with Store(lonely, models=MODELS) as store:
        for model in store.models:
            indexes = [wanted.to_index_model(model) for wanted in declared_indexes(model)]
            if indexes:
                await store.database[model.get_collection_name()].create_indexes(indexes)
        yield store
        await drop_database(store.client, lonely.effective_database_name)


@pytest_asyncio.fixture
async def relay(opened: Store) -> AsyncIterator[None]:
    """A relay that nobody kills."""
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(await opened.publisher()).run(stop, poll_s=0.1))
    yield
    stop.set()
    await running


def environment_of(settings: Settings) -> str:
    return json.dumps(
        {
            "db_method": "LOCAL",
            "database_name": settings.database_name,
            "database_url_local": settings.mongo_uri.get_secret_value(),
            "kafka_service_uri": ",".join(settings.kafka_bootstrap),
            "kafka_topic_prefix": settings.kafka_topic_prefix,
        }
    )


async def begin(kind: str, settings: Settings, **environment: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.killed", kind, environment_of(settings)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def kill(
    kind: str,
    store: Store,
    seed: int,
    *,
    feed: Feed,
    done: Done,
    longest_s: float,
    at_once: int = 1,
    **environment: str,
) -> None:
    """Give work, kill, begin again, as often as is asked for; then let one finish.

    Args:
        kind: what is killed.
        store: where it works.
        seed: of the moments.
        feed: makes the work of a round.
        done: whether nothing is left to do.
        longest_s: how long one works at most before it is killed.
        at_once: how many work, and are killed, together.
    """
    chance = random.Random(SEED * 1000 + seed)
    for round_ in range(-(-KILLS // at_once)):
        running, _ = await asyncio.gather(
            asyncio.gather(*(begin(kind, store.settings, **environment) for _ in range(at_once))), feed(round_)
        )
        await asyncio.sleep(chance.uniform(0.0, longest_s))
        for process in running:
            process.kill()
            await process.wait()
    if KILLS < MANY:
        # A killed process leaves its transaction open, which holds its rows until the server ends it after a minute.
        await store.client.admin.command("killAllSessions", [])
    last = await begin(kind, store.settings, **environment)
    try:
        async with asyncio.timeout(60 + 5 * KILLS):
            while not await done():
                await asyncio.sleep(0.2)
    finally:
        last.kill()
        await last.wait()


KEYS, EACH = [f"k{number}" for number in range(20)], 6


async def number_events(round_: int) -> None:
    """Some more events of every key."""
    for number in range(round_ * EACH, (round_ + 1) * EACH):
        await emit(*(Numbered(aggregate_id=key, number=number) for key in KEYS))


async def all_sent() -> bool:
    return await OutboxEntry.find({"status": "PENDING"}).count() == 0


@pytest.mark.parametrize(("seed", "relays"), [(1, 1), (2, 2)])
async def test_killed_relays_lose_nothing_and_keep_the_order(
    opened: Store, lonely: Settings, seed: int, relays: int
) -> None:
    await kill("relay", opened, seed, feed=number_events, done=all_sent, longest_s=1.5, at_once=relays)
    count = await OutboxEntry.find().count()
    assert count >= len(KEYS) * EACH
    found = await received(lonely, Numbered.name, count)
    assert set(found) == set(KEYS)
    for numbers in found.values():
        # Whole runs may come again; within what is new, nothing is overtaken.
        news = list(dict.fromkeys(numbers))
        assert news == sorted(news)
        assert len(news) == count // len(KEYS)


@pytest.mark.usefixtures("relay")
@pytest.mark.parametrize(("seed", "members"), [(3, 1), (4, 2)])
async def test_killed_consumers_let_every_effect_happen_once(opened: Store, seed: int, members: int) -> None:
    async def all_entered() -> bool:
        return await Ledger.find().count() >= await OutboxEntry.find({"name": Numbered.name}).count()

    await kill("consumer", opened, seed, feed=number_events, done=all_entered, longest_s=3.0, at_once=members)
    rows = await Ledger.find().to_list()
    events = await OutboxEntry.find({"name": Numbered.name}).count()
    entered = Counter((row.key, row.number) for row in rows)
    assert set(entered.values()) == {1}
    assert len(entered) == events == await InboxEntry.find().count()
    assert all(row.before == row.number - 1 for row in rows), "the effects of a key are in its events' order"
    assert await DeadLetter.find().count() == 0


async def test_killed_publishers_publish_every_post_once(opened: Store) -> None:
    author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()

    async def schedule(round_: int) -> None:
        for number in range(15):
            url = f"p{round_}-{number}"
            post = await Post(title=url, content="…", post_url=url, author_id=author.id).insert()
            await post.schedule(utc_now() + timedelta(hours=1))
            await Post.find(Post.id == post.id).update({"$set": {"publishDate": utc_now()}})

    async def all_online() -> bool:
        return await Post.find(Post.status != "PUBLISHED").count() == 0

    await kill("publisher", opened, 5, feed=schedule, done=all_online, longest_s=1.0, at_once=1)
    posts = [str(post.id) async for post in Post.find()]
    told = [row.aggregate_id async for row in OutboxEntry.find({"name": "post.published"})]
    assert sorted(told) == sorted(posts)


@pytest.mark.usefixtures("relay")
async def test_a_killed_newsletter_worker_writes_everybody_once(opened: Store) -> None:
    members = 100
    await Member.insert_many([Member(email=f"m{number}@example.com") for number in range(members)])
    author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()

    async def publish(round_: int) -> None:
        post = Post(title="N", content="…", post_url=f"n{round_}", author_id=author.id, is_newsletter=True)
        await (await post.insert()).publish()

    async def all_written() -> bool:
        return await EmailSend.find(EmailSend.sent_at != None).count() == await Post.find().count()  # noqa: E711

    await kill("newsletter", opened, 6, feed=publish, done=all_written, longest_s=3.0)
    rows = Counter([(str(row.email_send_id), row.email) async for row in EmailRecipient.find()])
    handed_on: Counter[tuple[str, str]] = Counter()
    async for row in OutboxEntry.find({"name": NewsletterBatch.name}):
        handed_on.update((row.aggregate_id, str(each["email"])) for each in row.payload["recipients"])
    assert rows == handed_on
    assert set(rows.values()) == {1}
    assert len(rows) == members * await Post.find().count()
    assert {post.emails_sent async for post in Post.find()} == {members}
    assert await DeadLetter.find().count() == 0


@pytest.mark.usefixtures("relay")
async def test_a_killed_sender_leaves_nobody_out(opened: Store, tmp_path: Path) -> None:
    author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
    post = await Post(title="N", content="…", post_url="n", author_id=author.id, is_newsletter=True).insert()
    send: EmailSend = EmailSend(post_id=post.id, subject="N", from_email="n@example.com")
    await send.insert()

    async def hand_on(round_: int) -> None:
        rows = [EmailRecipient(email_send_id=send.id, email=f"m{round_}-{number}@example.com") for number in range(100)]

        async def write() -> None:
            await EmailRecipient.insert_many(rows)
            told = tuple({"recipientId": str(row.id), "email": row.email, "memberId": "none"} for row in rows)
            await emit(
                NewsletterBatch(
                    aggregate_id=send.id, post_id=post.id, subject="N", from_email="n@example.com", recipients=told
                )
            )

        await run_in_transaction(write)

    async def all_noted() -> bool:
        return await InboxEntry.find().count() >= await EmailRecipient.find().count()

    mail = tmp_path / "mail"
    await kill("sender", opened, 7, feed=hand_on, done=all_noted, longest_s=3.0, FAULTS_MAIL=str(mail))
    sent = Counter(mail.read_text().split())
    assert set(sent) == {str(row.id) async for row in EmailRecipient.find()}
    # Those that were on their way when it was killed went out again, under the key that they had.
    assert sent.total() - len(sent) <= 10 * KILLS
    assert await DeadLetter.find().count() == 0
