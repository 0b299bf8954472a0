"""How a queue stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed for good: its id, how often it was tried, and the last error."""

    id: str
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class JobsStatus:
    """How a queue stands.

    Attributes:
        collection: the jobs' collection.
        counts: living jobs by status.
        due: jobs that wait and may begin now.
        oldest_due_s: how many seconds the oldest of these waits; 0 without one.
        abandoned: jobs at work whose lease ran out: their worker died, and another takes them over.
        workers: who works, and on how many jobs.
        failed: some of the jobs that failed for good, the latest first.
    """

    collection: str
    counts: Mapping[str, int]
    due: int
    oldest_due_s: float
    abandoned: int
    workers: Mapping[str, int]
    failed: Sequence[FailedJob]
