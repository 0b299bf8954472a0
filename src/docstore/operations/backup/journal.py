"""What a restore remembers in the database it writes to, so that one that was cut off can be told of and go on.

One collection, which is dropped when the restore is through. It also holds the lease that keeps a second restore out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from docstore.documents import translated

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.database import AsyncDatabase

JOURNAL_COLLECTION: Final = "RestoreJournal"
WORKING_PREFIX: Final = "docstore_restore."
"""What the collections are called that are filled and not yet in their places."""

_ROW: Final = "restore"


class Way(StrEnum):
    """How a collection gets to its place."""

    SWAP = "swap"
    """Filled under another name, renamed at the end: until then what was there is untouched."""
    DIRECT = "direct"
    """Filled where it belongs; nothing was there, or it is dropped first."""


class State(StrEnum):
    """How far a collection is."""

    WAITING = "waiting"
    FILLING = "filling"
    FILLED = "filled"
    PLACED = "placed"


@dataclass(frozen=True, slots=True)
class Step:
    """One collection of a restore: its way, the name it is filled under, its documents, and how far it is.

    `replaces` says that a collection of that name was there, and may be replaced.
    """

    name: str
    way: Way
    working: str
    documents: int
    replaces: bool = False
    state: State = State.WAITING


@dataclass(frozen=True, slots=True)
class RestoreState:
    """A restore that is under way, or was cut off.

    `backup` is the backup's id, `told` its name for people.
    """

    backup: str
    told: str
    started: datetime
    indexes: bool
    steps: tuple[Step, ...] = field(default=())

    def count(self, *states: State) -> int:
        """How many collections are in one of the states."""
        return sum(step.state in states for step in self.steps)


def is_bookkeeping(collection: str) -> bool:
    """Whether a collection is a restore's own, which no backup holds and no comparison counts."""
    return collection == JOURNAL_COLLECTION or collection.startswith(WORKING_PREFIX)


def working_name() -> str:
    """A fresh name to fill a collection under; never the same twice, so that a late write of a dead process is lost."""
    return f"{WORKING_PREFIX}{uuid4().hex[:16]}"


class Journal:
    """The journal of a database."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        from pymongo.read_concern import ReadConcern
        from pymongo.write_concern import WriteConcern

        # Each entry is on disk of a majority before the next step, and with it all that was written before.
        self._rows: AsyncCollection[dict[str, Any]] = database.get_collection(
            JOURNAL_COLLECTION, write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("local")
        )

    async def read(self) -> RestoreState | None:
        """The restore that is under way or was cut off; None when there is none."""
        with translated(JOURNAL_COLLECTION):
            row = await self._rows.find_one({"_id": _ROW})
        return None if row is None else _from_row(row)

    async def write(self, state: RestoreState) -> None:
        """Remember the whole of it."""
        with translated(JOURNAL_COLLECTION):
            await self._rows.replace_one({"_id": _ROW}, _to_row(state), upsert=True)

    async def move(self, state: RestoreState, name: str, to: State, *, documents: int | None = None) -> RestoreState:
        """Remember that a collection is in another state; gives what is remembered now."""
        at = next(number for number, step in enumerate(state.steps) if step.name == name)
        old = state.steps[at]
        step = replace(
            old,
            state=to,
            # What a dead process still had on the wire must not land in the collection that is filled now.
            working=working_name() if to is State.FILLING and old.way is Way.SWAP else old.working,
            documents=old.documents if documents is None else documents,
        )
        changed = {"state": str(step.state), "working": step.working, "documents": step.documents}
        with translated(JOURNAL_COLLECTION):
            await self._rows.update_one(
                {"_id": _ROW, "backup": state.backup},
                {"$set": {f"steps.{at}.{key}": value for key, value in changed.items()}},
            )
        return replace(state, steps=(*state.steps[:at], step, *state.steps[at + 1 :]))

    async def close(self) -> None:
        """Forget the restore: it is through, or given up."""
        with translated(JOURNAL_COLLECTION):
            await self._rows.delete_one({"_id": _ROW})

    async def vanish(self) -> None:
        """Drop the collection, once nobody holds the lease in it."""
        with translated(JOURNAL_COLLECTION):
            if await self._rows.find_one({"$or": [{"_id": _ROW}, {"holder": {"$ne": None}}]}) is None:
                await self._rows.drop()


def _to_row(state: RestoreState) -> dict[str, Any]:
    return {
        "_id": _ROW,
        "backup": state.backup,
        "told": state.told,
        "started": state.started,
        "indexes": state.indexes,
        "steps": [
            {
                "name": step.name,
                "way": str(step.way),
                "working": step.working,
                "documents": step.documents,
                "replaces": step.replaces,
                "state": str(step.state),
            }
            for step in state.steps
        ],
    }


def _from_row(row: Mapping[str, Any]) -> RestoreState:
    steps: Sequence[Mapping[str, Any]] = row["steps"]
    started: datetime = row["started"]
    return RestoreState(
        backup=row["backup"],
        told=row["told"],
        started=started if started.tzinfo else started.replace(tzinfo=UTC),
        indexes=row["indexes"],
        steps=tuple(
            Step(
                each["name"],
                Way(each["way"]),
                each["working"],
                each["documents"],
                each["replaces"],
                State(each["state"]),
            )
            for each in steps
        ),
    )
