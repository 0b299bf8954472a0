"""The journal: one row for each migration that ever ran here, with what it is doing and all that became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from docstore.clients.leases import MongoLease
from docstore.errors import LeaseLost
from docstore.schema.migrations.entries import Entry, State, StepRecord, entry_of, row_of

JOURNAL: Final = "MigrationJournal"
"""The collection of the journal."""

STEPS: Final = "MigrationStep"
"""The collection of the steps of the last run of each migration, one row each: a run may have hundreds."""

_EVENTS_KEPT: Final = 50
_ERROR_LENGTH: Final = 2000

Session = AsyncClientSession | None


class Journal:
    """The journal of one database.

    Args:
        database: the raw database.
        lease: the lease under which rows are written; None for reading alone.
        who: who is at work, for the record.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]], lease: MongoLease | None = None, who: str = "") -> None:
        self._rows = database.get_collection(
            JOURNAL, read_preference=ReadPreference.PRIMARY, write_concern=WriteConcern("majority", j=True)
        )
        # A step that a crash forgets is done again, and does no harm: it need not wait for the disk.
        quick = WriteConcern("majority")
        self._steps = database.get_collection(STEPS, read_preference=ReadPreference.PRIMARY, write_concern=quick)
        self._claims = self._rows.with_options(write_concern=quick)
        self._lease = lease
        self._who = who
        self._runs: dict[str, str] = {}

    async def entries(self) -> dict[str, Entry]:
        """Every row by the migration's name, in order; with its steps when it is half-way."""
        found = [entry_of(row, ()) async for row in self._rows.find().sort("_id", 1)]
        return {each.name: await self.entry(each.name) if each.half_way else each for each in found}

    async def entry(self, name: str) -> Entry:
        """One migration's row with its steps; that of a pending one when there is none."""
        row = await self._rows.find_one({"_id": name})
        if row is None:
            return Entry(name, State.PENDING)
        self._runs[name] = row.get("run", "")
        steps = await self._steps.find({"migration": name, "run": self._runs[name]}).sort("number", 1).to_list()
        return entry_of(row, steps)

    async def begin(
        self,
        name: str,
        *,
        direction: str,
        checksum: str,
        description: str,
        batch: int,
        mode: str,
        resume: bool,
        session: bytes = b"",
        started_up: Sequence[StepRecord] | None = None,
    ) -> None:
        """Write down that a run begins, or goes on where it was.

        Args:
            name: the migration's.
            direction: "up" or "down".
            checksum: of its file.
            description: its own.
            batch: the number of the deployment that applied it.
            mode: "transaction" or "batches".
            resume: whether the steps of the run before count.
            session: see `Entry`.
            started_up: the steps of a half-way run that this one takes back.
        """
        changes: dict[str, Any] = {
            "state": State.RUNNING.value,
            "direction": direction,
            "checksum": checksum,
            "description": description,
            "mode": mode,
            "batch": batch,
            "who": self._who,
            "token": self._token(),
            "session": session,
            "startedAt": _now(),
            "finishedAt": None,
            "error": None,
        }
        event = "resumed" if resume else "turned back half-way" if started_up is not None else "started"
        if not resume:
            # One write makes the old steps count no longer, whatever becomes of this process.
            changes["run"] = run = uuid4().hex
            if direction == "up":
                changes["forgotten"] = False
            changes["startedUp"] = None if started_up is None else [row_of(each) for each in started_up]
        await self._write(name, changes, event=f"{direction} {event}", upsert=True)
        if not resume:
            await self._steps.delete_many({"migration": name, "run": {"$ne": run}})
            self._runs[name] = run

    async def claim(self, name: str, session: Session = None) -> None:
        """Make sure that the migration is this process's, so that a transaction of another one's would conflict.

        Raises:
            LeaseLost: another process has taken the migration over.
        """
        token = self._token()
        mine = await self._claims.update_one({"_id": name, "token": token}, {"$set": {"at": _now()}}, session=session)
        if not mine.matched_count:
            raise _taken_over(name)

    async def step(self, name: str, number: int, record: StepRecord, session: Session = None) -> None:
        """Write down where a step is. In a transaction, with the documents it changed."""
        run = self._runs[name]
        await self._steps.update_one(
            {"_id": f"{name}/{run}/{number:05d}"},
            {"$set": {"migration": name, "run": run, "number": number, **row_of(record)}},
            upsert=True,
            session=session,
        )

    async def finish(self, name: str, *, state: State, seconds: float, session: Session = None) -> None:
        """Write down that a run came to its end."""
        await self._write(
            name,
            {"state": state.value, "finishedAt": _now(), "seconds": seconds, "error": None, "startedUp": None},
            event=state.value,
            seconds=seconds,
            session=session,
        )

    async def fail(self, name: str, *, error: str, seconds: float) -> None:
        """Write down that a run raised, and why; nothing, when it had not begun."""
        told, token = error[:_ERROR_LENGTH], self._token()
        event = {"at": _now(), "what": "failed", "who": self._who, "seconds": seconds, "error": told}
        await self._rows.update_one(
            {"_id": name, "token": token, "state": State.RUNNING.value},
            {
                "$set": {"state": State.FAILED.value, "error": told, "seconds": seconds, "finishedAt": _now()},
                "$push": {"history": {"$each": [event], "$slice": -_EVENTS_KEPT}},
            },
        )

    async def settle(self, name: str, *, state: State, checksum: str, description: str, batch: int, event: str) -> None:
        """Write down a state without running anything: resolve and baseline."""
        changes: dict[str, Any] = {
            "state": state.value,
            "direction": "up" if state is State.APPLIED else "down",
            "checksum": checksum,
            "description": description,
            "batch": batch,
            "who": self._who,
            "token": self._token(),
            "finishedAt": _now(),
            "error": None,
            "startedUp": None,
            "run": "",
        }
        await self._write(name, changes, event=event, upsert=True)
        await self._steps.delete_many({"migration": name})

    async def forgotten(self, name: str) -> None:
        """Write down that there is nothing kept for its way back any more."""
        await self._write(name, {"forgotten": True}, event="kept values forgotten")

    async def forget(self, name: str) -> None:
        """Take a migration's row out."""
        await self._steps.delete_many({"migration": name})
        await self._rows.delete_one({"_id": name})

    async def _write(
        self,
        name: str,
        changes: Mapping[str, Any],
        *,
        event: str,
        upsert: bool = False,
        session: Session = None,
        **details: Any,
    ) -> None:
        told = {"at": _now(), "what": event, "who": self._who, **details}
        # A process that lost its lease has a lower token than the row, and writes nothing any more.
        try:
            written = await self._rows.update_one(
                {"_id": name, "token": {"$not": {"$gt": self._token()}}},
                {"$set": dict(changes), "$push": {"history": {"$each": [told], "$slice": -_EVENTS_KEPT}}},
                upsert=upsert,
                session=session,
            )
        except DuplicateKeyError:
            raise _taken_over(name) from None
        if not written.matched_count and written.upserted_id is None:
            raise _taken_over(name)

    def _token(self) -> int:
        assert self._lease is not None, "the journal was opened for reading"
        self._lease.check()
        return self._lease.token


async def prepare_journal(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Make the collections ahead: two transactions cannot both make one."""
    await database[STEPS].create_index([("migration", 1), ("number", 1)], name="ix_migration_number")


def _taken_over(name: str) -> LeaseLost:
    return LeaseLost(
        f"{name} was taken over by another process.", hint="Look at `docstore migrate status`, and leave it."
    )


def _now() -> datetime:
    return datetime.now(UTC)
