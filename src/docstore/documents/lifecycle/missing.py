"""Why a write found no document: never saved, gone, deleted, or changed by another."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docstore.documents.guard.predicate import Scope, is_deleted_document
from docstore.documents.guard.versions import VERSION
from docstore.documents.known_to_others import MissingDocument, MissingInTrash, StaleRevision
from docstore.documents.lifecycle.ids import stored_id
from docstore.documents.transactions import Session
from docstore.errors import DocumentError, StaleDocument

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


async def why_missing(document: "StoredDocument", session: Session) -> DocumentError:
    """The error that says why no living document has this id."""
    name = type(document).__name__
    if document.id is None:
        return MissingDocument(f"this {name} was never saved.", hint="insert() it first.", collection=name)
    everything = type(document).get_pymongo_collection().in_scope(Scope.ALL)
    stored = await everything.find_one({"_id": stored_id(document)}, session=session)
    if stored is None:
        return MissingDocument(f"there is no {name} {document.id}.", collection=name)
    if is_deleted_document(stored):
        return MissingInTrash(f"{name} {document.id} is deleted.", hint="restore() it first.", collection=name)
    return stale(document, stored)


def stale(document: "StoredDocument", stored: Mapping[str, Any] | None = None) -> StaleDocument:
    """The error of a document that is there, but no longer as it was read."""
    model = type(document)
    versions = ""
    if model.versioned and stored is not None:
        versions = f": this is version {document.version}, the database has version {stored.get(VERSION) or 0}"
    return StaleRevision(
        f"the {model.__name__} changed since it was read{versions}.",
        hint="Read it again and repeat.",
        collection=model.__name__,
    )
