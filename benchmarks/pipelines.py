"""``python -m benchmarks.pipelines``: the relay beside a bare loop, and a newsletter's fan-out beside bare writes.

On a real Kafka where Java and Maven are at hand, else on the embedded one.
"""

import argparse
import asyncio
import json
import resource
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

from benchmarks.scaling import resident_megabytes
from docstore.clients import KafkaPublisher, close_kafka_producer, get_kafka_producer
from docstore.clients.protocols import OutgoingMessage
from docstore.documents import Event, declared_indexes, emit
from docstore.embedded import EmbeddedServers
from docstore.models import Author, EmailRecipient, EmailSend, Member, Post
from docstore.outbox import OutboxEntry, Relay
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import Message, NewsletterWorker
from docstore.workers.newsletter import BATCH
from scripts.kafka_local import KafkaUnavailable, LocalKafka

_FROM_MEMORY = "bare producer, from memory"
_ONE_BY_ONE = "the same, one at a time"
_BARE_LOOP = "bare find, send, mark"


class Counted(Event):
    name = "bench.counted"
    collection = "Bench"

    number: int
    text: str = "What happened, in a sentence of the usual length. " * 4


@contextmanager
def kafka_or_mock(mock: str) -> Any:
    """The address of a real Kafka, else the embedded one's."""
    try:
        with LocalKafka() as kafka:
            print("on a real Kafka of one broker")
            yield kafka.bootstrap
    except KafkaUnavailable as error:
        print(f"on the embedded Kafka: {error}")
        yield mock


async def fill(events: int, keys: int) -> None:
    """Rows in the outbox, as a few hundred writers would leave them."""
    for start in range(0, events, 500):
        await emit(*(Counted(aggregate_id=f"k{each % keys}", number=each) for each in range(start, start + 500)))


async def bare_loop(settings: Settings, events: int) -> float:
    """What one would write: find what waits, send it, mark it; no leases, no order by key, no failures."""
    producer = await get_kafka_producer(settings)
    rows = OutboxEntry.get_pymongo_collection()
    began = time.perf_counter()
    done = 0
    while done < events:
        batch = await rows.find({"status": "PENDING"}).limit(500).to_list()
        sent = [
            await producer.send(each["topic"], json.dumps(each["payload"]).encode(), key=each["key"].encode())
            for each in batch
        ]
        await asyncio.gather(*sent)
        await rows.update_many({"_id": {"$in": [each["_id"] for each in batch]}}, {"$set": {"status": "PUBLISHED"}})
        done += len(batch)
    return events / (time.perf_counter() - began)


async def bare_producer(settings: Settings, events: int) -> float:
    """The producer alone, from memory: no database at all."""
    producer = await get_kafka_producer(settings)
    value = Counted(aggregate_id="a", number=1).model_dump_json(by_alias=True).encode()
    began = time.perf_counter()
    for start in range(0, events, 500):
        await asyncio.gather(
            *[await producer.send("bench.bare", value, key=b"k%d" % (start + each)) for each in range(500)]
        )
    return events / (time.perf_counter() - began)


async def bare_producer_one_by_one(settings: Settings, events: int) -> float:
    """The same, waiting for each before the next: what keeps the order of keys without any thought."""
    producer = await get_kafka_producer(settings)
    value = Counted(aggregate_id="a", number=1).model_dump_json(by_alias=True).encode()
    began = time.perf_counter()
    for each in range(events):
        await producer.send_and_wait("bench.bare", value, key=b"k%d" % each)
    return events / (time.perf_counter() - began)


class _Counting(KafkaPublisher):
    """Knows how many were sent: to ask a database for it, again and again, would slow down what is measured.

    Its broker's answers take `away_s` seconds longer than those of the real one, which is on this machine.
    """

    def __init__(self, settings: Settings, away_s: float) -> None:
        super().__init__(settings)
        self.sent = 0
        self._away_s = away_s

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        outcomes = await super().publish_many(messages)
        await asyncio.sleep(self._away_s)
        self.sent += outcomes.count(None)
        return outcomes


async def relays(settings: Settings, events: int, count: int, away_s: float = 0.0) -> float:
    """So many relays until the outbox is empty; the time includes taking their leases."""
    stop, publisher = asyncio.Event(), _Counting(settings, away_s)
    began = time.perf_counter()
    running = [asyncio.create_task(Relay(publisher).run(stop, poll_s=0.1)) for _ in range(count)]
    while publisher.sent < events or await OutboxEntry.find({"status": "PENDING"}).count():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    taken = time.perf_counter() - began
    stop.set()
    await asyncio.gather(*running)
    return events / taken


