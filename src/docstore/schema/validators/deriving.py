"""MongoDB's ``$jsonSchema`` from what pydantic compiled a model to: what the model accepts, as it is stored.

A schema that is derived accepts whatever the model's own writes store; where a validator of the model's author may
turn a value into anything, it says less rather than too much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, get_type_hints

from bson import Decimal128
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docstore.documents.fields import check_email, check_slug, not_empty
from docstore.schema.validators.kinds import PYTHON, Schema, one_of, stored_as
from docstore.schema.validators.patterns import portable
from docstore.schema.validators.uniting import or_null, takes_null, types_in, united, without_null

_KNOWN_RULES: Final[Mapping[Any, Schema]] = {
    not_empty: {"minLength": 1},
    check_slug: {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
    check_email: {"pattern": "^[^@]+@[^@]+$"},
}
"""What docstore's own field types promise of a stored value."""


@dataclass(frozen=True)
class _Place:
    """Where in a model the derivation is: what its schema refers to, and the classes round it."""

    definitions: Mapping[str, Any] = field(default_factory=dict)
    inside: tuple[type[Any], ...] = ()
    keep_nulls: bool = True
    encoders: tuple[type[Any], ...] = ()


def document_schema(model: type[BaseModel]) -> Schema:
    """The ``$jsonSchema`` of a document class, bound or not."""
    settings = getattr(model, "Settings", None)
    place = _Place(
        keep_nulls=getattr(settings, "keep_nulls", True),
        encoders=tuple(getattr(settings, "bson_encoders", {})),
    )
    schema = _derived(model.__pydantic_core_schema__, place)
    properties = dict(schema.get("properties", {}))
    if properties.get("_id"):  # None in memory alone, until the document is inserted
        properties["_id"] = without_null(properties["_id"])
    if "isDeleted" in properties:  # not deleted, to every query
        properties["isDeleted"] = or_null(properties["isDeleted"])
    if schema.get("additionalProperties") is False:  # Beanie's mark of a class that shares its collection
        properties.setdefault(getattr(settings, "class_id", "_class_id"), {"bsonType": "string"})
    others = {name: each for name, each in schema.items() if name not in ("bsonType", "properties")}
    return {"bsonType": "object", "title": model.__name__, **others, "properties": properties}


def _derived(core: Any, place: _Place) -> Schema:
    """The schema of a value that pydantic's `core` describes."""
    kind = core["type"]
    if kind == "definitions":
        known = {each["ref"]: each for each in core["definitions"]}
        return _derived(core["schema"], replace(place, definitions={**place.definitions, **known}))
    if kind == "definition-ref":
        target = place.definitions.get(core["schema_ref"])
        return _derived(target, place) if target is not None else {}
    derive = _BY_TYPE.get(kind)
    if derive is not None:
        return derive(core, place)
    return _custom(PYTHON.get(kind), place) if kind in PYTHON else {}


def _custom(kind: Any, place: _Place) -> Schema:
    """The schema of a Python type, unless the model's own encoders store it as something else."""
    if isinstance(kind, type) and any(issubclass(kind, each) or issubclass(each, kind) for each in place.encoders):
        return {}
    return stored_as(kind) or {}


def _number(core: Any, place: _Place) -> Schema:
    schema = _custom(PYTHON[core["type"]], place)
    if not schema:
        return {}
    for name, keyword in (("ge", "minimum"), ("gt", "minimum"), ("le", "maximum"), ("lt", "maximum")):
        bound = core.get(name)
        if isinstance(bound, Decimal):
            schema[keyword] = Decimal128(bound)
        elif isinstance(bound, int | float):
            schema[keyword] = bound
    schema |= {"exclusiveMinimum": True} if core.get("gt") is not None else {}
    schema |= {"exclusiveMaximum": True} if core.get("lt") is not None else {}
    # That of floats holds within a tolerance, which a server does not have.
    if core["type"] == "int" and core.get("multiple_of"):
        schema["multipleOf"] = core["multiple_of"]
    return schema


def _text(core: Any, place: _Place) -> Schema:
    schema = _custom(str, place)
    if not schema:
        return {}
    for name, keyword in (("min_length", "minLength"), ("max_length", "maxLength")):
        if core.get(name) is not None:
            schema[keyword] = core[name]
    pattern = core.get("pattern")
    if pattern is not None:
        spelled = portable(pattern if isinstance(pattern, str) else pattern.pattern)
        if spelled is not None and (isinstance(pattern, str) or not pattern.flags & ~32):
            schema["pattern"] = spelled
    return schema


def _literal(core: Any, place: _Place) -> Schema:
    values = core["expected"]
    return {} if any(isinstance(each, place.encoders) for each in values) else one_of(list(values))


def _enum(core: Any, place: _Place) -> Schema:
    return _custom(core["cls"], place)


def _list(core: Any, place: _Place) -> Schema:
    schema: Schema = {"bsonType": "array"}
    items = _derived(core["items_schema"], place) if core.get("items_schema") else {}
    if items:
        schema["items"] = items
    for name, keyword in (("min_length", "minItems"), ("max_length", "maxItems")):
        if core.get(name) is not None:
            schema[keyword] = core[name]
    return schema


def _tuple(core: Any, place: _Place) -> Schema:
    items = [_derived(each, place) for each in core["items_schema"]]
    if core.get("variadic_item_index") is not None:
        return {"bsonType": "array", "items": items[0]} if len(items) == 1 and items[0] else {"bsonType": "array"}
    schema: Schema = {"bsonType": "array", "minItems": len(items), "maxItems": len(items)}
    return schema | ({"items": items} if any(items) else {})


