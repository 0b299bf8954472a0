"""Kafka away for a while, or one broker of three lost for good: the backlog shows, and everything arrives in order.

`DOCSTORE_TEST_OUTAGE` says how many seconds Kafka is away.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from types import NoneType
from uuid import uuid4

import pytest
import pytest_asyncio
from tests.databases import drop_database
from tests.faults.conftest import received
from tests.faults.killed import MODELS, Bookkeeper, Ledger, Numbered
from tests.kafkas import running_or_skipped

from docstore.clients import ensure_topic, get_kafka_producer
from docstore.clients._kafka_leaders import place_of, places_of
from docstore.clients.metrics import Metrics, PrometheusMetrics
from docstore.documents import declared_indexes, emit, trusted, utc_now
from docstore.models import Author, EmailRecipient, Member, Post, PostStatus
from docstore.outbox import OutboxEntry, outbox_metrics, outbox_status
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import ConsumerRunner, DeadLetter
from docstore.workers.registry import WORKERS
from docstore.workers.running import RunningWorker, run_workers
from scripts.kafka_local import LocalKafka

OUTAGE_S = float(os.environ.get("DOCSTORE_TEST_OUTAGE", "4"))
KEYS = [f"k{number}" for number in range(5)]

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240 + OUTAGE_S)]


@asynccontextmanager
async def kafka_of(brokers: int, **properties: str) -> AsyncIterator[LocalKafka]:
    """A Kafka that nobody else uses, to be stopped and killed."""
    lines = {name.replace("_", "."): value for name, value in properties.items()}
    kafka = running_or_skipped(LocalKafka(brokers, properties=lines))
    started = await asyncio.to_thread(kafka.__enter__)
    try:
        yield started
    finally:
        await asyncio.to_thread(kafka.__exit__, None, None, None)


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    """Nobody waits for a task of a test that failed; those that ended are left as they are."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def at_work(*work: Coroutine[None, None, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Tasks that have ended, or are cancelled, when the block ends."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield tasks
    finally:
        await cancelled(*tasks)


async def read(store: Store, stop: asyncio.Event) -> None:
    """A member of the bookkeepers' group."""
    worker = Bookkeeper()
    runner = ConsumerRunner(worker)
    async with store.make_consumer(worker.group, worker.topics, listener=runner) as consumer:
        await runner.run(consumer, stop)


def running(
    store: Store, stop: asyncio.Event, *names: str, metrics: Metrics | None = None
) -> Coroutine[None, None, None]:
    workers = [RunningWorker(WORKERS[name], store, drain_s=2, metrics=metrics) for name in names]
    return run_workers(workers, stop, drain_s=2)


@asynccontextmanager
async def store_on(settings: Settings, kafka: LocalKafka) -> AsyncIterator[Store]:
    own = settings.with_urls(kafka_service_uri=kafka.bootstrap, kafka_topic_prefix=f"a{uuid4().hex[:6]}.")
    async with Store(own, models=MODELS) as store:
        for model in store.models:
            indexes = [wanted.to_index_model(model) for wanted in declared_indexes(model)]
            if indexes:
                await store.database[model.get_collection_name()].create_indexes(indexes)
        yield store
        await drop_database(store.client, own.effective_database_name)


class Writer:
    """Emits events of every key, one after the other, until it is told to stop."""

    def __init__(self) -> None:
        self.number = 0
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while not self._stop.is_set():
            await emit(*(Numbered(aggregate_id=key, number=self.number) for key in KEYS))
            self.number += 1
            await asyncio.sleep(0.2)

    async def end(self) -> int:
        """How many events each key has."""
        self._stop.set()
        await self.task
        return self.number


@pytest_asyncio.fixture
async def writing() -> AsyncIterator[Callable[[], Writer]]:
    writers: list[Writer] = []

    def begin() -> Writer:
        writers.append(Writer())
        return writers[-1]

    yield begin
    await cancelled(*(writer.task for writer in writers))


async def eventually(true: Callable[[], Awaitable[bool]], within_s: float = 100) -> None:
    async with asyncio.timeout(within_s):
        while not await true():
            await asyncio.sleep(0.1)


async def nothing_pending() -> bool:
    return not (await outbox_status()).pending


def gauge(metrics: PrometheusMetrics, name: str) -> float:
    """What the metrics show."""
    lines = metrics.exposition().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"docstore_{name} "))


async def test_kafka_is_away_and_comes_back(settings: Settings, writing: Callable[[], Writer]) -> None:
    metrics, stop = PrometheusMetrics(), asyncio.Event()
    async with (
        kafka_of(1) as kafka,
        store_on(settings, kafka) as store,
        at_work(running(store, stop, "relay", "publisher", "newsletter", metrics=metrics)) as [working],
    ):
        await Member.insert_many([Member(email=f"m{number}@example.com") for number in range(20)])
        author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
        writer = writing()
        await eventually(lambda: OutboxEntry.find({"status": "PUBLISHED", "name": Numbered.name}).exists())

        await asyncio.to_thread(kafka.stop, kafka.brokers[0], kill=True)
        post = await Post(title="N", content="…", post_url="n", author_id=author.id, is_newsletter=True).insert()
        await post.schedule(utc_now() + timedelta(hours=1))
        await Post.find(Post.id == post.id).update({"$set": {"publishDate": utc_now()}})
        # The publisher looks every five seconds, and does not wait for Kafka.
        await eventually(lambda: Post.find(Post.id == post.id, Post.status == PostStatus.PUBLISHED).exists(), 30)
        await asyncio.sleep(OUTAGE_S)
        status = await outbox_status()
        await outbox_metrics(metrics)
        assert status.pending["post.published"] == 1
        assert status.pending[Numbered.name] > len(KEYS)
        assert status.oldest_pending_s > 0
        assert gauge(metrics, "outbox_pending") >= sum(status.pending.values())
        assert gauge(metrics, "outbox_oldest_pending_seconds") >= status.oldest_pending_s

        await asyncio.to_thread(kafka.start, kafka.brokers[0])
        await eventually(lambda: EmailRecipient.find().exists())
        each = await writer.end()
        await eventually(nothing_pending)
        stop.set()
        await working
        found = await received(store.settings, Numbered.name, each * len(KEYS))
        recipients = Counter([row.email async for row in EmailRecipient.find()])
        assert not (await outbox_status()).dead
    assert set(found) == set(KEYS)
    for numbers in found.values():
        assert list(dict.fromkeys(numbers)) == list(range(each))
    assert recipients == Counter({f"m{number}@example.com": 1 for number in range(20)})