async def relay_rows(settings: Settings, events: int, rounds: int, only: str) -> None:
    """Median rates of the contenders, taking turns, and the processor time that this process takes for an event."""
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, work in (
            (_FROM_MEMORY, lambda: bare_producer(settings, events)),
            (_ONE_BY_ONE, lambda: bare_producer_one_by_one(settings, events)),
            (_BARE_LOOP, lambda: bare_loop(settings, events)),
            ("relay", lambda: relays(settings, events, 1)),
            ("two relays in one process", lambda: relays(settings, events, 2)),
            *(
                (f"{name}, a broker {away_s:g} s away", partial(relays, settings, events, count, away_s))
                for away_s in (0.2, 2.0)
                for count, name in ((1, "relay"), (2, "two relays"))
            ),
        ):
            if only not in name:
                continue
            if name not in {_FROM_MEMORY, _ONE_BY_ONE}:
                await OutboxEntry.get_pymongo_collection().delete_many({})
                await fill(events, keys=events // 4)
            began = time.process_time()
            rates.setdefault(name, []).append(await work())
            costs.setdefault(name, []).append((time.process_time() - began) / events * 1e6)
    base = statistics.median(rates.get(_BARE_LOOP, [0]))
    for name, each in rates.items():
        rate = statistics.median(each)
        cost = f"{statistics.median(costs[name]):5,.0f} µs of processor time an event"
        ratio = f"{rate / base:5.2f} x the bare find, send, mark  " if base else ""
        print(f"{name:<34} {rate:8,.0f} events/s  {ratio}{cost}")


async def fan_out(settings: Settings, store: Store, members: int) -> None:
    """One newsletter to everybody, through outbox and relay to Kafka, beside writing and sending the same bare."""
    for start in range(0, members, 1000):
        await Member.get_pymongo_collection().insert_many(
            [
                {"email": f"m{each}@example.com", "unsubscribed": False}
                for each in range(start, min(start + 1000, members))
            ]
        )
    author = await Author(clerk_id="c", name="Ada", email="a@example.com").insert()
    post = await Post(title="N", content="…", post_url="n", author_id=author.id, is_newsletter=True).insert()
    await post.publish()
    await Relay(KafkaPublisher(settings)).run_once()
    row = await OutboxEntry.get_pymongo_collection().find_one({"name": "post.published"})
    message = Message("post.published", json.dumps(row["payload"]).encode(), headers={"ce_id": row["eventId"]})
    before, began = resident_megabytes(), time.perf_counter()
    written, taken = await _newsletter(settings, message)
    grown = resident_megabytes() - before
    assert await EmailRecipient.find().count() == members
    print(f"fan-out to {members:,} members: written in {written - began:.1f} s, all in Kafka in {taken - began:.1f} s")
    bare = await _bare_fan_out(settings, store, members)
    ours = members / (taken - began)
    print(f"{ours:,.0f} members/s, {ours / bare:.2f} x bare insert_many and produce ({bare:,.0f}/s)")
    print(f"memory grew by {grown:.0f} MB; most ever {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


async def _newsletter(settings: Settings, message: Message) -> tuple[float, float]:
    """When all deliveries were written, and when a relay had handed on the last of them."""
    stop = asyncio.Event()
    relay = asyncio.create_task(Relay(KafkaPublisher(settings)).run(stop, poll_s=0.1))
    await NewsletterWorker().handle(message)
    written = time.perf_counter()
    while await OutboxEntry.find({"status": "PENDING"}).count():  # noqa: ASYNC110 - as an onlooker sees it
        await asyncio.sleep(0.02)
    taken = time.perf_counter()
    stop.set()
    await relay
    return written, taken


async def _bare_fan_out(settings: Settings, store: Store, members: int) -> float:
    """The same rows under the same indexes, and the same messages; nothing is checked, nothing can be resumed."""
    producer, bare = await get_kafka_producer(settings), store.database["BareRecipient"]
    await bare.create_indexes([each.to_index_model(EmailRecipient) for each in declared_indexes(EmailRecipient)])
    like = await store.database["EmailRecipient"].find_one({}, {"_id": 0})
    assert like is not None
    rows: list[dict[str, Any]] = []
    began = time.perf_counter()

    async def flush() -> None:
        await bare.insert_many(rows)
        told = [
            {"recipientId": str(row["_id"]), "email": row["email"], "memberId": str(row["memberId"])} for row in rows
        ]
        await producer.send_and_wait("bench.newsletter", json.dumps({"recipients": told}).encode(), key=b"send")
        rows.clear()

    async for member in store.database["Member"].find({"unsubscribed": False}):
        rows.append({**like, "memberId": member["_id"], "email": member["email"]})
        if len(rows) == BATCH:
            await flush()
    if rows:
        await flush()
    return members / (time.perf_counter() - began)


async def run(events: int, rounds: int, members: int, only: str) -> None:
    """Both benchmarks on servers of their own."""
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(EmbeddedServers(services=("mongodb", "kafka"), durable=False))
        bootstrap = stack.enter_context(kafka_or_mock(servers.urls["kafka"]))
        settings = Settings(
            db_method="LOCAL",
            database_name=f"bench{uuid4().hex[:6]}",
            audit=False,
            **{**servers.settings_overrides(), "kafka_service_uri": bootstrap},
        )
        store = await stack.enter_async_context(Store(settings))
        for model in (OutboxEntry, Member, EmailRecipient, EmailSend):
            wanted = [each.to_index_model(model) for each in declared_indexes(model)]
            await store.database[model.get_collection_name()].create_indexes(wanted)
        stack.push_async_callback(close_kafka_producer, settings)
        if rounds:
            await relay_rows(settings, events, rounds, only)
        if members:
            await fan_out(settings, store, members)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipelines", description=__doc__)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3, help="0 leaves the relay out")
    parser.add_argument("--members", type=int, default=20000, help="0 leaves the fan-out out")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the relay's rows whose names hold this")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.events, arguments.rounds, arguments.members, arguments.only))


if __name__ == "__main__":
    main()
