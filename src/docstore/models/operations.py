"""Operations: the crawler's queue and the log of slow or notable queries.

Owns the records alone; leasing jobs and writing the log belong to the mechanisms that do so.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final, Self

from docstore.documents import (
    Aged,
    Document,
    Index,
    Json,
    NonEmpty,
    Retention,
    ShardKey,
    StateMachine,
    UtcDateTime,
    index,
    shard_key,
    utc_now,
)

QUERY_LOG_SECONDS: Final = 30 * 24 * 3600
"""How long an entry of the query log is kept: thirty days."""


class JobStatus(StrEnum):
    """Where a job stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class CrawlerJob(Document):
    """A page to fetch. Claimed by priority (highest first), then age; `scheduled_at` holds a job back until then."""

    url: NonEmpty
    status: JobStatus = JobStatus.PENDING
    priority: int = 0
    attempts: int = 0
    max_attempts: int = 3
    error: str | None = None
    result: Json | None = None
    metadata: Json | None = None
    scheduled_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    states: ClassVar[StateMachine | None] = StateMachine(
        "status",
        {
            JobStatus.PENDING: frozenset({JobStatus.RUNNING}),
            JobStatus.RUNNING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING}),
            JobStatus.COMPLETED: frozenset(),
            JobStatus.FAILED: frozenset({JobStatus.PENDING}),
        },
    )
    retention: ClassVar[Retention | None] = Retention(
        deleted=timedelta(days=30),
        aged=(Aged("completed_at", timedelta(days=30), {"status": (JobStatus.COMPLETED, JobStatus.FAILED)}),),
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("status", "-priority", "created_at", serves="the next job: by priority, then age"),
        index("status", "started_at", serves="running jobs whose worker died: longest running first"),
        index("url", serves="whether a page is in the queue already"),
    )

    async def start(self) -> Self:
        """A worker takes the job, which counts as an attempt. Of several workers exactly one gets it.

        Raises:
            InvalidTransition: the job is not pending (any more).
        """
        return await self.move_to(
            JobStatus.RUNNING, started_at=utc_now(), completed_at=None, attempts=self.attempts + 1
        )

    async def complete(self, result: Json | None = None) -> Self:
        """The page was fetched.

        Raises:
            InvalidTransition: the job is not running.
        """
        return await self.move_to(JobStatus.COMPLETED, completed_at=utc_now(), result=result, error=None)

    async def fail(self, error: str) -> Self:
        """The attempt failed, for a reason in words; `requeue` gives it another.

        Raises:
            InvalidTransition: the job is not running.
        """
        return await self.move_to(JobStatus.FAILED, completed_at=utc_now(), error=error)

    async def requeue(self, at: datetime | None = None) -> Self:
        """Back to the queue, after a failure or because its worker died; not before `at` when given.

        Whether the attempts are used up (`attempts`, `max_attempts`) is the caller's to weigh.

        Raises:
            InvalidTransition: the job is completed, or waits already.
        """
        return await self.move_to(JobStatus.PENDING, started_at=None, completed_at=None, scheduled_at=at)


class QueryLog(Document):
    """A query that ran: its shape, never its values. `duration` is in milliseconds; entries expire after 30 days."""

    query: str
    params: Json | None = None
    duration: float
    user_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    timestamp: UtcDateTime

    sensitive: ClassVar[frozenset[str]] = frozenset({"params"})
    shard_key: ClassVar[ShardKey | None] = shard_key(
        "id", hashed=True, reason="written far more often than read, from everywhere at once"
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("user_id", "-timestamp", serves="the queries of a user, newest first"),
        index("-duration", serves="the slowest queries"),
        index("timestamp", serves="queries by time; the removal of old entries", expire_after=QUERY_LOG_SECONDS),
    )
