"""MongoDB's order of values of different types, as far as a page can be cut in it.

Comparisons in a filter stay within one type: ``{"a": {"$gt": 5}}`` matches no text, and no date. Sorting does not:
missing and null come first, then numbers (NaN the lowest), text, objects, lists, bytes, ids, booleans, instants. To
continue from a value, a filter must therefore also name the types behind it.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from bson import Code, Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS

NULL: Final = "null"
NAN: Final = "nan"
NUMBER: Final = "number"

_TYPES: Final = (NUMBER, "string", "object", "array", "binData", "objectId", "bool", "date")
"""Names of `$type`, in the order in which MongoDB sorts."""

_PYTHON_TYPES: Final[Sequence[tuple[type[Any], str]]] = (
    (bool, "bool"),  # before int, whose subclass it is
    (int, NUMBER),
    (float, NUMBER),
    (Decimal128, NUMBER),
    (str, "string"),
    (ObjectId, "objectId"),
    (datetime, "date"),
    (DatetimeMS, "date"),
    (bytes, "binData"),
    (UUID, "binData"),
)


def bracket_of(value: Any) -> str | None:
    """The bracket a plain value sorts in: null, nan, or a name of `$type`; None for lists, objects, patterns, code."""
    if value is None:
        return NULL
    if isinstance(value, Code):
        return None
    for kind, bracket in _PYTHON_TYPES:
        if isinstance(value, kind):
            return NAN if bracket == NUMBER and _is_nan(value) else bracket
    return None


def past(value: Any, *, ascending: bool) -> list[Mapping[str, Any]]:
    """Conditions on a field, any of which holds exactly for what sorts behind `value`."""
    bracket = bracket_of(value)
    if bracket == NULL:
        return [{"$ne": None}] if ascending else []
    if bracket == NAN:
        numbers: Mapping[str, Any] = {"$gte": -math.inf}
        return [numbers, *_types_above(NUMBER)] if ascending else [{"$eq": None}]
    if ascending:
        return [{"$gt": value}, *_types_above(str(bracket))]
    nan = [{"$eq": math.nan}] if bracket == NUMBER else []
    return [{"$lt": value}, *nan, *_types_below(str(bracket)), {"$eq": None}]


def reaching(value: Any, *, ascending: bool) -> Mapping[str, Any] | None:
    """One condition that holds at least for `value` and all that sorts behind it; None where none narrows.

    It is one stretch of an index on the field, so a planner can start reading there.
    """
    bracket = bracket_of(value)
    if bracket == NULL:
        return None if ascending else {"$eq": None}
    if bracket == NAN:
        return {"$ne": None} if ascending else None
    if not ascending:
        return {"$not": {"$gt": value}}
    return {"$gte": value} if bracket == _TYPES[-1] else {"$not": {"$lt": value}, "$ne": None}


def _types_above(bracket: str) -> list[Mapping[str, Any]]:
    types = list(_TYPES[_TYPES.index(bracket) + 1 :])
    return [{"$type": types}] if types else []


def _types_below(bracket: str) -> list[Mapping[str, Any]]:
    types = list(_TYPES[: _TYPES.index(bracket)])
    return [{"$type": types}] if types else []


def _is_nan(value: Any) -> bool:
    if isinstance(value, Decimal128):
        return bool(value.to_decimal().is_nan())
    return isinstance(value, float) and math.isnan(value)
