"""Which documents an update may take from what they are a part of: only those are read before it runs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from docstore.documents.guard.updates import literal_replacement

_ASSIGNING: Final = frozenset({"$set", "$addFields"})


def may_move(owners: frozenset[str], update: Any) -> dict[str, Any] | None:
    """The condition of documents that may come to belong elsewhere; None where the update moves none.

    Args:
        owners: the stored fields that name what a document is a part of.
        update: operators or a pipeline, as it reaches the server.
    """
    if not owners:
        return None
    assigned = _by_operators(owners, update) if isinstance(update, Mapping) else _by_pipeline(owners, update)
    if assigned is None:
        return {}
    if not assigned:
        return None
    if all(value is None or isinstance(value, ObjectId | str) for value in assigned.values()):
        # A save writes every field: most documents have the value already, and are not read.
        return {"$or": [{field: {"$ne": value}} for field, value in assigned.items()]}
    return {}


def _by_operators(owners: frozenset[str], update: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values it gives to owners; None where they are known only afterwards."""
    assigned: dict[str, Any] = {}
    for operator, body in update.items():
        if operator == "$setOnInsert" or not isinstance(body, Mapping):
            continue
        names = [*body, *body.values()] if operator == "$rename" else list(body)
        for name in names:
            field = str(name).partition(".")[0]
            if field not in owners:
                continue
            if operator == "$unset":
                assigned[field] = None
            elif operator == "$set" and field == name:
                assigned[field] = body[name]
            else:
                return None
    return assigned


def _by_pipeline(owners: frozenset[str], stages: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    replaced = literal_replacement(stages)
    if replaced is not None:
        return {field: replaced.get(field) for field in owners}
    for stage in stages:
        for operator, body in stage.items():
            if operator == "$unset":
                names = [body] if isinstance(body, str) else body
            elif operator in _ASSIGNING:
                names = list(body)
            else:
                return None
            if any(str(name).partition(".")[0] in owners for name in names):
                return None
    return {}
