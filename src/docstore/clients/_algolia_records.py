"""Records on their way to Algolia: values that JSON does not know, checks, and batches of the right size."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from typing import Any

from bson import Decimal128, ObjectId
from pydantic import JsonValue

from docstore.clients.protocols import PreparedRecord
from docstore.errors import ValidationFailed

MAX_BATCH_RECORDS = 1_000
# Algolia takes about 10 MB a batch; the envelope round each record comes on top of what is counted.
MAX_BATCH_BYTES = 9_000_000
_ENVELOPE_BYTES = 60
# Sent twice, after an answer that was lost, these would count twice.
_NOT_REPEATABLE = ("Increment", "Decrement", "Add")


def prepare_record(record: Mapping[str, Any], index: str, max_bytes: int) -> PreparedRecord:
    """A record as it will be sent; see `encode_record`.

    Raises:
        ValidationFailed: as `encode_record`, or the record is larger than `max_bytes`.
    """
    encoded = encode_record(record, index)
    body = json_bytes(encoded)
    if len(body) > max_bytes:
        largest = max(encoded, key=lambda name: len(json_bytes(encoded[name])))
        raise ValidationFailed(
            f"A record for search index {index!r} has {len(body):,} bytes; {max_bytes:,} are taken, and most of them "
            f"are in field {largest!r}.",
            hint="Shorten that field in the record, or raise ALGOLIA_MAX_RECORD_BYTES where the plan allows it.",
            field=largest,
        )
    return PreparedRecord(str(encoded["objectID"]), body)


def json_bytes(value: Any) -> bytes:
    """A value of `encode_attributes` as compact JSON with sorted keys: the same bytes for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


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
    """Refuse empty identifiers, those that are no strings, and strings that no request can carry.

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
        _text(object_id, index, "objectID")


def batches(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The bodies in order, in batches of at most 1,000 records and about 9 MB.

    A record that is larger than a batch by itself goes alone: refusing it is the server's business.
    """
    batch: list[bytes] = []
    filled = 0
    for body in bodies:
        size = len(body) + _ENVELOPE_BYTES
        if batch and (len(batch) == MAX_BATCH_RECORDS or filled + size > MAX_BATCH_BYTES):
            yield batch
            batch, filled = [], 0
        batch.append(body)
        filled += size
    if batch:
        yield batch


def batch_request(action: str, bodies: Sequence[bytes]) -> str:
    """The JSON of a batch of one action on bodies that are JSON already."""
    head = f'{{"action":"{action}","body":'.encode()
    return (b'{"requests":[' + b",".join(head + body + b"}" for body in bodies) + b"]}").decode()


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
