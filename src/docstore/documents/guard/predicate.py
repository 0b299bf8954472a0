"""What "deleted" means in the database, and the marks that a deletion and a restoration write.

Three marks count, because older services wrote each of them alone: a set `deletedAt`, a true `isDeleted`,
and `status: "DELETED"`.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from bson import ObjectId

from docstore.context import current_actor
from docstore.documents.fields import utc_now

DELETED_STATUS: Final = "DELETED"

LIVING: Final[Mapping[str, Any]] = {
    "deletedAt": None,
    "isDeleted": {"$in": [False, None]},
    "status": {"$ne": DELETED_STATUS},
}
"""Filter of documents that are not deleted. Flat, so that a server can plan it beside the caller's own keys."""

DELETED: Final[Mapping[str, Any]] = {
    "$or": [
        {"deletedAt": {"$ne": None}},
        {"isDeleted": {"$nin": [False, None]}},
        {"status": DELETED_STATUS},
    ]
}
"""Filter of deleted documents: exactly the complement of LIVING."""

MARKS: Final = frozenset({"deletedAt", "isDeleted", "deletedBy", "deletionId"})
"""Stored fields that delete and restore write, and nothing else may."""


class Scope(Enum):
    """Which documents a guarded collection sees."""

    LIVING = "living"
    DELETED = "deleted"
    ALL = "all"

    condition: Mapping[str, Any]
    """The filter that holds for every document in the scope; empty for ALL."""


# Attributes, not a table: an Enum's hash is computed in Python, and every query asks.
Scope.LIVING.condition, Scope.DELETED.condition, Scope.ALL.condition = LIVING, DELETED, {}


def living_expression(variable: str) -> dict[str, Any]:
    """LIVING as an aggregation expression over a document in a variable such as ``$$found``."""
    return {
        "$and": [
            {"$eq": [{"$ifNull": [f"{variable}.deletedAt", None]}, None]},
            {"$eq": [{"$ifNull": [f"{variable}.isDeleted", False]}, False]},
            {"$ne": [f"{variable}.status", DELETED_STATUS]},
        ]
    }


def deletion_marks(at: datetime | None = None) -> dict[str, Any]:
    """The fields a deletion sets: when, that, by whom (the ambient actor), and which deletion it was."""
    actor = current_actor()
    moment = at or utc_now()
    return {
        "deletedAt": moment,
        "isDeleted": True,
        "deletedBy": actor.name if actor else None,
        "deletionId": ObjectId(),
        "updatedAt": moment,
    }


def restoration_marks() -> dict[str, Any]:
    """The fields a restoration sets."""
    return {"deletedAt": None, "isDeleted": False, "deletedBy": None, "deletionId": None, "updatedAt": utc_now()}


def is_deleted_document(document: Mapping[str, Any]) -> bool:
    """Whether a stored document, as read, counts as deleted."""
    return (
        document.get("deletedAt") is not None
        or not (document.get("isDeleted") is None or document["isDeleted"] is False)
        or document.get("status") == DELETED_STATUS
        or (isinstance(document.get("status"), list) and DELETED_STATUS in document["status"])
    )
