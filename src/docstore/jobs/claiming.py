"""Claiming jobs: by compare-and-set, so that of many workers exactly one gets each."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from docstore.documents import run_in_transaction, translated, utc_now
from docstore.errors import LeaseLost, UniqueViolation
from docstore.jobs.tables import COMPLETED, FAILED, PENDING, RUNNING, Claim, J, QueueTables
from docstore.jobs.tickets import JobTicket

DIED: Final = "its worker died"

_LOOKED_AT: Final = 32
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(hours=1)


class JobClaims(QueueTables[J]):
    """The part of a queue that workers use."""

    async def enqueue(self, job: J, *, key: str | None = None) -> J:
        """Put a new job in the queue; with a key, unless one with it waits or is worked on.

        Args:
            job: not stored yet.
            key: of all jobs with it only one is in the queue at a time.

        Returns:
            The job that is in the queue now: the given one, or the one that was there.
        """

        async def insert() -> None:
            await job.insert()
            if key is not None:
                ticket = self._ticket(job.id)
                await JobTicket(id=f"{self._name}#{key}", collection=self._name, job=ticket).insert()

        try:
            await run_in_transaction(insert)
        except UniqueViolation:
            there = await self._with_key(key) if key is not None else None
            if there is None:
                raise
            return there
        return job

    async def claim(self, owner: str) -> Claim[J] | None:
        """Take the next job that is due; None when there is none. Counts as an attempt.

        Args:
            owner: who takes it; unlike any other.
        """
        with translated(self._name):
            now = await self._now()
            for row in await self._candidates(now):
                attempt = row["attempts"] + 1
                taken = await self._jobs.update_one(
                    {"_id": row["_id"], "status": PENDING, "attempts": row["attempts"]},
                    {
                        "$set": self._stored(status=RUNNING, started_at=now, completed_at=None, error=None),
                        "$inc": {"attempts": 1},
                    },
                )
                if not taken.modified_count:
                    continue
                await self._lease(row["_id"], owner, attempt)
                job = await self._model.get(row["_id"])
                if job is not None:
                    return Claim(job, attempt, owner)
        return None

    async def heartbeat(self, claim: Claim[J]) -> None:
        """Keep a job for another lease.

        Raises:
            LeaseLost: it was cancelled, or is somebody else's by now.
        """
        with translated(self._name):
            renewed = await self._tickets.update_one(
                {"_id": self._ticket(claim.job.id), "owner": claim.owner, "attempt": claim.attempt},
                [{"$set": {"until": self._end()}}],
            )
            held = renewed.matched_count and await self._jobs.find_one(self._held(claim), {"_id": 1})
        if not held:
            raise _lost(claim)

    async def complete(self, claim: Claim[J], result: Any = None) -> None:
        """The work is done. Raises as `heartbeat`; nothing is written then."""
        changes = self._stored(status=COMPLETED, completed_at=utc_now(), result=result, error=None)
        await self._finish(claim, changes)

    async def fail(self, claim: Claim[J], error: str, *, retry: bool = True) -> bool:
        """The attempt failed; whether there will be another. Raises as `heartbeat`.

        Args:
            claim: the job.
            error: why, in words.
            retry: False when another attempt would fail as well.
        """
        again, now = retry and claim.attempt < getattr(claim.job, "max_attempts", 1), await self._now()
        if again:
            due = now + _pause_after(claim.attempt)
            changes = self._stored(status=PENDING, started_at=None, error=error, scheduled_at=due)
        else:
            changes = self._stored(status=FAILED, completed_at=now, error=error)
        await self._finish(claim, changes, keep_key=again)
        return again

    async def release(self, claim: Claim[J]) -> None:
        """Give a job back unfinished, as when its worker is told to stop; the attempt does not count."""
        changes = self._stored(status=PENDING, started_at=None)
        with translated(self._name):
            # The number grows on: an attempt is a fencing token, and is not given twice.
            await self._jobs.update_one(self._held(claim), {"$set": changes, "$inc": {self._field("max_attempts"): 1}})
            await self._forget_lease(claim)

    async def recover(self) -> int:
        """Put jobs whose worker died back into the queue, or give them up when their attempts are used up; how many."""
        recovered = 0
        for row in await self._abandoned():
            used_up = row["attempts"] >= row.get(self._field("max_attempts"), 1)
            changes = (
                self._stored(status=FAILED, completed_at=utc_now(), error=DIED)
                if used_up
                else self._stored(status=PENDING, started_at=None, error=DIED)
            )
            with translated(self._name):
                done = await self._jobs.update_one(
                    {"_id": row["_id"], "status": RUNNING, "attempts": row["attempts"]}, {"$set": changes}
                )
                if done.modified_count and used_up:
                    await self._tickets.delete_many({"job": self._ticket(row["_id"])})
            recovered += done.modified_count
        return recovered

    async def _candidates(self, now: datetime) -> list[dict[str, Any]]:
        fields = {"attempts": 1, "priority": 1}
        order = {"priority": -1, "createdAt": 1}
        rows: list[dict[str, Any]] = (
            await self._jobs.find(self._due(now), fields).sort(order).limit(_LOOKED_AT).to_list()
        )
        first = [row for row in rows if row["priority"] == rows[0]["priority"]] if rows else []
        # Many workers look at the same rows; in the same order they would all reach for the first.
        start = random.randrange(min(len(first), 4)) if len(first) > 1 else 0  # noqa: S311 - no secret
        return first[start:] + first[:start] + rows[len(first) :]

    async def _lease(self, job_id: Any, owner: str, attempt: int) -> None:
        ticket = self._ticket(job_id)
        literal = {"collection": self._name, "job": ticket, "owner": {"$literal": owner}, "attempt": attempt}
        await self._tickets.update_one({"_id": ticket}, [{"$set": {**literal, "until": self._end()}}], upsert=True)

    async def _finish(self, claim: Claim[J], changes: Mapping[str, Any], *, keep_key: bool = False) -> None:
        async def finish() -> None:
            done = await self._jobs.update_one(self._held(claim), {"$set": dict(changes)})
            if not done.matched_count:
                raise _lost(claim)
            if keep_key:
                await self._forget_lease(claim)
            else:
                await self._tickets.delete_many({"job": self._ticket(claim.job.id)})

        with translated(self._name):
            await run_in_transaction(finish)

    async def _forget_lease(self, claim: Claim[J]) -> None:
        await self._tickets.update_one(
            {"_id": self._ticket(claim.job.id), "attempt": claim.attempt}, {"$set": {"owner": None, "until": None}}
        )

    async def _with_key(self, key: str) -> J | None:
        ticket = await JobTicket.get(f"{self._name}#{key}")
        return await self._model.get(ticket.job.removeprefix(f"{self._name}/")) if ticket is not None else None


def _pause_after(attempt: int) -> timedelta:
    pause = min(_FIRST_PAUSE * 2 ** min(attempt - 1, 20), _LONGEST_PAUSE)
    return timedelta(seconds=pause.total_seconds() * random.uniform(0.5, 1.0))  # noqa: S311 - jitter


def _lost(claim: Claim[Any]) -> LeaseLost:
    return LeaseLost(
        f"job {claim.job.id} is not this worker's any more: it was cancelled, or its lease ran out.",
        hint="Stop working on it; what another attempt does counts.",
    )
