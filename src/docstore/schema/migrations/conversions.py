"""Converting values from one BSON type to another, where it can be done without guessing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bson import Decimal128, Int64, ObjectId
from bson.errors import InvalidId

from docstore.schema.migrations.document_steps import Unconvertible

Converter = Callable[[Any], Any]

_INT64: Final = 2**63
_TRUE: Final = frozenset({"true", "yes", "1"})
_FALSE: Final = frozenset({"false", "no", "0"})

TYPES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "string": ("string",),
    "int": ("int", "long"),
    "double": ("double",),
    "bool": ("bool",),
    "date": ("date",),
    "objectId": ("objectId",),
    "decimal": ("decimal",),
    "array": ("array",),
}
"""The types a value may be converted to, with the BSON types that count as being it already."""


def converter(to: str) -> Converter:
    """The function that makes a value of a type out of one of another.

    Raises:
        Unconvertible: by the function, for a value that has no counterpart.
        KeyError: there is no such type.
    """
    return {
        "string": _to_string,
        "int": _to_int,
        "double": _to_double,
        "bool": _to_bool,
        "date": _to_date,
        "objectId": _to_object_id,
        "decimal": _to_decimal,
        "array": _to_array,
    }[to]


def is_of_type(value: Any, to: str) -> bool:
    """Whether a value is of a type already."""
    if to == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "double": float,
        "bool": bool,
        "date": datetime,
        "objectId": ObjectId,
        "decimal": Decimal128,
        "array": list,
    }
    return isinstance(value, kinds[to])


def _to_string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, int | float | ObjectId | Decimal128):
        return str(value)
    if isinstance(value, list) and len(value) == 1:
        return _to_string(value[0]) if not isinstance(value[0], str) else value[0]
    raise _cannot(value, "text")


def _to_int(value: Any) -> int:
    number = value
    if isinstance(value, str):
        try:
            number = int(value.strip().replace("_", "x"))
        except ValueError:
            number = _to_double(value)
    elif isinstance(value, bool):
        number = int(value)
    elif isinstance(value, Decimal128):
        number = value.to_decimal()
        if not number.is_finite():
            raise _cannot(value, "a whole number")
    elif isinstance(value, datetime):
        number = round(value.timestamp() * 1000)
    elif not isinstance(value, int | float):
        raise _cannot(value, "a whole number")
    if isinstance(number, float) and not math.isfinite(number):
        raise _cannot(value, "a whole number")
    whole = int(number)
    if whole != number:
        raise Unconvertible(f"a {type(value).__name__} with a fraction is no whole number")
    if not -_INT64 <= whole < _INT64:
        raise Unconvertible("a number beyond 64 bits cannot be stored")
    return whole if -(2**31) <= whole < 2**31 else Int64(whole)


def _to_double(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value.strip().replace("_", "x"))
        except ValueError:
            raise Unconvertible("the text is no number") from None
    if isinstance(value, Decimal128):
        return float(value.to_decimal())
    if isinstance(value, int | float):
        number = float(value)
        if isinstance(value, int) and int(number) != value:
            raise Unconvertible("the number is too large to be a double exactly")
        return number
    raise _cannot(value, "a number")


def _to_bool(value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    raise _cannot(value, "true or false")


def _to_date(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Unconvertible("the text is no instant such as 2026-01-31T12:00:00Z") from None
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        return parsed.replace(microsecond=parsed.microsecond // 1000 * 1000)
    if isinstance(value, ObjectId):
        return value.generation_time
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            # Milliseconds, as JavaScript writes them; seconds would be a date in January 1970.
            return datetime.fromtimestamp(value / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            raise Unconvertible("the number is no instant in milliseconds") from None
    raise _cannot(value, "an instant")


def _to_object_id(value: Any) -> ObjectId:
    try:
        if isinstance(value, str):
            return ObjectId(value.strip())
    except InvalidId:
        raise Unconvertible("the text is no ObjectId of 24 hexadecimal digits") from None
    raise _cannot(value, "an ObjectId")


def _to_decimal(value: Any) -> Decimal128:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _cannot(value, "a decimal")
    try:
        return Decimal128(str(value).strip())
    except ArithmeticError:
        raise Unconvertible("the text is no decimal") from None


def _to_array(value: Any) -> list[Any]:
    return [value]


def _cannot(value: Any, wanted: str) -> Unconvertible:
    return Unconvertible(f"a value of type {type(value).__name__} is not {wanted}")
