"""Reading a whole database as it was at one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bson.timestamp import Timestamp
from pymongo.errors import ConfigurationError, InvalidOperation, OperationFailure

from docstore.documents import translated
from docstore.errors import BackupError, DocstoreError

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession
    from pymongo.asynchronous.database import AsyncDatabase

# IllegalOperation, InvalidOptions, NotAReplicaSet, ReadConcernMajorityNotEnabled: a server without snapshots.
_WITHOUT: Final = frozenset({20, 72, 123, 148})
_TOO_OLD: Final = frozenset({239, 246})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The moment that reads with `session` see; without a session they see what is there when they come by.

    `why_not` says in words why there is none.
    """

    session: AsyncClientSession | None = None
    time: tuple[int, int] | None = None
    why_not: str = ""


@asynccontextmanager
async def taken_snapshot(
    database: AsyncDatabase[dict[str, Any]], collection: str | None, *, required: bool = False
) -> AsyncIterator[Snapshot]:
    """A snapshot of the database for the length of the block, where the server has them.

    Args:
        database: whose.
        collection: one of it that can be read at a snapshot, which fixes the moment; None when there is none.
        required: fail where the server has no snapshots.

    Raises:
        BackupError: it has none, and one is required.
    """
    if collection is None:
        yield Snapshot(why_not="there is nothing that could be read at a snapshot")
        return
    async with database.client.start_session(snapshot=True) as session:
        try:
            with translated(collection):
                # Any read will do; by _id it costs nothing, however large the collection is.
                await database[collection].find_one({"_id": None}, {"_id": 1}, session=session)
        except (OperationFailure, ConfigurationError, InvalidOperation) as error:
            if isinstance(error, OperationFailure) and error.code not in _WITHOUT:
                raise
            why = "the server has no snapshots: it is no replica set of MongoDB 5.0 or later"
            if required:
                raise BackupError(
                    f"{why}.", hint="Leave out --require-snapshot to read each collection as it is found."
                ) from error
        else:
            yield Snapshot(session, _time_of(session))
            return
    yield Snapshot(why_not=why)


def told_snapshot_error(error: OperationFailure, collection: str) -> DocstoreError | None:
    """What it means that a read at the snapshot failed; None when it is about something else."""
    if error.code in _TOO_OLD:
        return BackupError(
            f"the server no longer keeps the moment that {collection} was to be read at.",
            hint="The backup takes longer than the server's minSnapshotHistoryWindowInSeconds (300 by default): raise "
            "it with setParameter, or read more collections at once with --parallel.",
            collection=collection,
        )
    return None


def _time_of(session: AsyncClientSession) -> tuple[int, int] | None:
    # The driver keeps the moment to itself; a backup wants to say it.
    time = getattr(session, "_snapshot_time", None)
    return (time.time, time.inc) if isinstance(time, Timestamp) else None
