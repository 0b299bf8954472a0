"""Relays, consumers and newsletter workers are killed at seeded moments: nothing is lost, nothing is doubled.

A process of its own runs one of them; it is killed with SIGKILL after a random time, and begun again, until the work is
done. `DOCSTORE_TEST_KILLS` says how many kills each test makes; few by default, so that the suite stays short.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import ClassVar
from uuid import uuid4

import pytest
from tests.databases import drop_database

from docstore.clients import make_kafka_consumer
from docstore.documents import Event, declared_indexes, emit
from docstore.models import Author, EmailRecipient, EmailSend, Member, Post
from docstore.outbox import OutboxEntry
from docstore.settings import Settings
from docstore.store import Store

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("DOCSTORE_TEST_KILLS", "4"))

_PROGRAM = """
import asyncio, json, sys
from docstore.outbox import buckets
buckets.LEASE_SECONDS = 1.0
from docstore.outbox import Relay
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import ConsumerRunner, NewsletterWorker

async def main(kind, settings):
    async with Store(Settings(**settings)) as store:
        stop = asyncio.Event()
        print("ready", flush=True)
        if kind == "relay":
            await Relay(await store.publisher(), lease_seconds=1.0).run(stop, poll_s=0.1)
        else:
            worker = NewsletterWorker(batch=20)
            run = ConsumerRunner(worker)
            reading = store.make_consumer(worker.group, worker.topics, listener=run, session_timeout_s=6)
            async with reading as consumer:
                await run.run(consumer, stop)

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""


class Numbered(Event):
    name: ClassVar[str] = "faults.numbered"
    collection: ClassVar[str] = "Faults"

    number: int


@pytest.fixture
def lonely(kafka_settings: Settings) -> Settings:
    """Settings whose topics and groups no other test shares."""
    return kafka_settings.with_urls(kafka_topic_prefix=f"f{uuid4().hex[:6]}.")


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


async def begin(kind: str, settings: Settings) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, kind, environment_of(settings), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def kill_until(
    done: Callable[[], Awaitable[bool]], kind: str, settings: Settings, seed: int, *, longest_s: float, at_once: int = 1
) -> int:
    """Kill and begin again, then let it work to the end; how many kills there were."""
    chance, kills = random.Random(seed), 0
    while kills < KILLS and not await done():
        running = [await begin(kind, settings) for _ in range(at_once)]
        await asyncio.sleep(chance.uniform(0.0, longest_s))
        for process in running:
            process.kill()
            await process.wait()
            kills += 1
    last = await begin(kind, settings)
    try:
        async with asyncio.timeout(120):
            while not await done():
                await asyncio.sleep(0.2)
    finally:
        last.kill()
        await last.wait()
    return kills


async def received(settings: Settings, topic: str, count: int) -> dict[bytes, list[int]]:
    """The numbers of a topic's messages by key, in the order in which they stand."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    ids: set[bytes] = set()
    async with make_kafka_consumer(f"look-{uuid4().hex[:6]}", [topic], settings) as consumer:
        async with asyncio.timeout(60):
            while len(ids) < count:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        ids.add(dict(record.headers)["ce_id"])
                        found[record.key].append(json.loads(record.value)["number"])
    return found


@pytest.mark.parametrize(("seed", "relays"), [(1, 1), (2, 2)])
async def test_killed_relays_lose_nothing_and_keep_the_order(lonely: Settings, seed: int, relays: int) -> None:
    keys, each = [f"k{number}" for number in range(20)], 25
    async with Store(lonely) as store:
        indexes = [wanted.to_index_model(OutboxEntry) for wanted in declared_indexes(OutboxEntry)]
        await store.database["OutboxEntry"].create_indexes(indexes)
        for number in range(each):
            await emit(*(Numbered(aggregate_id=key, number=number) for key in keys))

        async def all_sent() -> bool:
            return await OutboxEntry.find({"status": "PENDING"}).count() == 0

        await kill_until(all_sent, "relay", lonely, seed, longest_s=1.5, at_once=relays)
        found = await received(lonely, Numbered.name, len(keys) * each)
        await drop_database(store.client, lonely.effective_database_name)
    assert set(found) == {key.encode() for key in keys}
    for numbers in found.values():
        # Whole runs may come again; within what is new, nothing is overtaken.
        assert list(dict.fromkeys(numbers)) == list(range(each))


async def test_a_killed_newsletter_worker_writes_everybody_once(lonely: Settings) -> None:
    members = 300
    async with Store(lonely) as store:
        for model in (Member, EmailRecipient, EmailSend, OutboxEntry):
            indexes = [wanted.to_index_model(model) for wanted in declared_indexes(model)]
            await store.database[model.get_collection_name()].create_indexes(indexes)
        await Member.insert_many([Member(email=f"m{number}@example.com") for number in range(members)])
        author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
        post = await Post(title="N", content="…", post_url="n", author_id=author.id, is_newsletter=True).insert()
        await post.publish()
        relay = await begin("relay", lonely)

        async def finished() -> bool:
            return await EmailSend.find(EmailSend.sent_at != None).count() == 1  # noqa: E711 - the filter

        try:
            await kill_until(finished, "newsletter", lonely, 3, longest_s=4.0)
        finally:
            relay.kill()
            await relay.wait()
        rows = [row.email async for row in EmailRecipient.find()]
        handed_on: list[str] = []
        async for row in OutboxEntry.find({"name": "newsletter.send"}):
            handed_on += [str(each["email"]) for each in row.payload["recipients"]]
        sent = await Post.get(post.id)
        await drop_database(store.client, lonely.effective_database_name)
    assert sorted(rows) == sorted(handed_on) == sorted(f"m{number}@example.com" for number in range(members))
    assert sent is not None
    assert sent.emails_sent == members
