"""Workers begin again when they fail, end when they are told to, and say how they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import pytest
from tests.workers.conftest import QueueConsumer

from docstore.clients.metrics import PrometheusMetrics
from docstore.errors import ServerUnavailable, SettingsError
from docstore.models import Tag
from docstore.outbox import OutboxEntry, outbox_metrics
from docstore.store import Store
from docstore.workers import health as health_module
from docstore.workers import running as running_module
from docstore.workers.health import HealthServer
from docstore.workers.registry import WORKERS, WorkerKind
from docstore.workers.running import RunningWorker, run_workers
from docstore.workers.sending import SenderWorker


@pytest.mark.parametrize("fault", [ServerUnavailable("away"), None])
async def test_metrics_are_answered_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    async def ask() -> None:
        if fault is not None:
            raise fault
        await asyncio.Event().wait()

    async def answer() -> None: ...

    monkeypatch.setattr(health_module, "_ASK_S", 0.05)
    metrics = PrometheusMetrics()
    metrics.count("outbox_published", 3)
    async with (
        HealthServer([], metrics=metrics, asks={"mongodb": ask, "kafka": answer}) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        shown = await session.get("/metrics")
        text = await shown.text()
    assert shown.status == 200
    assert "docstore_outbox_published_total 3.0" in text
    assert 'docstore_server_answers{server="mongodb"} 0.0' in text
    assert 'docstore_server_answers{server="kafka"} 1.0' in text


async def test_a_port_that_cannot_be_is_refused() -> None:
    with pytest.raises(SettingsError, match="65535"):
        await HealthServer([], port=70_000).__aenter__()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_module, "_LONGEST_PAUSE_S", 0.01)


class Looper:
    """A worker without a topic that fails as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.runs = 0
        self.working = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        self.runs += 1
        if self.failures:
            raise self.failures.pop(0)
        self.working.set()
        await stop.wait()


def kind(worker: Any, name: str = "looper") -> WorkerKind:
    async def make(resources: Any, metrics: Any) -> Any:
        return worker

    return WorkerKind(name, "a double", make)


class Holder(Looper):
    """A worker that holds something."""

    held = 0

    async def __aenter__(self) -> Self:
        self.held += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.held -= 1


async def test_what_a_worker_holds_is_let_go_of_before_it_begins_again(store: Store) -> None:
    holder = Holder(ServerUnavailable("away"))
    stop = asyncio.Event()
    task = asyncio.create_task(RunningWorker(kind(holder), store).run(stop))
    await holder.working.wait()
    assert (holder.runs, holder.held) == (2, 1)
    stop.set()
    await task
    assert holder.held == 0


async def test_the_sender_leaves_its_mail_server() -> None:
    left: list[str] = []

    class Provider:
        async def send(self, mail: Any) -> str:
            return "id"

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            left.append("left")

    async with SenderWorker(Provider()):
        assert left == []
    assert left == ["left"]


async def test_a_worker_that_fails_begins_again(store: Store) -> None:
    looper = Looper(ServerUnavailable("away"), RuntimeError("secret"))
    worker, stop = RunningWorker(kind(looper), store), asyncio.Event()
    task = asyncio.create_task(run_workers([worker], stop))
    async with asyncio.timeout(10):
        await looper.working.wait()
    health = worker.health()
    assert (looper.runs, health.failures, health.last_error, health.ok) == (3, 2, "RuntimeError", True)
    stop.set()
    async with asyncio.timeout(10):
        await task
    assert not worker.health().ok


async def test_one_that_cannot_begin_ends_all_of_them(store: Store) -> None:
    looper, stop = Looper(), asyncio.Event()
    workers = [
        RunningWorker(kind(looper), store),
        RunningWorker(kind(Looper(SettingsError("no Kafka")), "other"), store),
    ]
    with pytest.raises(SettingsError, match="no Kafka"):
        async with asyncio.timeout(10):
            await run_workers(workers, stop)
    assert stop.is_set()


async def test_one_that_does_not_end_is_cancelled(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_module, "_LATE_S", 0.1)

    class Deaf(Looper):
        async def run(self, stop: asyncio.Event) -> None:
            self.working.set()
            await asyncio.Event().wait()

    deaf, stop = Deaf(), asyncio.Event()
    task = asyncio.create_task(run_workers([RunningWorker(kind(deaf), store)], stop, drain_s=0.1))
    await deaf.working.wait()
    stop.set()
    async with asyncio.timeout(5):
        await task


async def test_every_worker_of_the_registry_begins_and_ends(store: Store) -> None:
    workers, stop = [RunningWorker(each, store, drain_s=1) for each in WORKERS.values()], asyncio.Event()
    task = asyncio.create_task(run_workers(workers, stop, drain_s=1))
    async with asyncio.timeout(60):
        while not all(worker.health().ok for worker in workers):
            await asyncio.sleep(0.05)
        await Tag(slug="t").insert()
        while await OutboxEntry.find({"status": "PENDING"}).count():
            await asyncio.sleep(0.05)
        stop.set()
        await task
    assert [worker.health().failures for worker in workers] == [0] * len(workers)


async def test_a_worker_is_ready_when_it_reads_and_until_it_is_told_to_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected, ended = asyncio.Event(), asyncio.Event()

    class Reader:
        group, topics = "reader", ("t",)

        async def handle(self, message: Any) -> None:
            await ended.wait()

    @asynccontextmanager
    async def make_consumer(*_: Any, **__: Any) -> AsyncIterator[QueueConsumer]:
        await connected.wait()  # as while no broker answers
        consumer = QueueConsumer()
        consumer.put(b"1")
        yield consumer

    monkeypatch.setattr(store, "make_consumer", make_consumer)
    worker, stop = RunningWorker(kind(Reader()), store), asyncio.Event()
    task = asyncio.create_task(run_workers([worker], stop))
    await asyncio.sleep(0.05)
    assert not worker.health().ok
    connected.set()
    async with asyncio.timeout(10):
        while not worker.health().ok or not worker.health().consumer.in_hand:  # type: ignore[union-attr]  # it is ok
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.sleep(0.05)
    health = worker.health()
    assert (health.ok, health.running, health.ending) == (False, True, True)
    ended.set()
    await task


async def test_probes_and_metrics_are_answered(store: Store) -> None:
    metrics = PrometheusMetrics()
    looper, stop = Looper(), asyncio.Event()
    worker = RunningWorker(kind(looper), store, metrics=metrics)
    await Tag(slug="t").insert()
    async with (
        HealthServer([worker], metrics=metrics, asks={"mongodb": lambda: outbox_metrics(metrics)}) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        assert (await session.get("/healthz")).status == 200
        waiting = await session.get("/readyz")
        assert waiting.status == 503
        task = asyncio.create_task(run_workers([worker], stop))
        await looper.working.wait()
        ready = await session.get("/readyz")
        assert ready.status == 200
        assert (await ready.json())["workers"][0]["name"] == "looper"
        text = await (await session.get("/metrics")).text()
        assert "docstore_outbox_pending 1.0" in text
        assert "docstore_outbox_oldest_pending_seconds" in text
        taken = HealthServer([worker], port=int(server.url.rpartition(":")[2]))
        with pytest.raises(SettingsError, match="cannot listen"):
            await taken.__aenter__()
        stop.set()
        await task
    async with HealthServer([]) as server, aiohttp.ClientSession(server.url) as session:
        missing = await session.get("/metrics")
        assert missing.status == 404
        assert "docstore[metrics]" in await missing.text()
