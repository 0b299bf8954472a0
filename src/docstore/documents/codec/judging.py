"""Validators for values in memory, which may have been changed since pydantic last saw them."""

from typing import Any

from beanie import Document as BeanieDocument
from pydantic import BaseModel
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig

from docstore.documents.bson_types import is_pattern, reads_json_too
from docstore.documents.codec.plain import AS_THEY_ARE
from docstore.documents.encoders import check_expressible


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
    if schema.get("type") == "model" and not issubclass(schema["cls"], BeanieDocument):
        looked["revalidate_instances"] = "always"
    if is_pattern(schema):
        return {
            "type": "function-after",
            "function": {"type": "no-info", "function": check_expressible},
            "schema": looked,
        }
    return reads_json_too(looked) if schema.get("type") == "json" else looked


def unchanged(given: Any, judged: Any) -> bool:
    """Whether validation left a value as it was; the caller's own object is kept then, with what is private in it."""
    if type(given) is not type(judged):
        return False
    if isinstance(given, BaseModel):
        return unchanged(given.__dict__, judged.__dict__) and unchanged(
            given.__pydantic_extra__, judged.__pydantic_extra__
        )
    if isinstance(given, dict):
        return given.keys() == judged.keys() and all(unchanged(given[key], judged[key]) for key in given)
    if isinstance(given, list | tuple):
        return len(given) == len(judged) and all(map(unchanged, given, judged))
    return given is judged or (type(given) in AS_THEY_ARE and bool(given == judged))
