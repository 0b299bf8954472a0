"""What an advice says, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from docstore.operations.querylog import Shape


class Kind(StrEnum):
    """What is the matter."""

    MISSING = "missing index"
    NOT_BUILT = "index not built"
    REDUNDANT = "redundant index"
    UNUSED = "unused index"
    LOW_VALUE = "low-value index"
    SCAN = "collection scan"
    SORT = "in-memory sort"
    OVERFETCH = "over-fetching"


@dataclass(frozen=True)
class Evidence:
    """How often queries ran and what they cost.

    Args:
        count: queries, those between samples counted in.
        total_ms, p95_ms: what the client waited, all in all and for 95 of 100.
        examined, returned: documents that one of them reads and finds, by the server's explain; None where unknown.
        plan: the stages of the server's plan.
        shapes: the queries, as the log tells them.
    """

    count: float = 0
    total_ms: float = 0
    p95_ms: float = 0
    examined: int | None = None
    returned: int | None = None
    plan: str = ""
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """A query run on a copy: documents examined and returned, the plan, and the median of several durations."""

    plan: str
    examined: int | None
    returned: int | None
    milliseconds: float


@dataclass(frozen=True)
class Proof:
    """A missing index, measured: the same query on a copy of the collection without and with it.

    Args:
        documents: how many the copy held.
        before, after: the query without and with the index.
        holds: whether the server read fewer documents with it, or no longer sorted in memory.
        forced: its planner did not choose the index by itself, so a hint told it to.
    """

    documents: int
    before: Measurement
    after: Measurement
    holds: bool
    forced: bool = False


@dataclass(frozen=True)
class Advice:
    """One thing to change.

    Args:
        kind: what is the matter.
        collection: where.
        reason: why, with numbers.
        remedy: what to do about it: a declaration to paste into the model, or what to change in the query.
        index: the name of the index it is about; empty for a missing one.
        keys: of the index to build.
        evidence: what it rests on; without counts where no query is involved.
        proof: of a missing index, when it was asked for.
    """

    kind: Kind
    collection: str
    reason: str
    remedy: str
    index: str = ""
    keys: tuple[tuple[str, int], ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    proof: Proof | None = None
    shapes: tuple[Shape, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class AdviceReport:
    """Everything found, the costliest first within each kind, and what could not be told.

    Args:
        entries: entries of the query log that were read.
        shapes: different queries among them.
        collections: collections looked at.
    """

    advice: tuple[Advice, ...]
    notes: tuple[str, ...] = ()
    entries: int = 0
    shapes: int = 0
    collections: int = 0

    def of(self, kind: Kind) -> tuple[Advice, ...]:
        """The advice of a kind."""
        return tuple(each for each in self.advice if each.kind is kind)
