"""``$jsonSchema`` as the server understands it: which rules a value breaks, and where.

The keywords are those that validators are derived with; each applies to values of its own types alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from bson import DBRef, Decimal128

from docstore.schema.checking.bson_types import NUMBERS, name_of, types_of
from docstore.schema.normal import canonical

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a schema: the field (``sizes[].width``; empty for the document), the keyword, and what it asks for."""

    field: str
    keyword: str
    expected: str

    def __str__(self) -> str:
        return f"{self.field}: {self.expected}" if self.field else self.expected


def broken(schema: Schema, value: Any, path: str = "") -> Iterator[tuple[Rule, str]]:
    """The rules that a value breaks, each with the type of what was found. None when it is valid."""
    found = name_of(value)
    if "bsonType" in schema and type(value) not in types_of(schema["bsonType"]):
        yield Rule(path, "bsonType", _types_told(schema["bsonType"])), found
        return  # what it should be besides says nothing more
    if "enum" in schema and not _among(value, schema["enum"]):
        yield Rule(path, "enum", f"one of {', '.join(map(_told, schema['enum']))}"), found
    if isinstance(value, DBRef):
        value = value.as_doc()
    for keyword, (types, holds, told) in _KEYWORDS.items():
        if keyword in schema and type(value) in types and not holds(value, schema):
            yield Rule(path, keyword, told(schema)), found
    if isinstance(value, dict):
        yield from _broken_fields(schema, value, path)
    elif isinstance(value, list):
        yield from _broken_items(schema, value, path)
    if "anyOf" in schema and not any(valid(each, value) for each in schema["anyOf"]):
        yield Rule(path, "anyOf", f"one of {len(schema['anyOf'])} forms"), found


def valid(schema: Schema, value: Any) -> bool:
    """Whether a value breaks no rule."""
    return next(broken(schema, value), None) is None


def _broken_fields(schema: Schema, value: dict[str, Any], path: str) -> Iterator[tuple[Rule, str]]:
    for name in schema.get("required", ()):
        if name not in value:
            yield Rule(_join(path, name), "required", "required"), "missing"
    properties = schema.get("properties", {})
    for name, inner in properties.items():
        if name in value:
            yield from broken(inner, value[name], _join(path, name))
    others = schema.get("additionalProperties", True)
    if others is True:
        return
    for name in value.keys() - properties.keys():
        if others is False:
            yield Rule(_join(path, "*"), "additionalProperties", "no other fields"), name_of(value[name])
        else:
            yield from broken(others, value[name], _join(path, "*"))


def _broken_items(schema: Schema, value: list[Any], path: str) -> Iterator[tuple[Rule, str]]:
    items = schema.get("items", {})
    if isinstance(items, list):
        for place, (inner, each) in enumerate(zip(items, value, strict=False)):
            yield from broken(inner, each, f"{path}[{place}]")
        return
    for each in value:
        yield from broken(items, each, f"{path}[]")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _types_told(names: Any) -> str:
    wanted = [names] if isinstance(names, str) else list(names)
    return f"type {' or '.join(wanted)}"


def _told(value: Any) -> str:
    return "null" if value is None else str(value)


def _among(value: Any, values: Any) -> bool:
    # A list is compared as a whole, and cannot be hashed before it is canonical.
    return canonical(value) in {canonical(each) for each in values}


def as_number(value: Any) -> Any:
    """A BSON number as one that Python compares and divides."""
    return value.to_decimal() if isinstance(value, Decimal128) else value


def _minimum(value: Any, schema: Schema) -> bool:
    number, bound = as_number(value), as_number(schema["minimum"])
    return bool(number > bound if schema.get("exclusiveMinimum") else number >= bound)


def _maximum(value: Any, schema: Schema) -> bool:
    number, bound = as_number(value), as_number(schema["maximum"])
    if math.isnan(number):  # which is less than every number, to a server
        return True
    return bool(number < bound if schema.get("exclusiveMaximum") else number <= bound)


def _multiple(value: Any, schema: Schema) -> bool:
    number = as_number(value)
    return bool(math.isfinite(number) and number % schema["multipleOf"] == 0)


def rule_told(keyword: str, schema: Schema) -> str:
    """What a keyword of a schema asks for, in words; not of types, enumerations or fields."""
    return _KEYWORDS[keyword][2](schema)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern, compiled once."""
    return re.compile(pattern)


_STRING: Final = types_of("string")
_ARRAY: Final = types_of("array")
_Keyword = tuple[frozenset[type], Callable[[Any, Schema], bool], Callable[[Schema], str]]
_KEYWORDS: Final[Mapping[str, _Keyword]] = {
    "minimum": (
        NUMBERS,
        _minimum,
        lambda s: f"{'more than' if s.get('exclusiveMinimum') else 'at least'} {s['minimum']}",
    ),
    "maximum": (
        NUMBERS,
        _maximum,
        lambda s: f"{'less than' if s.get('exclusiveMaximum') else 'at most'} {s['maximum']}",
    ),
    "multipleOf": (
        NUMBERS,
        _multiple,
        lambda s: "a whole number" if s["multipleOf"] == 1 else f"a multiple of {s['multipleOf']}",
    ),
    "minLength": (_STRING, lambda v, s: len(v) >= s["minLength"], lambda s: f"at least {s['minLength']} characters"),
    "maxLength": (_STRING, lambda v, s: len(v) <= s["maxLength"], lambda s: f"at most {s['maxLength']} characters"),
    "pattern": (
        _STRING,
        lambda v, s: compiled(s["pattern"]).search(v) is not None,
        lambda s: f"like {s['pattern']}",
    ),
    "minItems": (_ARRAY, lambda v, s: len(v) >= s["minItems"], lambda s: f"at least {s['minItems']} elements"),
    "maxItems": (_ARRAY, lambda v, s: len(v) <= s["maxItems"], lambda s: f"at most {s['maxItems']} elements"),
}
"""To which types a keyword applies, whether it holds, and what it asks for in words."""
