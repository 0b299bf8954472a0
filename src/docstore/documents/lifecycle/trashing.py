"""One document out of the trash: brought back, or removed for good."""

from typing import TYPE_CHECKING

from pymongo.errors import DuplicateKeyError

from docstore.documents.driver_errors import duplicate_fields, translated
from docstore.documents.guard.predicate import LIVING, Scope
from docstore.documents.guard.trash import purge_matching, restore_matching
from docstore.documents.lifecycle.assigning import assign
from docstore.documents.lifecycle.ids import stored_id
from docstore.documents.lifecycle.missing import why_missing
from docstore.documents.transactions import Session
from docstore.errors import RestoreConflict

if TYPE_CHECKING:
    from docstore.documents.base import Document


async def restore_document(document: "Document", session: Session) -> None:
    """Bring a document back from the trash; one that is living stays as it is.

    Raises:
        RestoreConflict: a living document took a unique value meanwhile; names the field and that document.
        ReferenceViolation: it refers to what is deleted itself.
        NotFound: it was purged, or never saved.
    """
    model = type(document)
    everything = model.get_pymongo_collection().in_scope(Scope.ALL)
    with translated(model.__name__):
        try:
            status = model._status_after_restore()
            await restore_matching(everything, {"_id": stored_id(document)}, status=status, session=session)
        except DuplicateKeyError as error:
            raise await _restore_conflict(document, error) from error
        stored = await model.get_pymongo_collection().find_one({"_id": stored_id(document)}, session=session)
    if stored is None:
        raise await why_missing(document, session)
    fresh = model.model_validate(stored)
    names = (
        "deleted_at",
        "is_deleted",
        "deleted_by",
        "deletion_id",
        "updated_at",
        *(("status",) if hasattr(fresh, "status") else ()),
        *(("version",) if model.versioned else ()),
    )
    assign(document, {name: getattr(fresh, name) for name in names})


async def purge_document(document: "Document", reason: str, session: Session) -> None:
    """Remove a document for good, living or deleted.

    Raises:
        ValueError: the reason is empty.
        NotFound: there is no such document.
    """
    everything = type(document).get_pymongo_collection().in_scope(Scope.ALL)
    with translated(type(document).__name__):
        removed = await purge_matching(everything, {"_id": stored_id(document)}, reason=reason, session=session)
    if not removed:
        raise await why_missing(document, session)


async def _restore_conflict(document: "Document", error: DuplicateKeyError) -> RestoreConflict:
    model = type(document)
    names = duplicate_fields(error)
    # Read outside the transaction, which the duplicate key has aborted.
    plain = model.get_pymongo_collection().raw
    deleted = await plain.find_one({"_id": stored_id(document)}) or {}
    wanted = {name: deleted.get(name) for name in names}
    rival = await plain.find_one({**wanted, **LIVING}, {"_id": 1}) if wanted else None
    held = f", held by the living {rival['_id']}" if rival else ""
    fields = " and ".join(names) or "a unique index"
    return RestoreConflict(
        f"{model.__name__} {document.id} cannot come back: its {fields} is taken{held}.",
        hint="Change or delete that document first, or give this one another value.",
        collection=model.__name__,
        field=fields,
    )
