"""Validators for values in memory, which may have been changed since pydantic last saw them."""

from typing import Any

import beanie
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig


def judging_validator(schema: Any, config: CoreConfig) -> SchemaValidator:
    """A validator that looks inside nested instances too; pydantic's own takes them as valid for being instances.

    Linked documents are not looked into: they are written by themselves.
    """
    # Not pydantic's prebuilt validators: those of nested classes would come back as they were.
    return SchemaValidator(_look_inside(schema), config, _use_prebuilt=False)


def _look_inside(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return type(schema)(_look_inside(each) for each in schema)
    if not isinstance(schema, dict):
        return schema
    looked = {key: _look_inside(each) if key != "serialization" else each for key, each in schema.items()}
    if schema.get("type") == "model" and not issubclass(schema["cls"], beanie.Document):
        looked["revalidate_instances"] = "always"
    return looked
