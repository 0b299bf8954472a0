"""Keys of jobs: of all jobs with the same one, only one is in the queue at a time, whoever puts it there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from docstore.documents.guard import Scope
from docstore.errors import UniqueViolation, ValidationFailed
from docstore.jobs.tables import PENDING, RUNNING, J, QueueTables
from docstore.jobs.tickets import JobTicket

IN_QUEUE = (PENDING, RUNNING)

_NAMED = 20


class JobKeys(QueueTables[J]):
    """The part of a queue that knows which job has a key. All of it runs in the transaction of what it is asked for."""

    def _key(self, key: str) -> str:
        if any("\ud800" <= letter <= "\udfff" for letter in key):
            raise ValidationFailed("a job's key is no valid Unicode.", field="key")
        return f"{self._name}#{key}"

    async def _with_key(self, key: str) -> J | None:
        """The job with a key that waits or is worked on."""
        ticket = await JobTicket.get(self._key(key))
        job = await self._model.get(self._job_id(ticket.job)) if ticket is not None else None
        return job if job is not None and getattr(job, "status", None) in IN_QUEUE else None

    async def _take_key(self, key: str, job: str) -> None:
        """Give a key, as it is in tickets, to a job; one that failed with it is remembered, and must ask for it."""
        old = await self._tickets.find_one({"_id": key})
        if old is not None:
            former = {"$set": {"collection": self._name, "job": old["job"], "key": key}}
            await self._tickets.update_one({"_id": _former(old["job"])}, former, upsert=True)
            await self._forget_removed(key)
            await self._tickets.delete_one({"_id": key})
        await JobTicket(id=key, collection=self._name, job=job).insert()

    async def _keys_back(self, job_ids: Sequence[Any]) -> dict[Any, str]:
        """Give failed jobs their keys back; those that cannot have them, with the job that has theirs."""
        asking = {self._ticket(each): each for each in job_ids}
        rows = await self._tickets.find({"job": {"$in": list(asking)}}).to_list()
        # Who puts a job with this key in the queue meanwhile takes the ticket away: of both one has to see the other.
        holding = [row["_id"] for row in rows if row["_id"].startswith(f"{self._name}#")]
        await self._tickets.update_many({"_id": {"$in": holding}}, {"$inc": {"attempt": 1}})
        former = [row for row in rows if row.get("key") is not None]
        keys = [row["key"] for row in former]
        holders = {row["_id"]: row["job"] async for row in self._tickets.find({"_id": {"$in": keys}})}
        taken = await self._in_queue(holders.values()) | asking.keys()
        refused: dict[Any, str] = {}
        for row in former:
            if holders.get(row["key"]) in taken:
                refused[asking[row["job"]]] = str(self._job_id(holders[row["key"]]))
                continue
            await self._take_key(row["key"], row["job"])
            await self._tickets.delete_one({"_id": row["_id"]})
            holders[row["key"]] = row["job"]
        return refused

    def _key_is_taken(self, refused: Mapping[Any, str]) -> UniqueViolation:
        told = ", ".join(f"{job} (its key is with {other})" for job, other in list(refused.items())[:_NAMED])
        return UniqueViolation(
            f"{self._name} cannot be tried again while another with the same key is in the queue: {told}.",
            hint="Wait until that one is done, or cancel it; of several that failed with one key, name one.",
            collection=self._name,
            field="key",
        )

    async def _in_queue(self, tickets: Collection[str]) -> set[str]:
        wanted = {"_id": {"$in": [self._job_id(each) for each in tickets]}, "status": {"$in": list(IN_QUEUE)}}
        return {self._ticket(row["_id"]) async for row in self._jobs.find(wanted, {"_id": 1})}

    async def _forget_removed(self, key: str) -> None:
        """Jobs that are removed for good ask for no key any more."""
        rows = await self._tickets.find({"key": key}).to_list()
        ids = [self._job_id(row["job"]) for row in rows]
        there = {row["_id"] async for row in self._jobs.in_scope(Scope.ALL).find({"_id": {"$in": ids}}, {"_id": 1})}
        gone = [row["_id"] for row, each in zip(rows, ids, strict=True) if each not in there]
        await self._tickets.delete_many({"_id": {"$in": gone}})

    def _job_id(self, ticket: str) -> Any:
        return self._model.parse_id(ticket.removeprefix(f"{self._name}/"))


def _former(job: str) -> str:
    return f"{job}#key"
