"""Types that BSON gives back as others: what is written of them is read again.

A `Decimal` comes back as `Decimal128`, a pattern as `bson.Regex`, and the instant of a field that takes none with a
zone comes back in UTC. Pydantic takes none of them, so the schemas that stored documents are read by say what becomes
of them. Nor does a strict field take the list that its tuple was stored as: what has no form of its own in BSON is read
as pydantic reads it when it is not strict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache, partial
from typing import Any, Final

import bson
from bson import Decimal128, Regex
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from pydantic import BaseModel
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig

from docstore.documents.encoders import stored_value

_STORED_AS_ANOTHER: Final = frozenset(
    {
        *("date", "time", "timedelta", "enum", "tuple", "set", "frozenset", "deque"),
        *("lax-or-strict", "url", "multi-host-url", "model", "dataclass", "typed-dict"),
    }
)
"""Pydantic's names of what BSON gives back as another type."""
_AWARE: Final[CodecOptions[dict[str, Any]]] = CodecOptions(tz_aware=True)


def reading_schema(schema: Any, *, strict: bool = False) -> Any:
    """The schema that takes what BSON gives back; the very same object where nothing is to be said.

    Args:
        schema: pydantic's.
        strict: whether the class round it says that its fields are.
    """
    if isinstance(schema, list | tuple):
        walked = [reading_schema(each, strict=strict) for each in schema]
        return type(schema)(walked) if any(map(_differ, walked, schema)) else schema
    if not isinstance(schema, dict):
        return schema
    kind = str(schema.get("type"))  # among the fields of a class, one may be called so
    if kind == "model":
        strict = bool((schema.get("config") or {}).get("strict", False))
    changed = {
        key: read
        for key, each in schema.items()
        if not is_beside(key, each) and (read := reading_schema(each, strict=strict)) is not each
    }
    own = {**schema, **changed} if changed else schema
    if kind in _STORED_AS_ANOTHER and schema.get("strict", strict):
        own = {**own, "strict": False}
    elif kind == "dict" and strict and "keys_schema" in own:
        own = {**own, "keys_schema": {**own["keys_schema"], "strict": False}}
    if kind == "json":
        return reads_json_too(own)
    convert = _converter(schema, kind)
    return own if convert is None else _before(convert, own)


def reading_validator(model: type[BaseModel]) -> SchemaValidator:
    """What stored documents of a class are read by: its own validator, unless it has fields of such types."""
    return _reading_validator(model, model.__pydantic_validator__)


@lru_cache(maxsize=1024)
def _reading_validator(model: Any, own: Any) -> SchemaValidator:
    schema = model.__pydantic_core_schema__
    read = reading_schema(schema)
    if read is schema:
        validator: SchemaValidator = own
        return validator
    config = CoreConfig(title=model.__name__, hide_input_in_errors=True)
    return SchemaValidator(read, config, _use_prebuilt=False)


def as_decimal(value: Any) -> Any:
    """A `Decimal128` as a `Decimal`; anything else as it is."""
    return value.to_decimal() if isinstance(value, Decimal128) else value


def is_beside(key: str, part: Any) -> bool:
    """Whether a part of a schema says nothing about values: what pydantic notes beside it, not a field of that name."""
    is_field = isinstance(part, dict) and str(part.get("type")).endswith("-field")
    return key in ("serialization", "metadata") and not is_field


def is_pattern(schema: Any) -> bool:
    """Whether a schema is that of a `re.Pattern`, which pydantic tells by the name of its function alone."""
    function = schema["function"]["function"] if schema.get("type") == "function-plain" else None
    return str(getattr(function, "__module__", "")).startswith("pydantic.") and getattr(
        function, "__name__", ""
    ).startswith("pattern_")


def reads_json_too(schema: Any) -> Any:
    """The schema of a `Json` field: its text when it is given, or what was made of it, which is what is stored."""
    inner = schema.get("schema")
    if inner is None:
        return schema
    return {"type": "union", "choices": [schema, inner], "mode": "left_to_right"}


def _converter(schema: Any, kind: str) -> Callable[[Any], Any] | None:
    if kind == "decimal":
        return as_decimal
    if kind == "datetime" and schema.get("tz_constraint") == "naive":
        return _without_zone
    if kind == "enum":
        return _members(schema["members"])
    return _as_pattern if is_pattern(schema) else None


def _before(convert: Callable[[Any], Any], schema: Any) -> Any:
    # What refers to the schema by its name has to find the converted one.
    named = {"ref": schema["ref"]} if "ref" in schema else {}
    inner = {key: each for key, each in schema.items() if key != "ref"}
    return {"type": "function-before", "function": {"type": "no-info", "function": convert}, "schema": inner, **named}


def _members(members: Iterable[Enum]) -> Callable[[Any], Any] | None:
    """What gives the members of an enumeration for what their values come back as; None where that is themselves."""
    otherwise = []
    for member in members:
        try:
            back = bson.decode(bson.encode({"": stored_value(member.value)}), _AWARE)[""]
        except (BSONError, ValueError, OverflowError, ArithmeticError, TypeError):
            continue  # what cannot be stored is told when it is written
        if type(back) is not type(member.value):
            otherwise.append((back, member))
    return partial(_member, otherwise) if otherwise else None


def _member(known: list[tuple[Any, Enum]], value: Any) -> Any:
    return next((member for back, member in known if type(back) is type(value) and back == value), value)


def _differ(one: Any, other: Any) -> bool:
    return one is not other


def _as_pattern(value: Any) -> Any:
    if not isinstance(value, Regex):
        return value
    try:
        return value.try_compile()
    except (re.error, ValueError, OverflowError):
        raise ValueError("a pattern, or flags of one, that Python does not have") from None


def _without_zone(value: object) -> object:
    aware = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC).replace(tzinfo=None) if aware else value  # type: ignore[attr-defined]  # a datetime
