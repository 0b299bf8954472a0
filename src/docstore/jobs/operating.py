"""What operators do with a queue: look at it, cancel jobs, and let failed ones begin again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from docstore.documents import translated, utc_now
from docstore.errors import NotFound
from docstore.jobs.status import FailedJob, JobsStatus
from docstore.jobs.tables import FAILED, PENDING, RUNNING, J, QueueTables

CANCELLED: Final = "cancelled"

_NAMED: Final = 20


class JobOperations(QueueTables[J]):
    """The part of a queue that operators use."""

    async def cancel(self, job_ids: Iterable[Any]) -> int:
        """Let jobs that wait, or are worked on, fail as cancelled; how many. A worker notices with its next heartbeat.

        Raises:
            NotFound: one of them is not there, or is done already.
        """
        changes = self._stored(status=FAILED, completed_at=utc_now(), error=CANCELLED)
        return await self._change(job_ids, [PENDING, RUNNING], {"$set": changes}, forget=True)

    async def retry(self, job_ids: Iterable[Any] | None = None) -> int:
        """Let failed jobs (all of them when None) begin again, with as many attempts as a new one; how many.

        Raises:
            NotFound: one of them is not there, or has not failed.
        """
        fresh = self._stored(status=PENDING, started_at=None, completed_at=None, scheduled_at=None)
        # The attempts grow on, being fencing tokens; so the limit is moved.
        more = self._model.model_fields["max_attempts"].get_default() or 1
        update = {"$set": fresh, "$inc": {self._field("max_attempts"): more}}
        return await self._change(job_ids, [FAILED], update)

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

    async def _change(
        self, job_ids: Iterable[Any] | None, statuses: Sequence[str], update: Any, *, forget: bool = False
    ) -> int:
        wanted: dict[str, Any] = {"status": {"$in": list(statuses)}}
        with translated(self._name):
            if job_ids is not None:
                ids = [self._model.parse_id(each) for each in job_ids]
                wanted["_id"] = {"$in": ids}
                found = {row["_id"] async for row in self._jobs.find(wanted, {"_id": 1})}
                missing = [str(each) for each in ids if each not in found]
                if missing:
                    raise NotFound(
                        f"no {self._name} in state {' or '.join(statuses)} has the id {', '.join(missing[:_NAMED])}.",
                        hint="`docstore jobs status` tells how they stand.",
                        collection=self._name,
                    )
            changed = await self._jobs.update_many(wanted, update)
            if forget and job_ids is not None:
                await self._tickets.delete_many({"_id": {"$in": [self._ticket(each) for each in ids]}})
        return int(changed.modified_count)
