"""What of leases stands in the database: one row for each, told with the server's clock.

Owns reading the rows and the errors about them; who takes, renews and gives up a lease is in `leases.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from docstore.errors import LeaseHeld, ServerUnavailable, ServiceError

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.database import AsyncDatabase


LEASE_COLLECTION: Final = "Lease"
"""The collection that holds one row for each lease's name."""


@dataclass(frozen=True, slots=True)
class LeaseState:
    """A lease's row: whose it is or was last, since when, until when, and the last fencing token given."""

    name: str
    owner: str
    holder: str | None
    since: datetime
    until: datetime
    token: int
    now: datetime
    """The server's clock when the row was read."""

    @property
    def held(self) -> bool:
        """Whether somebody holds it."""
        return self.holder is not None and self.until > self.now


async def lease_state(rows: AsyncCollection[dict[str, Any]], name: str) -> LeaseState | None:
    """A lease's row with the server's clock, which judges whether it ran out; None when nobody ever took it."""
    # The comparison is made here: not every server compares $$NOW with a stored date as it should.
    found = await (await rows.aggregate([{"$match": {"_id": name}}, {"$addFields": {"now": "$$NOW"}}])).to_list()
    if not found:
        return None
    row = {key: _aware(value) for key, value in found[0].items()}
    return LeaseState(name, row["owner"], row["holder"], row["since"], row["until"], row["token"], row["now"])


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def journaled(database: AsyncDatabase[dict[str, Any]], name: str) -> AsyncCollection[dict[str, Any]]:
    """The collection of the rows, whose writes no fail-over forgets."""
    from pymongo.read_concern import ReadConcern
    from pymongo.read_preferences import ReadPreference
    from pymongo.write_concern import WriteConcern

    # A lease that a fail-over forgets is held twice, whatever the connection string says.
    return database.get_collection(
        name,
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("local"),
        write_concern=WriteConcern("majority", j=True),
    )


def held_by_another(state: LeaseState) -> LeaseHeld:
    """The error for a lease that somebody else holds."""
    ago = timedelta(seconds=max(0, round((state.now - state.since).total_seconds())))
    left = max(1, round((state.until - state.now).total_seconds()))
    return LeaseHeld(
        f"{state.name!r} is being done by {state.owner}, since {state.since:%Y-%m-%d %H:%M:%S} UTC ({ago} ago).",
        hint=f"Wait for it; if that process died, the lease is free in at most {left} s.",
    )


class lease_errors:  # noqa: N801 - reads as a word: with lease_errors("indexes")
    """A block in which the driver's errors become docstore's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from pymongo.errors import ConnectionFailure, OperationFailure

        if isinstance(error, ConnectionFailure):
            raise ServerUnavailable(
                f"the lease {self._name!r} cannot be taken: MongoDB cannot be reached.",
                hint="Run docstore doctor to see what is wrong.",
            ) from error
        if isinstance(error, OperationFailure):
            raise ServiceError(
                f"the lease {self._name!r} cannot be taken: the server refused with error code {error.code}.",
                hint=f"The user needs the roles to read and write the collection {LEASE_COLLECTION}.",
            ) from error
