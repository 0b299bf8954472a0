"""Filters as they reach the server: the caller's own, narrowed to the documents in scope."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId
from bson import ObjectId

from docstore.documents.guard.predicate import MARKS, Scope
from docstore.errors import RefusedOperation, UnsafeFilter

_TOP_LEVEL: Final = frozenset({"$and", "$or", "$nor", "$expr", "$text", "$comment", "$jsonSchema", "$sampleRate"})
_SCRIPTS: Final = frozenset({"$where", "$function", "$accumulator"})
_COMMAND_OPTIONS: Final = frozenset(
    {
        *("session", "comment", "hint", "collation", "let", "sort", "skip", "limit", "batchSize", "batch_size"),
        *("maxTimeMS", "max_time_ms", "maxAwaitTimeMS", "allowDiskUse", "allow_disk_use", "useCursor", "cursor"),
        *("bypassDocumentValidation", "bypass_document_validation", "arrayFilters", "array_filters", "readConcern"),
    }
)
_HARMLESS: Final = frozenset({type(None), bool, int, float, str, datetime, ObjectId, PydanticObjectId})
"""Types of values that hold nothing: no script can be in them."""
_TRASH_MARKS: Final = MARKS - {"deletedBy"}


class UnknownOption(RefusedOperation, TypeError):
    """RefusedOperation of a keyword argument, also for code that expects PyMongo's TypeError."""


def narrow(filter: Mapping[str, Any] | None, scope: Scope, collection: str) -> dict[str, Any]:
    """The filter of documents that the caller asked for and that are in scope.

    Args:
        filter: a MongoDB filter, or None for all documents.
        scope: which documents may be seen.
        collection: the collection's name, for messages.

    Raises:
        UnsafeFilter: the filter runs a script, holds an unknown top-level operator, or names a deletion mark
            although the trash was not asked for.
    """
    given: Mapping[str, Any] = {} if filter is None else filter
    if type(given) is dict and len(given) == 1 and "_id" in given and type(given["_id"]) in _HARMLESS:
        return {**given, **scope.condition}  # a look-up by id, the most frequent of all
    check_filter(given, collection, marks_allowed=scope is not Scope.LIVING)
    return conjunction(given, scope.condition)


def conjunction(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both conditions at once; flat where no key collides, so that indexes stay usable."""
    if not second:
        return dict(first)
    if first.keys().isdisjoint(second):
        return {**first, **second}
    return {"$and": [dict(first), dict(second)]}


def check_filter(value: Any, collection: str, *, marks_allowed: bool) -> None:
    """Refuse what no filter on a guarded collection may hold; recurses into logical operators."""
    if type(value) is not dict and not isinstance(value, Mapping):
        raise UnsafeFilter(
            f"a filter on {collection} is a mapping, not {type(value).__name__}.",
            hint="Pass a dict such as {'slug': 'x'} or an expression such as Post.slug == 'x'.",
            collection=collection,
            value_type=type(value).__name__,
        )
    for key, nested in value.items():
        name = str(key)
        if name.startswith("$"):
            _check_operator(name, nested, collection, marks_allowed=marks_allowed)
        elif not marks_allowed and name.partition(".")[0] in _TRASH_MARKS:
            raise UnsafeFilter(
                f"a filter on {collection} names {name!r}, but deleted documents are out of sight already.",
                hint=f"To look into the trash use {collection}.deleted or {collection}.with_deleted.",
                collection=collection,
                field=name,
            )
        else:
            refuse_scripts(nested, collection)


def _check_operator(name: str, nested: Any, collection: str, *, marks_allowed: bool) -> None:
    if name in ("$and", "$or", "$nor") and isinstance(nested, list | tuple):
        for part in nested:
            check_filter(part, collection, marks_allowed=marks_allowed)
    elif name in _SCRIPTS:
        _refuse_script(name, collection)
    elif name not in _TOP_LEVEL:
        raise UnsafeFilter(
            f"{name!r} is no operator at the top of a filter on {collection}.",
            hint="Operators such as $gt stand under a field: {'stars': {'$gt': 3}}.",
            collection=collection,
            field=name,
        )
    else:
        refuse_scripts(nested, collection)


def refuse_scripts(value: Any, collection: str) -> None:
    """Refuse server-side JavaScript anywhere inside a value.

    Raises:
        UnsafeFilter: `$where`, `$function` or `$accumulator` occurs as a key.
    """
    if type(value) in _HARMLESS:
        return
    if isinstance(value, Mapping):
        for key, nested in value.items():
            if key in _SCRIPTS:
                _refuse_script(str(key), collection)
            refuse_scripts(nested, collection)
    elif isinstance(value, list | tuple):
        for nested in value:
            refuse_scripts(nested, collection)


def refuse_unknown_options(given: Mapping[str, Any], named: Sequence[str] = ()) -> None:
    """Refuse keyword arguments that are no options: PyMongo writes them into the command, over the guarded filter.

    Raises:
        RefusedOperation: names the argument.
    """
    for name in given:
        if name not in named and name not in _COMMAND_OPTIONS:
            raise UnknownOption(
                f"{name!r} is no option of this call: it would be written into the command itself.",
                hint="Say it in the filter, the update or the pipeline.",
                field=name,
            )


def _refuse_script(name: str, collection: str) -> None:
    raise UnsafeFilter(
        f"{name} runs a script in the database; {collection} refuses it.",
        hint="Say it with $expr or with aggregation stages.",
        collection=collection,
        field=name,
    )
