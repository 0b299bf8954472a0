"""A document saved over what is stored."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from docstore.documents.driver_errors import translated
from docstore.documents.fields import utc_now
from docstore.documents.guard.predicate import MARKS
from docstore.documents.guard.versions import of_version
from docstore.documents.lifecycle.assigning import assign, next_version
from docstore.documents.lifecycle.ids import stored_id
from docstore.documents.lifecycle.inserting import insert_new
from docstore.documents.lifecycle.missing import why_missing
from docstore.documents.tracking import changed_fields
from docstore.documents.transactions import Session
from docstore.documents.validation import prepared, stamp
from docstore.errors import NotFound

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


_NEVER_SET: Final = MARKS | {"_id"}


async def save_document(document: "StoredDocument", session: Session) -> dict[str, Any]:
    """Write every field the model knows, or those that changed where changes are tracked; no document comes back.

    Inserts when there is no such document, living or deleted.

    Returns:
        The document as it is stored now, but for fields the model does not know.

    Raises:
        DeletedDocument: it is in the trash.
        StaleDocument: it is versioned, and has another version by now.
        UniqueViolation, ValidationFailed: as the names say.
    """
    if document.id is None:
        return await insert_new(document, session)
    fields = prepared(document, stored=True)
    stamp(document, "updated_at", utc_now(), fields)
    changed = fields_to_set(type(document), changed_fields(document, fields))
    collection = type(document).get_pymongo_collection()
    query: dict[str, Any] = {"_id": stored_id(document)}
    if type(document).versioned:
        query["version"] = of_version(document.version)
    with translated(collection.name, changed):
        result = await collection.set_fields(query, changed, session=session)
    if result.matched_count:
        if type(document).versioned:
            assign(document, next_version(document))
        return fields
    error = await why_missing(document, session)
    if not isinstance(error, NotFound):
        raise error
    return await insert_new(document, session)


def fields_to_set(model: type["StoredDocument"], stored: dict[str, Any]) -> dict[str, Any]:
    """What a save sets: all that is stored but the id, the marks, and required fields that the database lacks."""
    lacking = {name for name in _never_null(cast("Any", model)) if stored.get(name, "") is None}
    return {name: value for name, value in stored.items() if name not in _NEVER_SET and name not in lacking}


@lru_cache(maxsize=1024)
def _never_null(model: Any) -> tuple[str, ...]:
    required = (name for name, info in model.model_fields.items() if info.is_required())
    return (*(model.stored_name(name) for name in required), "createdAt")
