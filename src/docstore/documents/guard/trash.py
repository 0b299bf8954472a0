"""What is done to the trash on purpose: bringing back, and removing for good."""

import logging
from collections.abc import Mapping
from typing import Any

from docstore.context import current_actor
from docstore.documents.changes import ChangeKind
from docstore.documents.guard.collection import GuardedCollection
from docstore.documents.guard.effects import BATCH
from docstore.documents.guard.ids import as_key
from docstore.documents.guard.predicate import DELETED, DELETED_STATUS, restoration_marks
from docstore.documents.guard.targets import Target
from docstore.documents.transactions import Session, ambient_session

_log = logging.getLogger("docstore.trash")


async def restore_matching(
    collection: GuardedCollection, filter: Mapping[str, Any], *, status: str | None, session: Session = None
) -> int:
    """Bring back the deleted documents that match.

    Args:
        collection: in whatever scope; only its deleted documents are touched.
        filter: which of them.
        status: what replaces a legacy ``status: "DELETED"``; None removes it.
        session: a driver session; the ambient transaction's by default.

    Returns:
        How many came back.

    Raises:
        DuplicateKeyError: a living document took a unique value meanwhile.
        ReferenceViolation: a document refers to what is deleted itself.
    """
    wanted = collection.target(filter).narrowed
    keeper = collection.writer.keeper
    if keeper is not None:
        return await collection.writer.in_transaction(lambda joined: keeper.restore(wanted, status, joined), session)
    old_mark = {"$eq": ["$status", DELETED_STATUS]}
    replacement = "$$REMOVE" if status is None else status
    update = [{"$set": {**restoration_marks(), "status": {"$cond": [old_mark, replacement, "$status"]}}}]
    deleted = Target(filter, {"$and": [wanted, dict(DELETED)]})
    result = await collection.writer.update(deleted, update, session, {}, many=True, kind=ChangeKind.RESTORE)
    return result.modified_count


async def purge_matching(
    collection: GuardedCollection, filter: Mapping[str, Any], *, reason: str, session: Session = None
) -> int:
    """Remove for good the documents in the collection's scope that match; there is no way back.

    Args:
        collection: its scope says whether living documents, the trash or both are meant.
        filter: which of them.
        reason: why; it is logged with who did it.
        session: a driver session; the ambient transaction's by default.

    Returns:
        How many are gone.

    Raises:
        ValueError: the reason is empty.
        ReferenceViolation: a living document refers to one of them.
    """
    if not reason.strip():
        raise ValueError("purge needs a reason, such as purge(reason='erasure request 1234'): it cannot be undone")
    narrowed = collection.target(filter).narrowed

    async def remove(joined: Session) -> int:
        ids = [as_key(document["_id"]) async for document in collection.raw.find(narrowed, {"_id": 1}, session=joined)]
        if collection.writer.spreads_deletion and collection.writer.keeper is not None and joined is not None:
            await collection.writer.keeper.before_purge(ids, joined)
        removed = 0
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            before = await collection.writer.images(batch, joined, last=True)
            removed += (await collection.raw.delete_many({"_id": {"$in": batch}}, session=joined)).deleted_count
            await collection.writer.follow_up(ChangeKind.PURGE, batch, before=before, reason=reason)
        return removed

    if collection.writer.observed or collection.writer.spreads_deletion:
        count = await collection.writer.in_transaction(remove, session)
    else:
        count = await remove(ambient_session(session))
    actor = current_actor()
    _log.warning("purged %d of %s: %s", count, collection.name, reason, extra={"actor": actor.name if actor else None})
    return count
