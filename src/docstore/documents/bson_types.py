"""Types that BSON gives back as others: what is written of them is read again.

A `Decimal` comes back as `Decimal128`, and the instant of a field that takes none with a zone comes back in UTC.
Pydantic takes neither, so the schemas that stored documents are read by say what becomes of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from bson import Decimal128
from pydantic import BaseModel
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig


def reading_schema(schema: Any) -> Any:
    """The schema that takes what BSON gives back; the very same object where nothing is to be said."""
    if isinstance(schema, list | tuple):
        walked = [reading_schema(each) for each in schema]
        return type(schema)(walked) if any(map(_differ, walked, schema)) else schema
    if not isinstance(schema, dict):
        return schema
    changed = {
        key: read
        for key, each in schema.items()
        if not is_beside(key, each) and (read := reading_schema(each)) is not each
    }
    own = {**schema, **changed} if changed else schema
    kind = schema.get("type")
    if kind == "decimal":
        convert = as_decimal
    elif kind == "datetime" and schema.get("tz_constraint") == "naive":
        convert = _without_zone
    else:
        return own
    # What refers to the schema by its name has to find the converted one.
    named = {"ref": schema["ref"]} if "ref" in schema else {}
    inner = {key: each for key, each in own.items() if key != "ref"}
    return {"type": "function-before", "function": {"type": "no-info", "function": convert}, "schema": inner, **named}


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


def _differ(one: Any, other: Any) -> bool:
    return one is not other


def _without_zone(value: object) -> object:
    aware = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC).replace(tzinfo=None) if aware else value  # type: ignore[attr-defined]  # a datetime
