"""What operators see of the outbox, and what they can do about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from docstore.clients.metrics import NoMetrics
from docstore.documents import Event, UtcDateTime, emit, utc_now
from docstore.errors import EventTooLarge, NotFound, ServiceError, ValidationFailed
from docstore.outbox import (
    MAX_EVENT_BYTES,
    EntryStatus,
    OutboxEntry,
    Relay,
    outbox_metrics,
    outbox_status,
    replay_entries,
    retry_entries,
    skip_entries,
)
from docstore.outbox.run import MAX_REFUSALS
from docstore.store import Store


class Said(Event):
    name: ClassVar[str] = "test.said"
    collection: ClassVar[str] = "Test"

    what: Any


async def say(key: str, *what: Any) -> None:
    await emit(*(Said(aggregate_id=key, what=each) for each in what))


async def make_dead(publisher: Any) -> str:
    publisher.fault = lambda topic, key, body: ServiceError("refused") if body["what"] == "bad" else None
    for _ in range(MAX_REFUSALS):
        await OutboxEntry.find({"status": "PENDING"}).update({"$set": {"nextAttemptAt": utc_now()}})
        await Relay(publisher).run_once()
    publisher.fault = lambda topic, key, body: None
    dead = await OutboxEntry.find_one({"status": "DEAD"})
    assert dead is not None
    return dead.event_id


def said(publisher: Any, key: str) -> list[Any]:
    return [body["what"] for body in publisher.bodies("test.said") if body["aggregateId"] == key]


async def test_the_status_tells_what_waits_and_what_is_dead(store: Store, publisher: Any) -> None:
    empty = await outbox_status()
    assert (empty.pending, empty.dead, empty.oldest_pending_s, empty.relays) == ({}, {}, 0.0, {})
    await say("a", "bad", 1)
    event_id = await make_dead(publisher)
    await Relay(publisher).run_once()
    await say("b", 1, 2)
    status = await outbox_status()
    assert status.pending == {"test.said": 2}
    assert status.dead == {"test.said": 1}
    assert status.published == 1
    assert status.oldest_pending_s >= 0
    assert [(each.event_id, each.reason, each.attempts) for each in status.examples] == [
        (event_id, "refused", MAX_REFUSALS)
    ]


@pytest.mark.parametrize("by_name", [True, False])
async def test_dead_rows_are_tried_again(store: Store, publisher: Any, by_name: bool) -> None:
    await say("a", "bad")
    event_id = await make_dead(publisher)
    assert await retry_entries(topic="another") == 0
    assert await retry_entries([event_id] if by_name else None) == 1
    assert (await Relay(publisher).run_once()).published == 1
    assert said(publisher, "a") == ["bad"]


async def test_a_row_can_be_passed_over(store: Store, publisher: Any) -> None:
    await say("a", 1, 2)
    first = await OutboxEntry.find().sort("seq").first_or_none()
    assert first is not None
    with pytest.raises(ValueError, match="reason"):
        await skip_entries([first.event_id], reason=" ")
    assert await skip_entries([first.event_id], reason="sent by hand") == 1
    await Relay(publisher).run_once()
    assert said(publisher, "a") == [2]
    kept = await OutboxEntry.get(first.id)
    assert kept is not None
    assert (kept.status, kept.last_error) == (EntryStatus.SKIPPED, "skipped: sent by hand")


class Later(Said):
    until: UtcDateTime | None = None

    def not_before(self) -> datetime | None:
        return self.until


async def test_an_event_that_is_held_back_waits_and_is_not_overdue(store: Store, publisher: Any) -> None:
    await emit(Later(aggregate_id="later", what=1, until=utc_now() + timedelta(hours=1)))
    await say("now", 1)
    assert (await Relay(publisher).run_once()).published == 1
    status = await outbox_status()
    assert (status.pending, status.retrying, status.oldest_pending_s) == ({"test.said": 1}, 1, 0.0)
    await OutboxEntry.find({"key": "later"}).update({"$set": {"nextAttemptAt": utc_now()}})
    assert (await outbox_status()).oldest_pending_s > 0
    assert (await Relay(publisher).run_once()).published == 1


async def test_metrics_tell_what_waits(store: Store, publisher: Any) -> None:
    await say("a", "bad", 1)
    await make_dead(publisher)
    await say("b", 1)
    asked: list[Any] = []

    class Gauges(NoMetrics):
        def gauge(self, name: str, value: float, **labels: str) -> None:
            asked.append((name, value))

    await outbox_metrics(Gauges())
    assert dict(asked)["outbox_pending"] == 2
    assert dict(asked)["outbox_dead"] == 1
    assert dict(asked)["outbox_oldest_pending_seconds"] > 0


async def test_names_that_are_none_are_told(store: Store, publisher: Any) -> None:
    await say("a", 1)
    await Relay(publisher).run_once()
    sent = await OutboxEntry.find_one()
    assert sent is not None
    for work in (retry_entries([sent.event_id]), skip_entries(["nothing"], reason="x")):
        with pytest.raises(NotFound, match="no such row"):
            await work


async def test_published_rows_are_sent_again_in_order_and_before_new_ones(store: Store, publisher: Any) -> None:
    start = utc_now()
    await say("a", 1, 2, 3)
    await Relay(publisher).run_once()
    ids = [headers["ce_id"] for _, _, _, headers in publisher.sent]
    assert await replay_entries(utc_now() + timedelta(minutes=1)) == 0
    assert await replay_entries(start, until=start) == 0
    assert await replay_entries(start, topic="another") == 0
    assert await replay_entries(start) == 3
    await say("a", 4)
    await Relay(publisher).run_once()
    assert said(publisher, "a") == [1, 2, 3, 1, 2, 3, 4]
    assert [headers["ce_id"] for _, _, _, headers in publisher.sent[3:6]] == ids


@pytest.mark.parametrize("what", [float("nan"), float("inf"), {1, 2}, object(), 2**70])
async def test_what_cannot_be_sent_is_refused_at_once(store: Store, what: Any) -> None:
    class Odd(Said):
        name: ClassVar[str] = "test.odd"

        def body(self) -> dict[str, Any]:
            return {"what": self.what}

    with pytest.raises(ValidationFailed, match=r"test\.odd"):
        await emit(Odd(aggregate_id="a", what=what))
    assert await OutboxEntry.find().count() == 0


@pytest.mark.parametrize(
    ("topic", "key"), [("two words", "k"), ("größe", "k"), ("..", "k"), ("x" * 250, "k"), ("t", "\ud800")]
)
async def test_what_no_broker_could_take_is_refused_at_once(store: Store, topic: str, key: str) -> None:
    class Astray(Said):
        def topic_name(self) -> str:
            return topic

        def key(self) -> str:
            return key

    with pytest.raises(ValidationFailed):
        await emit(Astray(aggregate_id="a", what=1))


async def test_what_is_too_large_is_refused_at_once(store: Store) -> None:
    with pytest.raises(EventTooLarge, match="1,000,0"):
        await say("a", "x" * MAX_EVENT_BYTES)
    assert await OutboxEntry.find().count() == 0
