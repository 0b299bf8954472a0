"""Stored documents as model instances: what older services wrote loads, though fields are missing or null.

A required field that is missing loads as None and is not written back; a null where the model has a default loads as
that default. Anything else that does not fit is pydantic's own error.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig

from docstore.documents.bson_types import reading_schema, reading_validator
from docstore.documents.fields import STORED
from docstore.documents.guard.predicate import DELETED_STATUS


def looks_stored(value: object) -> bool:
    """Whether `value` is a document as MongoDB delivers it: a mapping whose `_id` is not text."""
    return isinstance(value, Mapping) and value.get("_id") is not None and not isinstance(value["_id"], str)


def reads_leniently(model: type[BaseModel]) -> bool:
    """Whether documents of a class are hydrated; other classes (projections) take them as pydantic does."""
    return bool(getattr(model, "hydrates", False))


def hydrate(model: type[BaseModel], stored: Mapping[str, Any]) -> Any:
    """An instance of `model` from a stored document.

    Raises:
        pydantic.ValidationError: a value does not fit its field.
    """
    try:
        made = reading_validator(model).validate_python(stored, context=STORED)
    except ValidationError as error:
        nulls = [each["loc"] for each in error.errors(include_input=True) if _is_null(each)]
        made = lenient_validator(model).validate_python(_without(stored, nulls), context=STORED)
    if isinstance(stored.get("_id"), str) and "id" in made.__dict__:
        made.__dict__["id"] = stored["_id"]  # an old id of text is the document's id; parsed, it would be another's
    return made


@lru_cache(maxsize=1024)
def lenient_validator(model: Any) -> SchemaValidator:
    """The model's validator with every required field, nested ones too, made optional: None when missing."""
    config = CoreConfig(title=model.__name__, hide_input_in_errors=True)
    # Not pydantic's prebuilt validators: those of nested classes would come back with their required fields.
    return SchemaValidator(lenient_schema(reading_schema(model.__pydantic_core_schema__)), config, _use_prebuilt=False)


def lenient_schema(schema: Any) -> Any:
    """A schema in which every field, in nested classes too, is optional."""
    if isinstance(schema, list | tuple):
        return type(schema)(lenient_schema(each) for each in schema)
    if not isinstance(schema, dict):
        return schema
    walked = {key: lenient_schema(value) for key, value in schema.items()}
    if walked.get("type") == "model-fields":
        walked["fields"] = {name: _optional(field) for name, field in walked["fields"].items()}
    return walked


def _optional(field: Any) -> Any:
    if field["schema"]["type"] == "default":
        return field
    nullable = {"type": "nullable", "schema": field["schema"]}
    return {**field, "schema": {"type": "default", "schema": nullable, "default": None}}


def _is_null(error: Any) -> bool:
    if error["loc"] == ("status",) and error.get("input") == DELETED_STATUS:
        return True  # an old mark of deletion, on a model whose own states know no deletion
    return error["type"] != "missing" and error.get("input") is None


def _without(stored: Mapping[str, Any], paths: Sequence[tuple[int | str, ...]]) -> dict[str, Any]:
    """A copy without the values at `paths`. A path that names nothing is an old spelling's: all nulls beside it go."""
    copy = dict(stored)
    by_head: dict[int | str, list[tuple[int | str, ...]]] = {}
    for path in paths:
        by_head.setdefault(path[0], []).append(path[1:])
    for head, tails in by_head.items():
        if head not in copy:
            copy = {name: value for name, value in copy.items() if value is not None}
        elif () in tails:
            del copy[str(head)]
        else:
            copy[str(head)] = _within(copy[str(head)], tails)
    return copy


def _within(value: Any, tails: Sequence[tuple[int | str, ...]]) -> Any:
    if isinstance(value, Mapping):
        return _without(value, tails)
    if isinstance(value, list):
        kept = list(value)
        for index in {tail[0] for tail in tails if tail and isinstance(tail[0], int)}:
            inner = [tail[1:] for tail in tails if tail and tail[0] == index and len(tail) > 1]
            if inner and isinstance(index, int):
                kept[index] = _within(kept[index], inner)
        return kept
    return value
