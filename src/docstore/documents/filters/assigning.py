"""New values of fields, given in updates: made into what the model would store, or refused as it would refuse them."""

from functools import lru_cache
from types import NoneType
from typing import Annotated, Any

from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined, SchemaValidator
from pydantic_core.core_schema import CoreConfig

from docstore.documents.codec.judging import judging_validator
from docstore.documents.codec.shapes import looks_around
from docstore.documents.fields import STORED
from docstore.documents.filters.annotations import element_of, is_link, keys_become_text, members
from docstore.documents.filters.paths import Declaration, FieldPath
from docstore.documents.filters.values import is_storable, is_the_applications
from docstore.errors import ValidationFailed

Validator = SchemaValidator | TypeAdapter[Any]


@lru_cache(maxsize=4096)
def assigner(path: FieldPath) -> "Assigner":
    """The assigner of a field; made once."""
    return Assigner(path)


class Assigner:
    """Judges new values of one field as its class does: types, bounds and the field's own validators.

    What a validator needs other fields for is not judged: an update does not know them. Links are Beanie's to judge.
    """

    def __init__(self, path: FieldPath) -> None:
        self._path = path
        self._is_link = any(is_link(each) for each in path.types)
        self._validators = tuple(found for each in path.declared if (found := _validator(each)) is not None)

    def value(self, value: Any) -> Any:
        """`value` as a new value of the field.

        Raises:
            ValidationFailed: the model would refuse it; names the field, what is wrong and the value's type.
        """
        judged = value if self._is_link or not self._validators else self._judged(value)
        text = any(map(keys_become_text, self._path.types))
        if not is_storable(judged, keys_become_text=text) and not any(
            is_the_applications(kind, judged) for kind in self._path.types
        ):
            raise self._refusal(value, "what BSON can store fits")
        return judged

    def _judged(self, value: Any) -> Any:
        error: ValidationError | None = None
        for validator in self._validators:
            for context in (None, STORED):  # as a caller gives it; else as it stands in the database already
                try:
                    return validator.validate_python(value, context=context, by_alias=True, by_name=True)
                except ValidationError as refused:
                    error = error or refused
        raise self._refusal(value, _told(error)) from error

    def _refusal(self, value: Any, why: str) -> ValidationFailed:
        return ValidationFailed(
            f"an update gives {self._path.spelled} a {type(value).__name__} that does not fit: {why}.",
            collection=self._path.model,
            field=self._path.stored,
            value_type=type(value).__name__,
        )


@lru_cache(maxsize=4096)
def element_path(path: FieldPath) -> FieldPath | None:
    """The elements of the lists that a field holds; None where it holds none."""
    inside = [each for kind in path.types if (each := element_of(kind)) is not PydanticUndefined]
    if not inside:
        return None
    types = tuple(kind for each in inside for kind in members(each))
    return FieldPath(path.model, path.stored, types, NoneType in types, tuple(Declaration(each) for each in inside))


def _validator(declared: Declaration) -> Validator | None:
    if declared.model is None:
        return _adapter(declared.annotation)
    compiled = _field_schema(declared.model, declared.attribute)
    if compiled is not None:
        return judging_validator(*compiled)
    info = declared.model.model_fields[declared.attribute]
    return _adapter(Annotated[declared.annotation, *info.metadata] if info.metadata else declared.annotation)


def _adapter(annotation: Any) -> Validator | None:
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError:
        return None


def _field_schema(model: type[BaseModel], attribute: str) -> tuple[Any, CoreConfig] | None:
    """A field's part of its class's schema, and the class's configuration; None where it cannot stand alone."""
    schema: Any = model.__pydantic_core_schema__
    definitions: dict[str, Any] = {}
    config: Any = {}
    while schema["type"] != "model-fields":
        if schema["type"] == "definitions":
            definitions |= {each["ref"]: each for each in schema["definitions"]}
        if schema["type"] == "model":
            config = {key: each for key, each in schema["config"].items() if key != "extra_fields_behavior"}
        following = definitions.get(schema.get("schema_ref")) or schema.get("schema")
        if following is None:
            return None
        schema = following
    field = schema["fields"][attribute]["schema"]
    field = field["schema"] if field["type"] == "default" else field
    if looks_around(field, definitions, set()):
        return None
    if definitions:
        field = {"type": "definitions", "schema": field, "definitions": list(definitions.values())}
    return field, config


def _told(error: ValidationError | None) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False) if error else []
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" if each["loc"] else each["msg"]
        for each in problems
    )
