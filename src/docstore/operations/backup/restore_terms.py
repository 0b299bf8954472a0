"""What goes into a restore and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """What is done with a collection at the moment."""

    VERIFYING = "verifying"
    DOCUMENTS = "documents"
    INDEXES = "indexes"
    PLACING = "placing"


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """How far a collection is; while verifying, how far the files are, and `name` is a file."""

    name: str
    stage: Stage
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """How a backup is restored.

    Args:
        only: these collections; all when empty.
        drop: replace collections that are there.
        indexes: build the indexes, too.
        parallel: how many collections at once.
        in_place: drop what is replaced before it is filled again: takes no second copy on disk, and if it is cut off
            the old documents are gone.
        restart: give up a restore that was cut off, instead of going on with it.
        lease_s: seconds after which a restore whose process died may be taken over.
        wait_s: seconds to wait for another restore into the same database; None for just as long as it takes to
            know that its process died.
    """

    only: Sequence[str] = ()
    drop: bool = False
    indexes: bool = True
    parallel: int = 4
    in_place: bool = False
    restart: bool = False
    lease_s: float = 30.0
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class RestoredCollection:
    """A collection that was restored."""

    name: str
    documents: int
    indexes: int
    replaced: bool


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did; `resumed` when it went on with one that was cut off, `left` is what it did not touch."""

    database: str
    collections: tuple[RestoredCollection, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...]
    resumed: bool
    seconds: float

    @property
    def documents(self) -> int:
        """All documents that were restored."""
        return sum(each.documents for each in self.collections)
