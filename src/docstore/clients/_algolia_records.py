"""Records on their way to Algolia: values that JSON does not know, checks, and batches of the right size."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from typing import Any

from bson import Decimal128, ObjectId
from pydantic import JsonValue

from docstore.errors import ValidationFailed

MAX_BATCH_RECORDS = 1_000
# Algolia takes about 10 MB a batch; the envelope round each record comes on top of what is counted.
MAX_BATCH_BYTES = 9_000_000
_ENVELOPE_BYTES = 48
# Sent twice, after an answer that was lost, these would count twice.
_NOT_REPEATABLE = ("Increment", "Decrement", "Add")


def encode_record(record: Mapping[str, Any], index: str) -> dict[str, JsonValue]:
    """A record as JSON values, with a string ``objectID``.

    Times become ISO 8601 in UTC with milliseconds and ``Z`` (a naive one is taken as UTC), ObjectIds and
    UUIDs strings, sets sorted lists, decimals numbers, enums their value.

    Raises:
        ValidationFailed: objectID is missing or no identifier; or a value has no JSON form (NaN, bytes, any
            other object); names the field.
    """
    encoded = encode_attributes(record, index)
    object_id = encoded.get("objectID")
    if isinstance(object_id, bool) or not isinstance(object_id, str | int) or object_id == "":
        raise ValidationFailed(
            f"A record for search index {index!r} needs an objectID that is a non-empty string.",
            hint="Set objectID to the document's stable identifier.",
            field="objectID",
            value_type=type(record.get("objectID")).__name__,
        )
    encoded["objectID"] = str(object_id)
    return encoded


def encode_attributes(attributes: Mapping[str, Any], index: str) -> dict[str, JsonValue]:
    """Attributes as JSON values; see `encode_record`.

    Raises:
        ValidationFailed: a value has no JSON form.
    """
    return {_key(name, index, ""): _encode(value, index, str(name)) for name, value in attributes.items()}


def check_repeatable(attributes: Mapping[str, JsonValue], index: str) -> None:
    """Refuse built-in operations whose effect doubles when a lost answer makes the driver send them again.

    Raises:
        ValidationFailed: an attribute holds Increment, Decrement or Add.
    """
    for name, change in attributes.items():
        if isinstance(change, dict) and change.get("_operation") in _NOT_REPEATABLE:
            raise ValidationFailed(
                f"{change['_operation']} on attribute {name!r} of index {index!r} could be applied twice.",
                hint="Send the new value itself, or IncrementFrom, IncrementSet, AddUnique or Remove.",
                field=name,
            )


def check_ids(object_ids: Sequence[object], index: str) -> None:
    """Refuse empty identifiers and those that are no strings.

    Raises:
        ValidationFailed: one of them is.
    """
    for object_id in object_ids:
        if not isinstance(object_id, str) or not object_id:
            raise ValidationFailed(
                f"An objectID for search index {index!r} must be a non-empty string.",
                field="objectID",
                value_type=type(object_id).__name__,
            )


def batches(bodies: Sequence[Mapping[str, JsonValue]]) -> Iterator[list[Mapping[str, JsonValue]]]:
    """The bodies in order, in batches of at most 1,000 records and about 9 MB.

    A record that is larger than a batch by itself goes alone: refusing it is the server's business.
    """
    batch: list[Mapping[str, JsonValue]] = []
    filled = 0
    for body in bodies:
        # Measured as the driver will write it: ASCII, with its default separators.
        size = len(json.dumps(body)) + _ENVELOPE_BYTES
        if batch and (len(batch) == MAX_BATCH_RECORDS or filled + size > MAX_BATCH_BYTES):
            yield batch
            batch, filled = [], 0
        batch.append(body)
        filled += size
    if batch:
        yield batch


def _encode(value: Any, index: str, path: str) -> JsonValue:
    match value:
        case None | bool():
            return value
        case Enum():
            return _encode(value.value, index, path)
        case int():
            return int(value)
        case str():
            return _text(value, index, path)
        case float() | Decimal() | Decimal128():
            return _number(value, index, path)
        case dt.datetime():
            return _instant(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case ObjectId() | uuid.UUID():
            return str(value)
        case Mapping():
            return {
                _key(name, index, f"{path}."): _encode(inner, index, f"{path}.{name}") for name, inner in value.items()
            }
        case AbstractSet():
            items = [_encode(inner, index, f"{path}[]") for inner in value]
            return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
        case list() | tuple():
            return [_encode(inner, index, f"{path}[{at}]") for at, inner in enumerate(value)]
        case _:
            raise _unfit(index, path, type(value).__name__, "has no JSON form")


def _text(value: str, index: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _unfit(index, path, "str", "holds half a surrogate pair") from None
    return str(value)


def _number(value: float | Decimal | Decimal128, index: str, path: str) -> float:
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if not math.isfinite(exact):
        raise _unfit(index, path, type(value).__name__, "is not a finite number")
    return float(exact)


def _instant(value: dt.datetime) -> str:
    aware = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    return aware.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(name: Any, index: str, prefix: str) -> str:
    if not isinstance(name, str):
        raise _unfit(index, f"{prefix}<key>", type(name).__name__, "is not a string")
    return str(name)


def _unfit(index: str, path: str, kind: str, why: str) -> ValidationFailed:
    return ValidationFailed(
        f"Field {path!r} of a record for search index {index!r} {why} (type {kind}).",
        hint="Convert it before it is sent, or leave the field out.",
        field=path,
        value_type=kind,
    )
