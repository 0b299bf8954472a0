"""What pydantic does with a class's fields, read from its own compiled schema: the plan a codec is generated from.

The schema is the truth: a validator, a constraint or a setting that is not known here shows up in it, and makes the
field a `CheckedShape` (pydantic decides on its value) or the class an `Unusual` one (pydantic decides on everything).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import SchemaValidator

from docstore.documents.bson_types import reading_schema
from docstore.documents.codec.judging import judging_validator
from docstore.documents.codec.kinds import (
    CheckedShape,
    EnumShape,
    ListShape,
    ModelShape,
    Shape,
    field_type_shape,
    is_list_or_null,
    leaf_shape,
    object_id_shape,
)

MISSING: Final = object()
"""Stands for a field that a document does not have, and for a default that a field does not have."""

_HARMLESS_CONFIG: Final = frozenset(
    {"title", "extra_fields_behavior", "hide_input_in_errors", "validate_by_alias", "validate_by_name"}
)
_FIELD_KEYS: Final = frozenset({"type", "schema", "validation_alias", "serialization_alias", "metadata"})
_NESTED_KEYS: Final = frozenset({"cls", "schema", "config", "custom_init", "root_model", "frozen"})
_INVISIBLE: Final = frozenset({"type", "metadata", "serialization", "ref"})


class Unusual(Exception):
    """The class does something that a codec does not know; the text says what."""


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field.

    Args:
        name: the attribute.
        key: the stored name.
        others: other spellings under which a stored value is taken when `key` is missing.
        alias: the name under which Beanie writes it.
        excluded: it is not written.
        nullable: None is a value of it.
        default: its default, MISSING when there is none.
        factory: makes its default.
        value: what its value is.
    """

    name: str
    key: str
    others: tuple[str, ...]
    alias: str
    excluded: bool
    nullable: bool
    default: Any
    factory: Callable[[], Any] | None
    value: Shape

    @property
    def required(self) -> bool:
        """Whether the class has no default for it."""
        return self.default is MISSING and self.factory is None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a walk through one schema needs to know."""

    definitions: Mapping[str, Any]
    config: Mapping[str, Any]
    context: Any
    inside: frozenset[str] = frozenset()


def fields_of(model: type[BaseModel], *, context: Any, known: Callable[[Any], bool]) -> tuple[FieldShape, ...]:
    """The fields of a class, in their order.

    Args:
        model: the class.
        context: the validation context its documents are read in.
        known: tells whether a validator around the whole class leaves stored documents as they are.

    Raises:
        Unusual: a field or the class as a whole is beyond a codec.
    """
    schema: Any = model.__pydantic_core_schema__
    definitions: dict[str, Any] = {}
    while schema["type"] in ("definitions", "function-after", "function-before"):
        if schema["type"] == "definitions":
            definitions |= {each["ref"]: each for each in schema["definitions"]}
        elif not known(schema["function"]["function"]):
            raise Unusual("it has a validator of its own for the whole class")
        schema = schema["schema"]
    if schema["type"] != "model" or schema["cls"] is not model:
        raise Unusual(f"its schema is a {schema['type']}")
    if schema["custom_init"] or not _only_makes_private_attributes(model, schema.get("post_init")):
        raise Unusual("it has a constructor of its own")
    return _model_fields(schema, _Reading(definitions, {}, context), known)


def _only_makes_private_attributes(model: type[BaseModel], post_init: str | None) -> bool:
    hook: Any = getattr(model, post_init) if post_init else None
    return hook is None or (hook.__name__ == "init_private_attributes" and hook.__module__.startswith("pydantic."))


def _model_fields(
    schema: Any, outer: _Reading, known: Callable[[Any], bool], extras: str = "ignore"
) -> tuple[FieldShape, ...]:
    config = schema.get("config") or {}
    odd = config.keys() - _HARMLESS_CONFIG
    extra = config.get("extra_fields_behavior", "ignore")
    if odd or extra not in ("ignore", extras) or schema.get("root_model"):
        raise Unusual(f"its configuration says {sorted(odd) or 'extra or root'}")
    inner = schema["schema"]
    while inner["type"] == "function-before" and known(inner["function"]["function"]):
        inner = inner["schema"]
    if inner["type"] != "model-fields" or inner.get("extras_schema"):
        raise Unusual(f"its fields are a {inner['type']}")
    reading = replace(outer, config=config)
    aliases = schema["cls"].model_fields
    return tuple(_field(name, field, aliases[name], reading) for name, field in inner["fields"].items())


def _field(name: str, field: Any, info: Any, reading: _Reading) -> FieldShape:
    if field.keys() - _FIELD_KEYS - {"serialization_exclude", "frozen"} or info.exclude not in (None, True, False):
        raise Unusual(f"its field {name} has {sorted(field.keys() - _FIELD_KEYS)}")
    key, *others = _spellings(name, field.get("validation_alias"), reading.config)
    schema, default, factory = field["schema"], MISSING, None
    if schema["type"] == "default":
        default, factory = _default(name, schema)
        schema = schema["schema"]
    nullable = schema["type"] == "nullable"
    return FieldShape(
        name=name,
        key=key,
        others=tuple(others),
        alias=info.alias or name,
        excluded=info.exclude is True,
        nullable=nullable,
        default=default,
        factory=factory,
        value=_shape(name, schema["schema"] if nullable else schema, reading),
    )


def _spellings(name: str, alias: Any, config: Mapping[str, Any]) -> list[str]:
    by_name, by_alias = config.get("validate_by_name", False), config.get("validate_by_alias", True)
    if alias is None:
        return [name]
    paths = [[alias]] if isinstance(alias, str) else alias if isinstance(alias[0], list) else [alias]
    if not by_alias or any(len(path) != 1 or not isinstance(path[0], str) for path in paths):
        raise Unusual(f"its field {name} is read from a path")
    names = [path[0] for path in paths]
    return [*names, *([name] if by_name and name not in names else [])]


def _default(name: str, schema: Any) -> tuple[Any, Callable[[], Any] | None]:
    if schema.get("validate_default") or schema.get("on_error", "raise") != "raise":
        raise Unusual(f"its field {name} validates its default")
    if schema.get("default_factory_takes_data"):
        raise Unusual(f"the default of its field {name} depends on other fields")
    if "default_factory" in schema:
        return MISSING, schema["default_factory"]
    default = schema["default"]
    try:
        hash(default)
    except TypeError:
        raise Unusual(f"the default of its field {name} is mutable") from None
    return default, None


def _shape(name: str, schema: Any, reading: _Reading) -> Shape:
    bare = {key: value for key, value in schema.items() if key not in _INVISIBLE}
    found = (
        leaf_shape(schema["type"], bare)
        or field_type_shape(schema, reading.context)
        or object_id_shape(schema, reading.definitions)
    )
    if found is not None:
        return found
    target = reading.definitions.get(schema.get("schema_ref"))
    if schema["type"] == "definition-ref" and target and target["ref"] not in reading.inside:
        return _shape(name, target, replace(reading, inside=reading.inside | {target["ref"]}))
    if schema["type"] == "enum" and bare.keys() <= {"cls", "members", "sub_type", "missing"}:
        shape = EnumShape.of(schema["cls"], bare["members"])
        if shape is not None:
            return shape
    if is_list_or_null(schema):
        inner = _shape(name, schema["schema"], reading)
        if isinstance(inner, ListShape):
            return ListShape(inner.item, null_is_empty=True)
    if schema["type"] == "list" and bare.keys() <= {"items_schema"} and "items_schema" in bare:
        item = _shape(name, bare["items_schema"], reading)
        if not isinstance(item, CheckedShape):
            return ListShape(item)
    if schema["type"] == "model":
        try:
            return _nested(schema, reading)
        except Unusual:
            pass
    return _checked(name, schema, reading)


def _nested(schema: Any, reading: _Reading) -> ModelShape:
    known = {
        "type",
        "metadata",
        "serialization",
        "ref",
        "cls",
        "schema",
        "config",
        "custom_init",
        "root_model",
        "frozen",
    }
    if schema.keys() - known or schema.get("custom_init") or schema["cls"].__private_attributes__:
        raise Unusual("a nested class of its own kind")
    keeps_unknown = (schema.get("config") or {}).get("extra_fields_behavior") == "allow"
    fields = _model_fields(schema, reading, lambda _: False, "allow")
    return ModelShape(schema["cls"], fields, keeps_unknown)


def _checked(name: str, schema: Any, reading: _Reading) -> CheckedShape:
    if looks_around(schema, reading.definitions, set()):
        raise Unusual(f"the validator of its field {name} may look at other fields")
    if reading.definitions:
        schema = {"type": "definitions", "schema": schema, "definitions": list(reading.definitions.values())}
    config: Any = {key: value for key, value in reading.config.items() if key != "extra_fields_behavior"}
    judge = judging_validator(schema, config).validate_python
    read = reading_schema(schema)
    # Pydantic's prebuilt validators of nested classes are those of the schemas as they were.
    reads = SchemaValidator(read, config, _use_prebuilt=read is schema).validate_python
    return CheckedShape(reads, reading.context, judge)


def looks_around(schema: Any, definitions: Mapping[str, Any], seen: set[str]) -> bool:
    """Whether a validator inside is handed more than its value, and is not marked as heeding the context alone."""
    if isinstance(schema, list | tuple):
        return any(looks_around(each, definitions, seen) for each in schema)
    if not isinstance(schema, dict):
        return False
    reference = schema.get("schema_ref")
    if isinstance(reference, str) and reference not in seen:
        seen.add(reference)
        if looks_around(definitions.get(reference), definitions, seen):
            return True
    if schema.get("type") == "with-info":
        function = schema["function"]
        return not getattr(getattr(function, "__func__", function), "heeds_context_alone", False)
    return any(looks_around(each, definitions, seen) for key, each in schema.items() if key != "serialization")
