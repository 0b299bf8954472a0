"""The query log, summed up: each shape with how often it ran and what it cost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from docstore.models import QueryLog
from docstore.operations.querylog import Shape

Database = AsyncDatabase[dict[str, Any]]

_DURATIONS_KEPT: Final = 500
_MOST_SHAPES: Final = 5_000


@dataclass
class ShapeUse:
    """A shape in the log: how many queries its entries stand for, and their durations in milliseconds."""

    shape: Shape
    entries: int = 0
    count: float = 0
    total_ms: float = 0
    returned: float = 0
    limit: int = 0
    skip: int = 0
    durations: list[float] = field(default_factory=list)

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 stay below, of the durations kept."""
        ordered = sorted(self.durations)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] if ordered else 0.0

    @property
    def mean_returned(self) -> float:
        """Documents of a first batch."""
        return self.returned / self.count if self.count else 0.0


@dataclass
class Workload:
    """The shapes of a span of the log, those that cost most first, and how many entries were read."""

    uses: list[ShapeUse] = field(default_factory=list)
    entries: int = 0
    unread: int = 0

    def of(self, collection: str) -> list[ShapeUse]:
        """The shapes of a collection."""
        return [use for use in self.uses if use.shape.collection == collection]


async def read_workload(database: Database, *, since: datetime, collections: Sequence[str] = ()) -> Workload:
    """Read the log of a database, in constant memory.

    Args:
        database: the raw database.
        since: entries before it are left out.
        collections: only the queries on these; all when empty.
    """
    names = {name: QueryLog.stored_name(name) for name in ("query", "params", "duration", "timestamp")}
    wanted: dict[str, Any] = {names["timestamp"]: {"$gte": since}}
    if collections:
        wanted[f"{names['params']}.collection"] = {"$in": list(collections)}
    workload = Workload()
    known: dict[str, ShapeUse] = {}
    chance = random.Random(1)  # noqa: S311 - which durations are kept, the same each time
    fields = {names[name]: 1 for name in ("query", "params", "duration")}
    async for row in database[QueryLog.__name__].find(wanted, fields, batch_size=1_000):
        workload.entries += 1
        facts = row.get(names["params"]) or {}
        digest = str(facts.get("shape") or row[names["query"]])
        if digest not in known:
            shape = Shape.parse(str(row[names["query"]]))
            if shape is None or len(known) >= _MOST_SHAPES:
                workload.unread += 1
                continue
            known[digest] = ShapeUse(shape)
        _add(known[digest], float(row.get(names["duration"]) or 0), facts, chance)
    workload.uses = sorted(known.values(), key=lambda use: (-use.total_ms, use.shape.text))
    return workload


def _add(use: ShapeUse, duration: float, facts: dict[str, Any], chance: random.Random) -> None:
    weight = float(facts.get("weight") or 1)
    use.entries += 1
    use.count += weight
    use.total_ms += duration * weight
    use.returned += float(facts.get("returned") or 0) * weight
    use.limit = max(use.limit, abs(int(facts.get("limit") or 0)))
    use.skip = max(use.skip, int(facts.get("skip") or 0))
    if len(use.durations) < _DURATIONS_KEPT:
        use.durations.append(duration)
    elif (place := chance.randrange(use.entries)) < _DURATIONS_KEPT:
        use.durations[place] = duration
