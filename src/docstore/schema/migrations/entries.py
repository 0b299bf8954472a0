"""What the journal knows of a migration: where it stands, and the steps of its last run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a migration stands in a database."""

    PENDING = "pending"
    """It has not run."""
    RUNNING = "running"
    """It is running, or the process that ran it is gone."""
    FAILED = "failed"
    """It raised half-way, or was interrupted."""
    APPLIED = "applied"
    """It ran to its end."""
    ROLLED_BACK = "rolled back"
    """It was applied, and taken back."""


@dataclass(frozen=True)
class StepRecord:
    """A step of a run: what it does, whether it is done, and where it got to."""

    label: str
    done: bool
    documents: int = 0
    total: int = 0
    after: Any = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A row of the journal."""

    name: str
    state: State
    direction: str = "up"
    checksum: str = ""
    description: str = ""
    batch: int = 0
    who: str = ""
    mode: str = ""
    token: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float = 0.0
    error: str | None = None
    steps: tuple[StepRecord, ...] = ()
    started_up: tuple[StepRecord, ...] | None = None
    """The steps up() had begun, when the way was turned half-way."""
    session: bytes = b""
    """The driver session of the run, by which another process ends the transaction of one that was killed."""
    history: tuple[Mapping[str, Any], ...] = ()
    forgotten: bool = False
    """Whether what it had kept for its way back was removed since."""

    @property
    def half_way(self) -> bool:
        """Whether it is neither in nor out."""
        return self.state in (State.RUNNING, State.FAILED)


def entry_of(row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Entry:
    """The entry that a row and the rows of its steps hold."""
    return Entry(
        name=row["_id"],
        state=State(row["state"]),
        direction=row.get("direction", "up"),
        checksum=row.get("checksum", ""),
        description=row.get("description", ""),
        batch=row.get("batch", 0),
        who=row.get("who", ""),
        mode=row.get("mode", ""),
        token=row.get("token", 0),
        started_at=row.get("startedAt"),
        finished_at=row.get("finishedAt"),
        seconds=row.get("seconds", 0.0),
        error=row.get("error"),
        steps=_records(steps),
        started_up=_records(row["startedUp"]) if row.get("startedUp") is not None else None,
        history=tuple(row.get("history") or ()),
        forgotten=bool(row.get("forgotten")),
        session=bytes(row.get("session") or b""),
    )


def row_of(record: StepRecord) -> dict[str, Any]:
    """The row of a step."""
    return {
        "label": record.label,
        "done": record.done,
        "documents": record.documents,
        "total": record.total,
        "after": record.after,
        "notes": dict(record.notes),
    }


def _records(rows: Sequence[Mapping[str, Any]] | None) -> tuple[StepRecord, ...]:
    return tuple(
        StepRecord(
            each["label"], each["done"], each["documents"], each["total"], each.get("after"), each.get("notes", {})
        )
        for each in rows or ()
    )
