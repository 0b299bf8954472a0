"""Items of a lane are worked off in order, those of different lanes side by side."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from docstore.workers.consuming.lanes import Lanes


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=60),
    st.integers(1, 5),
)
def test_every_item_is_done_once_and_each_lane_in_order(items: list[tuple[int, int]], batch: int) -> None:
    done: defaultdict[int, list[int]] = defaultdict(list)
    in_lane = set[int]()

    async def work(part: list[tuple[int, int, int]]) -> int:
        lane = part[0][0]
        assert lane not in in_lane
        assert len(part) <= batch
        in_lane.add(lane)
        for _, number, pause in part:
            for _ in range(pause):
                await asyncio.sleep(0)
            done[lane].append(number)
        in_lane.discard(lane)
        return len(part)

    async def run() -> None:
        lanes: Lanes[tuple[int, int, int]] = Lanes(work, batch=batch)
        for number, (lane, pause) in enumerate(items):
            lanes.put(lane, (lane, number, pause))
            if number % 7 == 0:
                await asyncio.sleep(0)
        while len(lanes):
            await asyncio.sleep(0)

    asyncio.run(run())
    for lane in range(5):
        assert done[lane] == [number for number, (of, _) in enumerate(items) if of == lane]


async def test_the_end_waits_for_what_has_begun_and_cancels_what_takes_too_long() -> None:
    ended: list[str] = []
    never, gate = asyncio.Event(), asyncio.Event()

    async def work(items: list[asyncio.Event]) -> int:
        try:
            await items[0].wait()
            ended.append("done")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return 1

    lanes: Lanes[asyncio.Event] = Lanes(work, batch=1)
    for lane, until in enumerate([gate, never, gate]):
        lanes.put(lane, until)
        lanes.put(lane, never)  # does not begin any more
    await asyncio.sleep(0.01)
    gate.set()  # they are done as soon as the loop turns, however slow the machine: before any time is up
    await lanes.end(0.3)
    assert sorted(ended) == ["cancelled", "done", "done"]
    lanes.put("late", gate)
    assert len(lanes) == 0


async def test_a_lane_ends_at_what_is_not_done_with_and_all_at_an_error() -> None:
    seen: list[str] = []

    async def work(items: list[str]) -> int:
        seen.extend(items)
        if items == ["raise"]:
            raise LookupError
        return int(items != ["stop"])

    lanes: Lanes[str] = Lanes(work, batch=1)
    for item in ("a", "stop", "b"):
        lanes.put("x", item)
    await lanes.leave(5)
    assert seen == ["a", "stop"]
    assert lanes.failure is None
    lanes.put("y", "raise")
    lanes.put("y", "c")
    await lanes.leave(5)
    assert isinstance(lanes.failure, LookupError)
    assert "c" not in seen


async def test_items_that_have_not_begun_can_be_taken_out() -> None:
    seen: list[int] = []
    gate = asyncio.Event()

    async def work(items: list[int]) -> int:
        await gate.wait()
        seen.extend(items)
        return len(items)

    lanes: Lanes[int] = Lanes(work, batch=1)
    for item in range(6):
        lanes.put("x", item)
    await asyncio.sleep(0.01)
    lanes.forget(lambda item: item % 2 == 1)
    gate.set()
    await lanes.leave(5)
    assert len(lanes) == 0
    assert seen == [0, 2, 4]
