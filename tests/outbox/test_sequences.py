"""The events of one document are numbered as they were committed, though the clocks of the writers disagree."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import pytest

from docstore.documents import Event, emit
from docstore.models import Tag
from docstore.outbox import OutboxEntry, Relay
from docstore.outbox import sequences as sequences_module
from docstore.store import Store


class Noted(Event):
    name: ClassVar[str] = "test.noted"
    collection: ClassVar[str] = "Tag"

    number: int


async def test_a_clock_two_minutes_slow_does_not_change_the_order(
    store: Store, publisher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = await Tag(slug="a").insert()
    true_time = time.time_ns
    for number, skew_s in enumerate([0, 120, -120, 0, 240, -240]):
        # As in a process of its own, whose clock is wrong.
        monkeypatch.setattr(sequences_module, "_clock", sequences_module._Clock())
        monkeypatch.setattr(sequences_module.time, "time_ns", lambda skew=skew_s: true_time() + skew * 10**9)
        await emit(Noted(aggregate_id=tag.id, number=number), Noted(aggregate_id="other", number=number))
        await tag.set({Tag.description: str(number)})
    await Relay(publisher).run_once()
    mine = [body["number"] for body in publisher.bodies("test.noted") if body["aggregateId"] == str(tag.id)]
    assert mine == list(range(6))
    rows = await OutboxEntry.find({"aggregateId": str(tag.id)}).sort("seq").to_list()
    assert [row.payload.get("number", row.payload.get("kind")) for row in rows] == [
        "insert",
        *[each for number in range(6) for each in (number, "update")],
    ]


async def test_numbers_of_many_documents_at_once(store: Store) -> None:
    for _ in range(3):
        await emit(*(Noted(aggregate_id=f"a{number % 300}", number=number) for number in range(600)))
    for wanted in ("a0", "a299"):
        rows = await OutboxEntry.find({"aggregateId": wanted}).to_list()
        assert len({row.seq for row in rows}) == len(rows) == 6
