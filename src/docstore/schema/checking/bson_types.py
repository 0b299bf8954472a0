"""The BSON types of decoded values, and the options that keep them apart."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS

AS_STORED: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict,
    tz_aware=False,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
"""Nothing that can be stored fails to be decoded: instants beyond Python's, text that is no UTF-8."""

TYPES: Final[Mapping[str, frozenset[type]]] = {
    "double": frozenset({float}),
    "string": frozenset({str}),
    "object": frozenset({dict, DBRef}),
    "array": frozenset({list}),
    "binData": frozenset({bytes, Binary, uuid.UUID}),
    "objectId": frozenset({ObjectId}),
    "bool": frozenset({bool}),
    "date": frozenset({datetime, DatetimeMS}),
    "null": frozenset({type(None)}),
    "regex": frozenset({Regex}),
    "javascript": frozenset({Code}),
    "int": frozenset({int}),
    "timestamp": frozenset({Timestamp}),
    "long": frozenset({Int64}),
    "decimal": frozenset({Decimal128}),
    "minKey": frozenset({MinKey}),
    "maxKey": frozenset({MaxKey}),
}
"""The Python types that each BSON type is decoded to. MongoDB calls 32 and 64 bits by different names."""

NUMBERS: Final = TYPES["double"] | TYPES["int"] | TYPES["long"] | TYPES["decimal"]


def types_of(names: str | Iterable[str]) -> frozenset[type]:
    """The Python types of a ``bsonType``."""
    wanted = [names] if isinstance(names, str) else list(names)
    return frozenset(each for name in wanted for each in (NUMBERS if name == "number" else TYPES[name]))


def name_of(value: Any) -> str:
    """The BSON type of a decoded value."""
    return next((name for name, types in TYPES.items() if type(value) in types), type(value).__name__)
