"""Deletes where other documents refer to the deleted: the keeper of references decides what follows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import DeleteResult

from docstore.documents.changes import ChangeKind
from docstore.documents.guard.effects import Document, batches
from docstore.documents.guard.references import DeletionReport
from docstore.documents.guard.targets import Target
from docstore.documents.guard.writes import Writer
from docstore.documents.transactions import Session

SLICE: Final = 250
"""Ids in one write. Some servers compare every document with every id."""


class SoftDeleteResult(DeleteResult):
    """A DeleteResult that also tells which marks the deletion wrote, and what it took along.

    `deleted_count` counts the documents asked for; `report` counts all. `marks` is empty where deleted means gone.
    """

    def __init__(self, collection: str, count: int, marks: Mapping[str, Any], report: DeletionReport | None) -> None:
        super().__init__({"n": count, "ok": 1.0}, acknowledged=True)
        self.marks = marks
        counts = {collection: count} if count else {}
        self.report = report or DeletionReport(marks.get("deletionId") or ObjectId(), counts)


async def delete_by_rules(
    writer: Writer,
    target: Target,
    marks: Mapping[str, Any],
    session: Session,
    options: Mapping[str, Any],
    *,
    many: bool,
) -> SoftDeleteResult:
    """Run ``delete_one`` or ``delete_many``, and what the rules of the referring documents ask for.

    Raises:
        ReferenceViolation: a rule restricts it; nothing is written.
    """

    async def work(joined: AsyncClientSession) -> SoftDeleteResult:
        ids = await writer.matching_ids(target, joined, options, many=many)
        report = await _keeper(writer).delete(ids, marks, joined) if ids else None
        written = marks if writer.marks else {}
        return SoftDeleteResult(writer.raw.name, len(ids), written, report)

    return await writer.in_transaction(work, session)


async def find_and_delete_by_rules(
    writer: Writer, target: Target, marks: Mapping[str, Any], session: Session, options: Mapping[str, Any]
) -> Document | None:
    """Run ``find_one_and_delete``, and what the rules of the referring documents ask for.

    Raises:
        ReferenceViolation: a rule restricts it; nothing is written.
    """

    async def work(joined: AsyncClientSession) -> Document | None:
        ids = await writer.matching_ids(target, joined, options, many=False)
        found = await writer.raw.find_one(target.only(ids).narrowed, options.get("projection"), session=joined)
        if ids:
            await _keeper(writer).delete(ids, marks, joined)
        return found if ids else None

    return await writer.in_transaction(work, session)


async def apply(
    writer: Writer,
    ids: Sequence[Any],
    condition: Mapping[str, Any],
    update: Mapping[str, Any],
    session: AsyncClientSession,
    kind: ChangeKind,
) -> int:
    """Update documents by id where the condition holds, with what follows from it, but no look at references.

    Returns:
        How many were changed.
    """
    changed = 0
    for batch in batches(ids, SLICE):
        before = await writer.images(batch, session, update=update)
        wanted = {"_id": {"$in": list(batch)}, **condition}
        result = await writer.raw.update_many(wanted, writer.counted(update), session=session)
        changed += result.modified_count
        await writer.follow_up(kind, batch, before=before, after=await writer.later_images(batch, before, session))
    return changed


async def erase(
    writer: Writer, ids: Sequence[Any], session: AsyncClientSession, kind: ChangeKind, *, reason: str | None = None
) -> int:
    """Remove documents for good by id, with what follows from it, but no look at references; returns how many."""
    removed = 0
    for batch in batches(ids, SLICE):
        before = await writer.images(batch, session, last=True)
        removed += (await writer.raw.delete_many({"_id": {"$in": list(batch)}}, session=session)).deleted_count
        await writer.follow_up(kind, batch, before=before, reason=reason)
    return removed


def _keeper(writer: Writer) -> Any:
    return writer.keeper
