"""What the audit log tells about one document: its history, its past states, and the way back."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from docstore.documents.audit.diff import difference, same, undo, value_at
from docstore.documents.audit.entries import MASK, STAMPS, AuditEntry
from docstore.documents.changes import ChangeKind
from docstore.documents.driver_errors import translated
from docstore.documents.guard.predicate import MARKS, Scope
from docstore.documents.guard.versions import VERSION
from docstore.documents.hydration import hydrate
from docstore.documents.lifecycle import assign, why_missing
from docstore.documents.lifecycle.ids import stored_id
from docstore.documents.transactions import ambient_session, run_in_transaction
from docstore.errors import NotFound, RefusedOperation, StaleDocument, ValidationFailed

if TYPE_CHECKING:
    from docstore.documents.base import Document, StoredDocument

Stored = dict[str, Any]

_MOMENT: Final = timedelta(minutes=1)
"""A stamp that is older than this was not made by the write: somebody brought it along."""


async def history_of(document: "StoredDocument") -> list[AuditEntry]:
    """The entries of a document, oldest first.

    Raises:
        RefusedOperation: its model is not audited.
    """
    _must_be_audited(document)
    entries: list[AuditEntry] = await AuditEntry.of(document).to_list()
    return entries


async def state_at(document: "StoredDocument", moment: datetime) -> Any:
    """The document as it was at an instant, or None when it was not there yet.

    Raises:
        NotFound: it was purged, or retention has removed the entries that would tell.
        RefusedOperation: its model is not audited.
    """
    _must_be_audited(document)
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    stored = await _present(document)
    entries = [each async for each in _entries(document, at)]
    first = await AuditEntry.get_pymongo_collection().raw.find_one(_of(document), sort=[("seq", 1)])
    if first is not None and first["seq"] > 0 and first["at"] > at:
        raise NotFound(
            f"the audit log of this {type(document).__name__} reaches back to {first['at']:%Y-%m-%d %H:%M:%S} only.",
            collection=type(document).__name__,
        )
    for entry in entries:
        if _happened_at(entry) <= at:
            break
        if entry["operation"] == ChangeKind.INSERT:
            return None
        stored = undo(stored, entry["diff"])
    created = stored.get("createdAt")
    if isinstance(created, datetime) and created > at and not (first and first["at"] <= at):
        return None
    return hydrate(type(document), stored)


def _happened_at(entry: Stored) -> datetime:
    """When the write was made, by its own stamp: the entry is written a moment later."""
    stamp = next((each.get("after") for each in entry["diff"] if each["path"] == "updatedAt"), None)
    written: datetime = entry["at"]
    if isinstance(stamp, datetime) and timedelta() <= written - stamp <= _MOMENT:
        return stamp
    return written


async def revert(document: "Document", entry: AuditEntry) -> None:
    """Undo one change, as a new change.

    Raises:
        StaleDocument: what the entry changed was changed again since; names the fields.
        ValidationFailed: it is another document's entry, or its values are masked or erased.
        RefusedOperation: its model is not audited, or the entry is a purge.
    """
    _must_be_audited(document)
    if entry.collection != type(document).get_collection_name() or entry.document_id != stored_id(document):
        raise ValidationFailed(
            f"the entry {entry.id} is not of this {type(document).__name__}.",
            hint="Take one of its own: await document.history().",
            collection=type(document).__name__,
        )
    if entry.operation is ChangeKind.DELETE:
        await document.restore()
    elif entry.operation is ChangeKind.RESTORE:
        await document.delete()
    elif entry.operation is ChangeKind.PURGE or entry.erased:
        raise RefusedOperation(
            f"the {type(document).__name__} was purged; its values are gone.", collection=type(document).__name__
        )
    else:
        await run_in_transaction(lambda: _revert_values(document, entry))


async def _revert_values(document: "Document", entry: AuditEntry) -> None:
    present = await _present(document)
    raw = await AuditEntry.get_pymongo_collection().raw.find_one({"_id": entry.id}, session=ambient_session())
    diff = [each for each in (raw or {}).get("diff", ()) if _is_revertible(document, each["path"])]
    if entry.operation is ChangeKind.INSERT:
        wanted = present
        async for later in _entries(document, None, after_seq=entry.seq):
            _refuse_masked(document, [each for each in later["diff"] if each.get("before") == MASK])
            wanted = undo(wanted, later["diff"])
        changes = difference(present, wanted)
        changes = [each for each in changes if _is_revertible(document, each["path"])]
        to_set = {each["path"]: each["after"] for each in changes if "after" in each}
        to_unset = {each["path"]: "" for each in changes if "after" not in each}
    else:
        _refuse_masked(document, diff)
        _refuse_changed_since(document, diff, present)
        to_set = {each["path"]: each["before"] for each in diff if "before" in each}
        to_unset = {each["path"]: "" for each in diff if "before" not in each}
    update = {name: fields for name, fields in (("$set", to_set), ("$unset", to_unset)) if fields}
    if not update:
        return
    collection = type(document).get_pymongo_collection()
    with translated(collection.name):
        result = await collection.update_one({"_id": stored_id(document)}, update)
    if not result.matched_count:
        raise await why_missing(document, None)
    fresh = hydrate(type(document), await _present(document))
    assign(document, {name: getattr(fresh, name) for name in type(document).model_fields})


def _is_revertible(document: "Document", path: str) -> bool:
    moving = STAMPS | MARKS | ({VERSION} if type(document).versioned else set())
    return path.partition(".")[0] not in moving and not path.startswith("_")


def _refuse_masked(document: "Document", diff: list[Stored]) -> None:
    masked = [each["path"] for each in diff if MASK in (each.get("before"), each.get("after"))]
    if masked:
        raise ValidationFailed(
            f"the log keeps no value of {' and '.join(masked)}, so the change cannot be undone.",
            hint="Write the values anew.",
            collection=type(document).__name__,
            field=" and ".join(masked),
        )


def _refuse_changed_since(document: "Document", diff: list[Stored], present: Stored) -> None:
    moved = []
    for each in diff:
        now = value_at(present, each["path"])
        then = {"value": each["after"]} if "after" in each else {}
        if (now.get("value") is not None or then.get("value") is not None) and not same(now, then):
            moved.append(each["path"])
    if moved:
        raise StaleDocument(
            f"{' and '.join(moved)} changed again since, so undoing this change would undo the later one too.",
            hint="Revert the later entries first, or write the values you want.",
            collection=type(document).__name__,
            field=" and ".join(moved),
        )


async def _present(document: "StoredDocument") -> Stored:
    everything = type(document).get_pymongo_collection().in_scope(Scope.ALL)
    with translated(everything.name, reads=True):
        stored = await everything.find_one({"_id": stored_id(document)})
    if stored is None:
        raise await why_missing(document, None)
    return stored


def _entries(document: "StoredDocument", later_than: datetime | None, *, after_seq: int = -1) -> Any:
    """The stored entries of a document, latest first."""
    wanted: Stored = {**_of(document), "seq": {"$gt": after_seq}}
    if later_than is not None:
        wanted["at"] = {"$gt": later_than}
    return AuditEntry.get_pymongo_collection().raw.find(wanted, sort=[("seq", -1)], session=ambient_session())


def _of(document: "StoredDocument") -> Stored:
    return {"collection": type(document).get_collection_name(), "documentId": stored_id(document)}


def _must_be_audited(document: "StoredDocument") -> None:
    model = type(document)
    if not model.audited:
        raise RefusedOperation(
            f"{model.__name__} is not audited: nobody keeps its changes.",
            hint="Set `audited: ClassVar[bool] = True` on the model.",
            collection=model.__name__,
        )
