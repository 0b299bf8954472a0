"""Which BSON types the values of Python types are stored as."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from bson import Binary, DBRef, Decimal128, ObjectId, Regex, Timestamp
from pydantic import AnyUrl, SecretBytes, SecretStr
from pydantic_core import MultiHostUrl, Url

from docstore.documents import TokenHash

Schema = dict[str, Any]

WHOLE: Final[Schema] = {"bsonType": ["int", "long", "double"], "multipleOf": 1}
"""Integers. JavaScript stores those beyond 32 bits as doubles, and they are read as integers again."""

NUMBER: Final[Schema] = {"bsonType": ["double", "int", "long"]}

_TOKEN: Final[Schema] = {"bsonType": "string", "pattern": "^sha256:[0-9a-f]{64}$"}

_STORED: Final[tuple[tuple[Any, Schema], ...]] = (
    (bool, {"bsonType": "bool"}),
    (int, WHOLE),
    ((float, timedelta), NUMBER),
    (TokenHash, _TOKEN),
    (str, {"bsonType": "string"}),
    (date, {"bsonType": "date"}),
    (ObjectId, {"bsonType": "objectId"}),
    ((UUID, bytes, Binary, SecretBytes), {"bsonType": "binData"}),
    ((Decimal, Decimal128), {"bsonType": "decimal"}),
    ((PurePath, time, SecretStr, AnyUrl, Url, MultiHostUrl), {"bsonType": "string"}),
    ((IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network), {"bsonType": "string"}),
    ((re.Pattern, Regex), {"bsonType": "regex"}),
    (Timestamp, {"bsonType": "timestamp"}),
    (DBRef, {"bsonType": "object"}),
    (type(None), {"bsonType": "null"}),
)
"""In order: a bool is an int, too."""

PYTHON: Final = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "date": date,
    "datetime": datetime,
    "time": time,
    "timedelta": timedelta,
    "decimal": Decimal,
    "uuid": UUID,
    "url": Url,
    "multi-host-url": MultiHostUrl,
    "none": type(None),
}
"""Pydantic's names of Python types."""


def stored_as(kind: Any) -> Schema | None:
    """The schema of what values of a Python type are stored as; None where nothing is known."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Enum):
        return members_of(kind)
    return next((dict(schema) for types, schema in _STORED if issubclass(kind, types)), None)


def members_of(enum: type[Enum]) -> Schema:
    """The schema of an enumeration, stored by value; flags may be combined."""
    if issubclass(enum, Flag):
        return dict(WHOLE)
    return one_of([member.value for member in enum])


def one_of(values: list[Any]) -> Schema:
    """The schema of certain values; none at all for what cannot be compared as it is stored."""
    if not all(value is None or isinstance(value, str | int | float) for value in values):
        return {}
    plain = [value.value if isinstance(value, Enum) else value for value in values]
    # Said too for those who only look at types, a server's error among them.
    return {"bsonType": "string", "enum": plain} if all(isinstance(each, str) for each in plain) else {"enum": plain}
