"""Claiming jobs: by compare-and-set, so that of many workers exactly one gets each."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bson.errors import InvalidDocument

from docstore.documents import run_in_transaction, translated, utc_now
from docstore.errors import LeaseLost, UniqueViolation, ValidationFailed
from docstore.jobs.keys import JobKeys
from docstore.jobs.tables import COMPLETED, FAILED, PENDING, RUNNING, Claim, J

DIED: Final = "its worker died"

_LOOKED_AT: Final = 32
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(hours=1)


class JobClaims(JobKeys[J]):
    """The part of a queue that workers use."""

    async def enqueue(self, job: J, *, key: str | None = None) -> J:
        """Put a new job in the queue; with a key, unless one with it waits or is worked on.

        Args:
            job: not stored yet.
            key: of all jobs with it only one is in the queue at a time. One that failed has it back when it is tried
                again; that is refused while another is in the queue with it.

        Returns:
            The job that is in the queue now: the given one, or the one that was there.
        """

        async def insert() -> J:
            there = await self._with_key(key) if key is not None else None
            if there is not None:
                return there
            await job.insert()
            if key is not None:  # it may be that of a job that failed, or was deleted while it waited
                await self._take_key(self._key(key), self._ticket(job.id))
            return job

        try:
            queued: J = await run_in_transaction(insert)
        except UniqueViolation:
            there = await self._with_key(key) if key is not None else None
            if there is None:
                raise
            return there
        return queued

    async def claim(self, owner: str) -> Claim[J] | None:
        """Take the next job that is due; None when there is none. Counts as an attempt.

        Args:
            owner: who takes it; unlike any other.
        """
        with translated(self._name):
            now = await self._now()
            for row in await self._candidates(now):
                # Rows that others wrote may lack what docstore writes; one of them must not stop the queue.
                attempts = row.get("attempts")
                attempt = 1 + (attempts if isinstance(attempts, int) else 0)
                taken = await self._jobs.update_one(
                    {"_id": row["_id"], "status": PENDING, "attempts": attempts},
                    {
                        "$set": self._stored(
                            status=RUNNING, started_at=now, completed_at=None, error=None, attempts=attempt
                        )
                    },
                )
                if not taken.modified_count:
                    continue
                await self._lease(row["_id"], owner, attempt)
                try:
                    job = await self._model.get(row["_id"])
                except ValidationFailed as error:
                    await self._give_up(row["_id"], attempt, str(error))
                    continue
                if job is not None:
                    return Claim(job, attempt, owner)
        return None

    async def _give_up(self, job_id: Any, attempt: int, error: str) -> None:
        """Let a job fail that cannot even be read; the others go on."""
        changes = self._stored(status=FAILED, completed_at=await self._now(), error=error)
        await self._jobs.update_one({"_id": job_id, "status": RUNNING, "attempts": attempt}, {"$set": changes})
        await self._tickets.delete_one({"_id": self._ticket(job_id)})

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
        """The work is done.

        Raises:
            LeaseLost: as `heartbeat`; nothing is written then.
            ValidationFailed: the result cannot be stored, for its type or its size.
        """
        changes = self._stored(status=COMPLETED, completed_at=utc_now(), result=result, error=None)
        try:
            await self._finish(claim, changes, ended=True, done=True)
        except (InvalidDocument, OverflowError) as error:
            raise ValidationFailed(
                f"the result of a {self._name} cannot be stored: {type(error).__name__}.",
                hint="What BSON knows can be: JSON, instants, ids, bytes; up to 16 MB with the job, keys without NUL.",
                field="result",
                value_type=type(result).__name__,
            ) from error

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
        await self._finish(claim, changes, ended=not again)
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
            used_up = (row.get("attempts") or 0) >= (row.get(self._field("max_attempts")) or 1)
            changes = (
                self._stored(status=FAILED, completed_at=utc_now(), error=DIED)
                if used_up
                else self._stored(status=PENDING, started_at=None, error=DIED)
            )
            with translated(self._name):
                done = await self._jobs.update_one(
                    {"_id": row["_id"], "status": RUNNING, "attempts": row.get("attempts")}, {"$set": changes}
                )
                if done.modified_count and used_up:
                    await self._tickets.delete_one({"_id": self._ticket(row["_id"])})
            recovered += done.modified_count
        return recovered

    async def _candidates(self, now: datetime) -> list[dict[str, Any]]:
        fields = {"attempts": 1, "priority": 1}
        order = {"priority": -1, "createdAt": 1}
        rows: list[dict[str, Any]] = (
            await self._jobs.find(self._due(now), fields).sort(order).limit(_LOOKED_AT).to_list()
        )
        first = [row for row in rows if row.get("priority") == rows[0].get("priority")] if rows else []
        # Many workers look at the same rows; in the same order they would all reach for the first.
        start = random.randrange(min(len(first), 4)) if len(first) > 1 else 0  # noqa: S311 - no secret
        return first[start:] + first[:start] + rows[len(first) :]

    async def _lease(self, job_id: Any, owner: str, attempt: int) -> None:
        ticket = self._ticket(job_id)
        literal = {"collection": self._name, "job": ticket, "owner": {"$literal": owner}, "attempt": attempt}
        await self._tickets.update_one({"_id": ticket}, [{"$set": {**literal, "until": self._end()}}], upsert=True)

    async def _finish(self, claim: Claim[J], changes: Mapping[str, Any], *, ended: bool, done: bool = False) -> None:
        ticket = self._ticket(claim.job.id)

        async def finish() -> None:
            finished = await self._jobs.update_one(self._held(claim), {"$set": dict(changes)})
            if not finished.matched_count:
                raise _lost(claim)
            if not ended:
                await self._forget_lease(claim)
            elif done:
                await self._tickets.delete_many({"job": ticket})
            else:  # it may be tried again, with its key unless another job has that by then
                await self._tickets.delete_one({"_id": ticket})

        with translated(self._name):
            await run_in_transaction(finish)

    async def _forget_lease(self, claim: Claim[J]) -> None:
        await self._tickets.update_one(
            {"_id": self._ticket(claim.job.id), "attempt": claim.attempt}, {"$set": {"owner": None, "until": None}}
        )


def _pause_after(attempt: int) -> timedelta:
    pause = min(_FIRST_PAUSE * 2 ** min(attempt - 1, 20), _LONGEST_PAUSE)
    return timedelta(seconds=pause.total_seconds() * random.uniform(0.5, 1.0))  # noqa: S311 - jitter


def _lost(claim: Claim[Any]) -> LeaseLost:
    return LeaseLost(
        f"job {claim.job.id} is not this worker's any more: it was cancelled, or its lease ran out.",
        hint="Stop working on it; what another attempt does counts.",
    )
