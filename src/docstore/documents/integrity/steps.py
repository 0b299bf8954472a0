"""What a deletion leaves behind in the database: the steps it still has to take, and the references it cleared."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Final

from bson import ObjectId
from pydantic import Field
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.base import SystemDocument
from docstore.documents.fields import utc_now
from docstore.documents.ids import DocumentId
from docstore.documents.indexes import Index, index
from docstore.documents.integrity.plan import Clearing, Taking

COLLECTION: Final = "DeletionStep"


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "PENDING"
    BLOCKED = "BLOCKED"
    CLEARED = "CLEARED"


class DeletionStep(SystemDocument):
    """A batch of documents that one deletion takes, or whose references it clears.

    PENDING until it is done, BLOCKED when a new RESTRICT reference stands in its way. A done step that took documents
    is removed; one that cleared references stays, CLEARED, for the restoration to mend them.

    The `_id` starts with the deletion's, so that the steps of a deletion are found without another index.
    """

    id: str  # type: ignore[assignment]  # Beanie lets a model choose
    deletion_id: DocumentId
    position: int = 0
    state: StepState
    source: str
    """The collection of the documents."""
    field: str | None = None
    """The reference that is cleared; None where documents are taken."""
    target: str | None = None
    """The collection the cleared references lead to."""
    ids: list[Any]
    values: list[Any] = Field(default_factory=list)
    """The cleared references, beside `ids`."""
    marks: dict[str, Any] = Field(default_factory=dict)
    """What the deletion writes into the documents it takes."""
    problem: str | None = None

    indexes: ClassVar[Sequence[Index]] = (
        index("state", "deletion_id", "position", serves="the deletions that have not come to their end"),
    )


class Steps:
    """The steps in one database.

    Args:
        database: the plain database.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self.rows = database[COLLECTION]

    async def remember(self, deletion_id: ObjectId, clearing: Clearing, session: AsyncClientSession) -> None:
        """Keep the references that are being cleared."""
        await self.rows.insert_one(_clearing_row(deletion_id, clearing, StepState.CLEARED, 0), session=session)

    async def write(
        self,
        deletion_id: ObjectId,
        steps: Sequence[Taking | Clearing],
        marks: Mapping[str, Any],
        session: AsyncClientSession,
    ) -> None:
        """Write down what is still to be done, in order."""
        rows = [
            _clearing_row(deletion_id, step, StepState.PENDING, position)
            if isinstance(step, Clearing)
            else {
                **_row(deletion_id, StepState.PENDING, position),
                "source": step.collection,
                "ids": step.ids,
                "marks": dict(marks),
            }
            for position, step in enumerate(steps)
        ]
        if rows:
            await self.rows.insert_many(rows, session=session)

    async def unfinished(self, deletion_id: ObjectId, session: AsyncClientSession | None) -> list[dict[str, Any]]:
        """The steps of a deletion that are still to be done, in order."""
        rows = await self.rows.find({**_of(deletion_id), "state": _TO_DO}, session=session).to_list()
        return sorted(rows, key=lambda row: (row["position"], row["_id"]))

    async def unfinished_deletions(self) -> list[ObjectId]:
        """The deletions that have not come to their end."""
        found: list[ObjectId] = await self.rows.distinct("deletionId", {"state": _TO_DO})
        return sorted(found)

    async def cleared(self, deletion_id: ObjectId, session: AsyncClientSession) -> list[dict[str, Any]]:
        """The references a deletion has cleared."""
        return await self.rows.find({**_of(deletion_id), "state": StepState.CLEARED.value}, session=session).to_list()

    async def forget(
        self, row: Mapping[str, Any], left: Sequence[tuple[Any, Any]], session: AsyncClientSession
    ) -> None:
        """Keep of a row of cleared references only those in `left`: pairs of document and reference."""
        if left:
            kept = {"ids": [each for each, _ in left], "values": [value for _, value in left], "updatedAt": utc_now()}
            await self.rows.update_one({"_id": row["_id"]}, {"$set": kept}, session=session)
        else:
            await self.rows.delete_one({"_id": row["_id"]}, session=session)


_TO_DO: Final = {"$in": [StepState.PENDING.value, StepState.BLOCKED.value]}


def _of(deletion_id: ObjectId) -> dict[str, Any]:
    return {"_id": {"$gte": f"{deletion_id}:", "$lt": f"{deletion_id};"}}


def _row(deletion_id: ObjectId, state: StepState, position: int) -> dict[str, Any]:
    now = utc_now()
    return {
        "_id": f"{deletion_id}:{ObjectId()}",
        "deletionId": deletion_id,
        "position": position,
        "state": state.value,
        "createdAt": now,
        "updatedAt": now,
    }


def _clearing_row(deletion_id: ObjectId, clearing: Clearing, state: StepState, position: int) -> dict[str, Any]:
    return {
        **_row(deletion_id, state, position),
        "source": clearing.edge.source,
        "field": clearing.edge.field,
        "target": clearing.edge.target,
        "ids": clearing.ids,
        "values": clearing.values,
    }
