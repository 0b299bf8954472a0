"""Numbers that order the events of one document as they were committed, whatever the clocks of the writers say.

A number is the writer's clock in nanoseconds, or one more than the document's last number where that is higher: a
hybrid logical clock (Kulkarni et al., 2014) for each document. Two transactions that write one document cannot overlap,
so the later one sees the rows of the earlier. Once all rows of a document are gone, a week after they were published,
the clock alone counts; it is not that wrong.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from docstore.documents import ChangeKind, DocumentChanged, Event
from docstore.outbox.entries import OutboxEntry

_IN_SLICES_OF = 250


async def sequence_numbers(events: Sequence[Event]) -> list[int]:
    """A number for each event, in the order given; read and used in one transaction."""
    # Numbers below the clock do not matter; as a rule there are no others, however many events a document has.
    since = time.time_ns()
    last = await _last_numbers({str(event.aggregate_id) for event in events if not _is_first(event)}, since)
    numbers = []
    for event in events:
        aggregate = str(event.aggregate_id)
        last[aggregate] = _clock.after(last.get(aggregate, 0))
        numbers.append(last[aggregate])
    return numbers


def _is_first(event: Event) -> bool:
    # A bulk insert has thousands of these, and there is nothing to be found.
    return isinstance(event, DocumentChanged) and event.kind is ChangeKind.INSERT


async def _last_numbers(aggregates: Iterable[str], since: int) -> dict[str, int]:
    wanted, collection = list(aggregates), OutboxEntry.get_pymongo_collection()
    later = {"seq": {"$gte": since}}
    if len(wanted) == 1:
        newest = await collection.find_one({"aggregateId": wanted[0], **later}, {"seq": 1}, sort={"seq": -1})
        return {wanted[0]: newest["seq"]} if newest else {}
    last: dict[str, int] = {}
    for start in range(0, len(wanted), _IN_SLICES_OF):
        pipeline: list[dict[str, Any]] = [
            {"$match": {"aggregateId": {"$in": wanted[start : start + _IN_SLICES_OF]}, **later}},
            {"$group": {"_id": "$aggregateId", "seq": {"$max": "$seq"}}},
        ]
        async with await collection.aggregate(pipeline) as rows:
            last |= {row["_id"]: row["seq"] async for row in rows}
    return last


class _Clock:
    """Nanoseconds since 1970 that never stand still or step back in this process."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def after(self, number: int) -> int:
        """The time, pushed past `number` where that is later."""
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return max(self._last, number + 1)


_clock = _Clock()
