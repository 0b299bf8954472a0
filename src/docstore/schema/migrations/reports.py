"""What is told of migrations: before they run, while they do, and afterwards; and how fast they are to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

BATCH_SIZE: Final = 1000

Direction = Literal["up", "down"]


@dataclass(frozen=True)
class PlannedStep:
    """A step as a dry run sees it.

    Args:
        label: what it does.
        kind: "documents", "structure" or "code".
        documents: how many documents it would change, as far as can be told before it ran; None when it cannot.
        detail: what else there is to say.
        collection: whose documents.
    """

    label: str
    kind: str
    documents: int | None = None
    detail: str = ""
    collection: str = ""


@dataclass(frozen=True)
class MigrationProgress:
    """Where a running migration is: its step, and the documents done of those there were when the step began."""

    migration: str
    step: str
    done: int
    total: int


@dataclass(frozen=True)
class Pace:
    """How fast documents are changed: in batches of how many, and at most how many a second."""

    batch_size: int = BATCH_SIZE
    throttle: float | None = None


@dataclass(frozen=True)
class PlannedMigration:
    """What a dry run found out about one migration: the way it would go, its steps, and whether in one transaction."""

    name: str
    description: str
    direction: Direction
    resumes: bool
    transaction: bool
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True)
class RanMigration:
    """A migration that ran to its end: the way it went, how long it took, and the documents it changed."""

    name: str
    description: str
    direction: Direction
    seconds: float
    documents: int
    transaction: bool
    notes: tuple[str, ...] = ()