def _mapping(core: Any, place: _Place) -> Schema:
    values = _derived(core["values_schema"], place) if core.get("values_schema") else {}
    return {"bsonType": "object"} | ({"additionalProperties": values} if values else {})


def _union(core: Any, place: _Place) -> Schema:
    choices = core["choices"]
    each = choices.values() if isinstance(choices, Mapping) else choices
    return united([_derived(one[0] if isinstance(one, tuple) else one, place) for one in each])


def _nullable(core: Any, place: _Place) -> Schema:
    inner = _derived(core["schema"], place)
    return or_null(inner) if inner else {}


def _default(core: Any, place: _Place) -> Schema:
    inner = _derived(core["schema"], place)
    return or_null(inner) if inner and "default" in core and core["default"] is None else inner


def _inner(core: Any, place: _Place) -> Schema:
    return _derived(core["schema"], place) if core.get("schema") else {}


def _converted(core: Any, place: _Place) -> Schema:
    """After a validator: what its annotation promises, else what it was given, as a type checker would have it."""
    function = core["function"]["function"]
    inner = _derived(core["schema"], place)
    if function in _KNOWN_RULES:
        return {**inner, **_KNOWN_RULES[function]} if inner else {}
    promised = _promised(function)
    if promised is None:
        return inner
    stored = _custom(promised, place)
    # `-> int` of what is an int in bounds says nothing new.
    return inner if not stored or _admits(inner, stored) else stored


def _admits(inner: Schema, stored: Schema) -> bool:
    if "bsonType" not in inner or "bsonType" not in stored:
        return inner == stored or not stored or "enum" in inner or "anyOf" in inner
    return set(types_in(stored)) <= set(types_in(inner))


def _promised(function: Any) -> Any:
    if isinstance(function, type):
        return function
    try:
        return get_type_hints(function).get("return")
    except (NameError, TypeError, AttributeError):
        return None


def _plain(core: Any, place: _Place) -> Schema:
    """A validator that is all there is: a class's own, or one whose return annotation tells."""
    function = core["function"]["function"]
    owner = getattr(function, "__self__", None)
    return _custom(owner if isinstance(owner, type) else _promised(function), place)


def _instance(core: Any, place: _Place) -> Schema:
    return _custom(core["cls"], place)


def _model(core: Any, place: _Place) -> Schema:
    cls = core["cls"]
    if any(issubclass(cls, each) for each in place.encoders):
        return {}
    if core.get("root_model"):
        return _derived(_fields_of(core["schema"]), place)
    if cls in place.inside:  # MongoDB's schemas cannot refer to themselves
        return {"bsonType": "object"}
    inner = replace(place, inside=(*place.inside, cls))
    fields = _fields_of(core["schema"])
    if fields["type"] != "model-fields":
        return {"bsonType": "object"}
    schema = _properties(
        fields["fields"],
        lambda name: cls.model_fields[name],
        inner,
    )
    extra = (core.get("config") or {}).get("extra_fields_behavior")
    if extra == "forbid":
        schema["additionalProperties"] = False
        schema.setdefault("properties", {})
    elif extra == "allow" and fields.get("extras_schema"):
        others = _derived(fields["extras_schema"], inner)
        if others:
            schema["additionalProperties"] = others
    return schema


def _fields_of(core: Any) -> Any:
    """The schema of a class's fields, inside the class's own validators."""
    while core["type"].startswith("function-") and "schema" in core:
        core = core["schema"]
    return core["root_schema"] if core["type"] == "root" else core


def _properties(fields: Mapping[str, Any], info_of: Callable[[str], FieldInfo], place: _Place) -> Schema:
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for name, each in fields.items():
        info = info_of(name)
        if info.exclude is True:
            continue
        stored = info.alias or name
        properties[stored] = schema = _derived(each["schema"], place) or _annotated(info, place)
        if info.is_required() and (place.keep_nulls or not takes_null(schema)):
            required.append(stored)
    schema = {"bsonType": "object"}
    return schema | ({"required": required} if required else {}) | ({"properties": properties} if properties else {})


def _annotated(info: FieldInfo, place: _Place) -> Schema:
    """What the annotation of a field says, where pydantic's schema says nothing."""
    return _custom(info.annotation, place)


def _typed_dict(core: Any, place: _Place) -> Schema:
    properties = {name: _derived(each["schema"], place) for name, each in core["fields"].items()}
    required = [name for name, each in core["fields"].items() if each.get("required", core.get("total", True))]
    schema: Schema = {"bsonType": "object"}
    return schema | ({"required": required} if required else {}) | ({"properties": properties} if properties else {})


_BY_TYPE: Final[Mapping[str, Callable[[Any, _Place], Schema]]] = {
    "int": _number,
    "float": _number,
    "decimal": _number,
    "str": _text,
    "literal": _literal,
    "enum": _enum,
    "is-instance": _instance,
    "list": _list,
    "set": _list,
    "frozenset": _list,
    "generator": _list,
    "tuple": _tuple,
    "dict": _mapping,
    "typed-dict": _typed_dict,
    "union": _union,
    "tagged-union": _union,
    "nullable": _nullable,
    "default": _default,
    "function-before": _inner,
    "function-wrap": _converted,
    "function-after": _converted,
    "function-plain": _plain,
    "json": _inner,
    "chain": lambda core, place: _derived(core["steps"][-1], place),
    "lax-or-strict": lambda core, place: _derived(core["strict_schema"], place),
    "json-or-python": lambda core, place: _derived(core["python_schema"], place),
    "model": _model,
}