@pytest.mark.parametrize(("how", "ending"), [("killed", "stopped"), ("frozen", "cancelled")])
async def test_workers_end_while_kafka_is_away(
    settings: Settings, writing: Callable[[], Writer], how: str, ending: str
) -> None:
    stop = asyncio.Event()
    async with (
        kafka_of(1) as kafka,
        store_on(settings, kafka) as store,
        at_work(running(store, stop, "relay", "newsletter"), read(store, stop)) as working,
    ):
        writer = writing()
        await eventually(lambda: Ledger.find().exists())
        if how == "killed":
            await asyncio.to_thread(kafka.stop, kafka.brokers[0], kill=True)
        else:
            kafka.freeze(kafka.brokers[0])
        await asyncio.sleep(2)  # something is read, and not yet committed
        await writer.end()
        if ending == "stopped":
            stop.set()
        else:
            for task in working:
                task.cancel()
        async with asyncio.timeout(30):
            outcomes = await asyncio.gather(*working, return_exceptions=True)
        assert [type(each) for each in outcomes] == [NoneType if ending == "stopped" else asyncio.CancelledError] * 2


async def leaders(settings: Settings, topic: str) -> dict[str, int]:
    """Which broker leads the partition of each key."""
    producer = await get_kafka_producer(settings)
    name = settings.topic_prefix + topic
    await producer.partitions_for(name)
    places = {key: place_of(places_of(producer, name), key.encode()) for key in KEYS}
    return {key: producer.client.cluster.leader_for_partition(place) for key, place in places.items()}


async def test_partitions_without_a_leader_hold_up_their_own_keys_alone(
    settings: Settings, writing: Callable[[], Writer]
) -> None:
    stop = asyncio.Event()
    # Longer than this test may take: who waits for an answer to each message has lost.
    patient = settings.with_urls(kafka_request_timeout_s=1000)
    async with (
        kafka_of(3, broker_session_timeout_ms="3000", broker_heartbeat_interval_ms="500") as kafka,
        store_on(patient, kafka) as store,
    ):
        await ensure_topic(Numbered.name, partitions=6, replication=1, settings=store.settings)
        led_by = await leaders(store.settings, Numbered.name)
        assert len(set(led_by.values())) > 1
        broker = kafka.brokers[led_by[KEYS[0]]]
        lost = [key for key in KEYS if led_by[key] == broker.number]

        async def published(keys: list[str], more_than: int) -> bool:
            found = [await OutboxEntry.find({"status": "PUBLISHED", "key": key}).count() for key in keys]
            return min(found) > more_than

        async with at_work(running(store, stop, "relay")) as [working]:
            writer = writing()
            await eventually(lambda: published(KEYS, 0))
            await asyncio.to_thread(kafka.stop, broker, kill=True)
            left = [key for key in KEYS if key not in lost]
            for _ in range(2):  # also what comes after the loss is known
                await eventually(partial(published, left, writer.number + 10))
            waiting = await OutboxEntry.find({"status": "PENDING"}, trusted({"key": {"$in": lost}})).to_list()
            assert {row.key for row in waiting} == set(lost)
            assert any("No broker leads partition" in (row.last_error or "") for row in waiting)

            await asyncio.to_thread(kafka.start, broker)
            each = await writer.end()
            await eventually(nothing_pending)
            stop.set()
            await working
            found = await received(store.settings, Numbered.name, each * len(KEYS))
    assert set(found) == set(KEYS)
    for numbers in found.values():
        assert list(dict.fromkeys(numbers)) == list(range(each))


async def test_one_broker_of_three_is_lost(settings: Settings, writing: Callable[[], Writer]) -> None:
    stop = asyncio.Event()
    async with (
        kafka_of(3) as kafka,
        store_on(settings, kafka) as store,
        at_work(running(store, stop, "relay"), read(store, stop), read(store, stop)) as working,
    ):
        writer = writing()
        await eventually(lambda: Ledger.find().exists())
        before = writer.number
        await asyncio.to_thread(kafka.stop, kafka.brokers[0], kill=True)
        await eventually(lambda: Ledger.find(Ledger.number > before + 10).exists())
        each = await writer.end()
        await eventually(nothing_pending)

        async def all_entered() -> bool:
            return await Ledger.find().count() >= each * len(KEYS)

        await eventually(all_entered)
        stop.set()
        await asyncio.gather(*working)
        rows = await Ledger.find().to_list()
        assert await DeadLetter.find().count() == 0
    entered: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        entered[row.key].append(row.number)
        assert row.before == row.number - 1
    assert {key: sorted(numbers) for key, numbers in entered.items()} == {key: list(range(each)) for key in KEYS}
