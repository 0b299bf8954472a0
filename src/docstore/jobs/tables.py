"""The collections behind a queue, and how a job's state is told from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from docstore.documents import Document, server_now, translated
from docstore.errors import SettingsError
from docstore.jobs.tickets import JobTicket

J = TypeVar("J", bound=Document)

LEASE_SECONDS: Final = 30.0
"""After how long a job whose worker died is given to another."""

PENDING, RUNNING, COMPLETED, FAILED = "PENDING", "RUNNING", "COMPLETED", "FAILED"

_NEEDED: Final = (
    *("status", "priority", "attempts", "max_attempts", "error", "result"),
    *("scheduled_at", "started_at", "completed_at"),
)


@dataclass(frozen=True, slots=True)
class Claim(Generic[J]):
    """A job that is this worker's until its lease runs out; `attempt`, which grows with each claim, fences it."""

    job: J
    attempt: int
    owner: str


class QueueTables(Generic[J]):
    """A queue's collections.

    Args:
        model: the jobs; needs the fields of `CrawlerJob`.
        lease_seconds: see `LEASE_SECONDS`.

    Raises:
        SettingsError: the model lacks a field.
    """

    def __init__(self, model: type[J], *, lease_seconds: float = LEASE_SECONDS) -> None:
        missing = [name for name in _NEEDED if name not in model.model_fields]
        if missing:
            raise SettingsError(
                f"{model.__name__} cannot be a queue: it has no {', '.join(missing)}.",
                hint="Give it the fields of docstore.models.CrawlerJob.",
            )
        self._model = model
        self.lease_seconds = lease_seconds

    @property
    def _name(self) -> str:
        return self._model.get_collection_name()

    @property
    def _jobs(self) -> Any:
        return self._model.get_pymongo_collection()

    @property
    def _tickets(self) -> Any:
        return JobTicket.get_pymongo_collection()

    def _ticket(self, job_id: Any) -> str:
        return f"{self._name}/{job_id}"

    def _field(self, attribute: str) -> str:
        return self._model.stored_name(attribute)

    def _stored(self, **values: Any) -> dict[str, Any]:
        return {self._field(name): value for name, value in values.items()}

    async def _now(self) -> datetime:
        """The server's clock: workers whose clocks are wrong neither hurry jobs nor hold them back."""
        return await server_now(self._model)

    def _due(self, now: datetime) -> dict[str, Any]:
        return {"status": PENDING, self._field("scheduled_at"): {"$not": {"$gt": now}}}

    def _held(self, claim: Claim[J]) -> dict[str, Any]:
        return {"_id": claim.job.id, "status": RUNNING, "attempts": claim.attempt}

    def _end(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", int(self.lease_seconds * 1000)]}

    async def _abandoned(self) -> list[dict[str, Any]]:
        with translated(self._name):
            fields = {"attempts": 1, self._field("max_attempts"): 1, self._field("started_at"): 1}
            order = {self._field("started_at"): 1}
            running = await self._jobs.find({"status": RUNNING}, fields).sort(order).limit(500).to_list()
            if not running:
                return []
            now = await self._now()
            ids = [self._ticket(row["_id"]) for row in running]
            tickets = {row["_id"]: row async for row in self._tickets.find({"_id": {"$in": ids}})}
        return [row for row in running if self._is_abandoned(row, tickets.get(self._ticket(row["_id"])), now)]

    def _is_abandoned(self, row: Mapping[str, Any], ticket: Mapping[str, Any] | None, now: datetime) -> bool:
        if ticket is not None and ticket["attempt"] == row.get("attempts") and ticket.get("until") is not None:
            return bool(ticket["until"] <= now)
        # Its worker died between taking the job and taking the lease, or is about to take it.
        started = row.get(self._field("started_at"))
        return started is None or started + timedelta(seconds=self.lease_seconds) <= now
