"""Stored documents as model instances: what older services wrote loads, though fields are missing or null.

A required field that is missing loads as None and is not written back; a null where the model has a default loads as
that default. Anything else that does not fit is pydantic's own error.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator

from docstore.documents.fields import STORED


def looks_stored(value: object) -> bool:
    """Whether `value` is a document as MongoDB delivers it: a mapping whose `_id` is not text."""
    return isinstance(value, Mapping) and value.get("_id") is not None and not isinstance(value["_id"], str)


def hydrate(model: type[BaseModel], stored: Mapping[str, Any]) -> Any:
    """An instance of `model` from a stored document.

    Raises:
        pydantic.ValidationError: a value does not fit its field.
    """
    try:
        return model.__pydantic_validator__.validate_python(stored, context=STORED)
    except ValidationError as error:
        nulls = {_top(each) for each in error.errors(include_input=True) if _is_null(each)}
        if not nulls <= stored.keys():  # an old spelling holds the null, and the error names the new one
            nulls |= {name for name, value in stored.items() if value is None}
        given = {name: value for name, value in stored.items() if name not in nulls}
        return lenient_validator(model).validate_python(given, context=STORED)


@lru_cache(maxsize=1024)
def lenient_validator(model: Any) -> SchemaValidator:
    """The model's validator with every required field made optional, None when missing."""
    return SchemaValidator(_with_optional_fields(model.__pydantic_core_schema__))


def _with_optional_fields(schema: Any) -> Any:
    if schema.get("type") == "model-fields":
        fields = {name: _optional(field) for name, field in schema["fields"].items()}
        return {**schema, "fields": fields}
    inner = schema.get("schema")
    return {**schema, "schema": _with_optional_fields(inner)} if isinstance(inner, dict) else schema


def _optional(field: Any) -> Any:
    if field["schema"]["type"] == "default":
        return field
    nullable = {"type": "nullable", "schema": field["schema"]}
    return {**field, "schema": {"type": "default", "schema": nullable, "default": None}}


def _is_null(error: Any) -> bool:
    return len(error["loc"]) == 1 and error["type"] != "missing" and error.get("input") is None


def _top(error: Any) -> Any:
    return error["loc"][0]
