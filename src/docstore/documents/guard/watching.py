"""Change streams in which a deletion is a deletion: what happens in the trash is not told.

The server rewrites its events before it sends them, so a caller's own pipeline sees them as told here: an update
that marks is a ``delete``, a restoration an ``insert``, and a change of a document that is deleted is nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from docstore.documents.guard.predicate import DELETED_STATUS, LIVING

_UPDATED: Final = "$updateDescription.updatedFields"
_MARKS: Final[Mapping[str, Any]] = {
    "$or": [
        {"$gt": [f"{_UPDATED}.deletedAt", None]},
        {"$eq": [f"{_UPDATED}.isDeleted", True]},
        {"$eq": [f"{_UPDATED}.status", DELETED_STATUS]},
    ]
}
_RESTORES: Final[Mapping[str, Any]] = {"$eq": [f"{_UPDATED}.isDeleted", False]}
_OF_NO_DOCUMENT: Final = ["delete", "drop", "rename", "dropDatabase", "invalidate"]


def guard_change_stream(pipeline: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """The stages of a change stream over living documents, before the caller's own.

    The stream has to look up the full document of an update (``full_document="updateLookup"``): by it an update of a
    deleted document is told from one of a living.
    """
    told_as = {
        "$switch": {
            "branches": [{"case": dict(_MARKS), "then": "delete"}, {"case": dict(_RESTORES), "then": "insert"}],
            "default": "$operationType",
        }
    }
    without_document = {"$cond": [{"$eq": ["$operationType", "delete"]}, "$$REMOVE", "$fullDocument"]}
    living = {f"fullDocument.{name}": condition for name, condition in LIVING.items()}
    return [
        {"$set": {"operationType": told_as}},
        {"$set": {"fullDocument": without_document}},
        {"$match": {"$or": [{"operationType": {"$in": _OF_NO_DOCUMENT}}, living]}},
        *(dict(stage) for stage in pipeline or ()),
    ]
