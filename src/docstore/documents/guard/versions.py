"""The version of a document in the database: a number that every write counts up, by whatever route."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from docstore.errors import RefusedOperation

VERSION: Final = "version"
"""The stored field. A document of an older service has none, which counts as 0."""

_NEXT: Final[Mapping[str, Any]] = {"$add": [{"$ifNull": [f"${VERSION}", 0]}, 1]}
_REPLACING: Final = frozenset({"$replaceWith", "$replaceRoot", "$project"})


def of_version(version: int) -> Any:
    """The condition on the stored version of a document that was read as `version`."""
    return {"$in": [0, None]} if version == 0 else version


def count_up(update: Any, collection: str) -> Any:
    """The update with the version counted up; what it says about the version itself is dropped.

    Raises:
        RefusedOperation: a pipeline of the caller's own replaces the document, and with it the version.
    """
    if isinstance(update, Mapping):
        counted = {
            operator: {name: value for name, value in fields.items() if name != VERSION}
            if isinstance(fields, Mapping)
            else fields
            for operator, fields in update.items()
        }
        counted["$inc"] = {**counted.get("$inc", {}), VERSION: 1}
        return {operator: fields for operator, fields in counted.items() if fields}
    return _counted_pipeline(update, collection)


def _counted_pipeline(stages: Sequence[Mapping[str, Any]], collection: str) -> list[dict[str, Any]]:
    if len(stages) == 1 and _is_replacement(stages[0]):
        body, kept = stages[0]["$replaceWith"]["$mergeObjects"]
        return [{"$replaceWith": {"$mergeObjects": [body, {**kept, VERSION: dict(_NEXT)}]}}]
    replacing = next((name for stage in stages for name in stage if name in _REPLACING), None)
    if replacing is not None:
        raise RefusedOperation(
            f"a pipeline update of {collection} has the stage {replacing}, which would lose the version.",
            hint="Use $set and $unset, or replace_one().",
            collection=collection,
        )
    return [{"$set": {VERSION: dict(_NEXT)}}, *(_without_version(stage) for stage in stages)]


def _is_replacement(stage: Mapping[str, Any]) -> bool:
    merged = stage.get("$replaceWith")
    return isinstance(merged, Mapping) and list(merged) == ["$mergeObjects"] and len(merged["$mergeObjects"]) == 2


def _without_version(stage: Mapping[str, Any]) -> dict[str, Any]:
    def kept(body: Any) -> Any:
        if isinstance(body, Mapping):
            return {name: value for name, value in body.items() if name != VERSION}
        if isinstance(body, list | tuple):
            return [name for name in body if name != VERSION]
        return body

    return {name: kept(body) for name, body in stage.items()}
