"""What operators do with a queue: look at it, cancel jobs, and let failed ones begin again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

from docstore.documents import run_in_transaction, translated, utc_now
from docstore.errors import NotFound, UniqueViolation
from docstore.jobs.keys import IN_QUEUE, JobKeys
from docstore.jobs.status import FailedJob, JobsStatus
from docstore.jobs.tables import FAILED, PENDING, J

CANCELLED: Final = "cancelled"

_NAMED: Final = 20
_AT_ONCE: Final = 500

_log = logging.getLogger("docstore.jobs")


class JobOperations(JobKeys[J]):
    """The part of a queue that operators use."""

    async def cancel(self, job_ids: Iterable[Any]) -> int:
        """Let jobs that wait, or are worked on, fail as cancelled; how many. A worker notices with its next heartbeat.

        Raises:
            NotFound: one of them is not there, or is done already.
        """
        changes = self._stored(status=FAILED, completed_at=utc_now(), error=CANCELLED)
        ids = [self._model.parse_id(each) for each in job_ids]
        with translated(self._name):
            await self._in_states(ids, IN_QUEUE, all_of_them=True)
            cancelled = await self._jobs.update_many(self._those(ids, IN_QUEUE), {"$set": changes})
            await self._tickets.delete_many({"_id": {"$in": [self._ticket(each) for each in ids]}})
        return int(cancelled.modified_count)

    async def retry(self, job_ids: Iterable[Any] | None = None) -> int:
        """Let failed jobs begin again, with as many attempts as a new one; how many.

        Args:
            job_ids: those; all or none of them. None: all that failed, but for those whose key another job has that is
                in the queue; they stay failed, and are logged.

        Raises:
            NotFound: one of them is not there, or has not failed.
            UniqueViolation: another job is in the queue with the key of one of them; names both.
        """
        if job_ids is not None:
            return await self._begin_again([self._model.parse_id(each) for each in job_ids], named=True)
        with translated(self._name):
            failed = [row["_id"] async for row in self._jobs.find({"status": FAILED}, {"_id": 1})]
        parts = (failed[start : start + _AT_ONCE] for start in range(0, len(failed), _AT_ONCE))
        return sum([await self._begin_again(part, named=False) for part in parts])

    async def status(self) -> JobsStatus:
        """Count the jobs and the workers."""
        now = await self._now()
        with translated(self._name):
            pipeline = [{"$group": {"_id": "$status", "jobs": {"$sum": 1}}}]
            counts = {row["_id"]: row["jobs"] async for row in await self._jobs.aggregate(pipeline)}
            due = await self._jobs.count_documents(self._due(now))
            oldest = await self._jobs.find(self._due(now), {"createdAt": 1}).sort({"createdAt": 1}).limit(1).to_list()
            failed = await self._jobs.find({"status": FAILED}).sort({"updatedAt": -1}).limit(_NAMED).to_list()
            working = [row async for row in self._tickets.find({"collection": self._name, "owner": {"$ne": None}})]
        workers: dict[str, int] = {}
        for row in working:
            workers[row["owner"]] = workers.get(row["owner"], 0) + 1
        return JobsStatus(
            collection=self._name,
            counts=counts,
            due=due,
            oldest_due_s=max(0.0, (now - oldest[0].get("createdAt", now)).total_seconds()) if oldest else 0.0,
            abandoned=len(await self._abandoned()),
            workers=workers,
            failed=[FailedJob(str(row["_id"]), row.get("attempts") or 0, row.get("error")) for row in failed],
        )

    async def _begin_again(self, ids: Sequence[Any], *, named: bool) -> int:
        fresh = self._stored(status=PENDING, started_at=None, completed_at=None, scheduled_at=None)
        # The attempts grow on, being fencing tokens; so the limit is moved.
        more = self._model.model_fields["max_attempts"].get_default() or 1
        update = {"$set": fresh, "$inc": {self._field("max_attempts"): more}}

        async def begin() -> int:
            found = await self._in_states(ids, [FAILED], all_of_them=named)
            refused = await self._keys_back(found)
            if refused and named:
                raise self._key_is_taken(refused)
            for job, other in refused.items():
                _log.warning("Job %s stays failed: job %s is in the queue with its key.", job, other)
            wanted = [each for each in found if each not in refused]
            return int((await self._jobs.update_many(self._those(wanted, [FAILED]), update)).modified_count)

        for last in (False, False, True):
            try:
                with translated(self._name):
                    begun: int = await run_in_transaction(begin)
                return begun
            except UniqueViolation as error:
                # Somebody put a job with the same key in the queue meanwhile: the next look finds it.
                if last or error.field == "key":
                    raise
        raise AssertionError

    def _those(self, ids: Sequence[Any], statuses: Sequence[str]) -> dict[str, Any]:
        return {"_id": {"$in": list(ids)}, "status": {"$in": list(statuses)}}

    async def _in_states(self, ids: Sequence[Any], statuses: Sequence[str], *, all_of_them: bool) -> list[Any]:
        found = {row["_id"] async for row in self._jobs.find(self._those(ids, statuses), {"_id": 1})}
        missing = [str(each) for each in ids if each not in found]
        if missing and all_of_them:
            raise NotFound(
                f"no {self._name} in state {' or '.join(statuses)} has the id {', '.join(missing[:_NAMED])}.",
                hint="`docstore jobs status` tells how they stand.",
                collection=self._name,
            )
        return [each for each in dict.fromkeys(ids) if each in found]
