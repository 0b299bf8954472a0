"""Tasks end when they are cancelled, whatever the drivers between make of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from docstore._tasks import Cancellations, came, ended
from docstore.jobs import JobRunner
from docstore.outbox import Relay
from docstore.workers.consuming import ConsumerRunner
from docstore.workers.publishing import PublishingWorker


class LosingDriver:
    """A double: it loses the first cancellation, as Python 3.11's `asyncio.wait_for` may; then it fails, or answers."""

    def __init__(self, then: BaseException | None = None, answer: object = None) -> None:
        self.asked = asyncio.Event()
        self.calls = 0
        self._then, self._answer = then, answer

    async def ask(self, *_: object, **__: object) -> Any:
        self.calls += 1
        if self.asked.is_set():
            await asyncio.sleep(0)
        else:
            self.asked.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        if self._then is not None:
            raise self._then
        return self._answer


async def until_cancelled(work: Callable[[], Awaitable[object]], driver: LosingDriver) -> int:
    """Cancel `work` once, while it waits for the driver; how often that was asked before the work had ended."""
    task = asyncio.ensure_future(work())
    await asyncio.wait_for(driver.asked.wait(), 30)
    task.cancel()
    await asyncio.wait({task}, timeout=15)
    calls, over = driver.calls, task.cancelled()
    await ended([cast("asyncio.Task[Any]", task)])
    assert over, "it went on"
    return calls


async def test_an_event_that_comes_and_one_that_does_not() -> None:
    event = asyncio.Event()
    assert not await came(event, 0.01)
    asyncio.get_running_loop().call_later(0.01, event.set)
    assert await came(event, 60)


async def test_waiting_for_an_event_is_cancelled_also_when_it_comes_at_the_same_time() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(came(event, 60))
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_only_cancellations_since_count() -> None:
    async def cleans_up() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Cancellations().raise_lost()  # made after the cancellation: what cleans up is not ended by it
            return "cleaned up"
        return "slept"

    task = asyncio.create_task(cleans_up())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "cleaned up"


async def test_a_task_that_lost_its_cancellation_is_cancelled_again() -> None:
    driver = LosingDriver()

    async def for_ever() -> None:
        while True:
            await driver.ask()

    task = asyncio.create_task(for_ever())
    await driver.asked.wait()
    await asyncio.wait_for(ended([task]), 30)
    assert task.cancelled()


async def test_a_relay_ends(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = LosingDriver(then=OSError("the connection is gone"))
    relay = Relay(cast("Any", None))
    monkeypatch.setattr(relay, "_batch", driver.ask)
    assert await until_cancelled(lambda: relay.run(asyncio.Event(), poll_s=0.01), driver) == 1


async def test_a_publisher_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = LosingDriver(answer=1)
    worker = PublishingWorker(poll_s=0.01)
    monkeypatch.setattr(worker, "publish_due", driver.ask)
    assert await until_cancelled(lambda: worker.run(asyncio.Event()), driver) == 1


async def test_a_runner_of_jobs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = LosingDriver()
    queue: Any = type("Queue", (), {"recover": driver.ask, "claim": driver.ask, "lease_seconds": 60.0})()
    runner: JobRunner[Any] = JobRunner(queue, cast("Any", None), poll_s=0.01)
    assert await until_cancelled(lambda: runner.run(asyncio.Event()), driver) == 2  # the rest of that look


async def test_a_consumer_ends() -> None:
    driver = LosingDriver(answer={})
    worker: Any = type("Idle", (), {"group": "g", "topics": ["t"]})()
    consumer: Any = type("Consumer", (), {"getmany": driver.ask, "assignment": lambda _: set()})()
    runner = ConsumerRunner(worker)
    assert await until_cancelled(lambda: runner.run(consumer, asyncio.Event()), driver) == 1
