"""Which kind a pydantic schema means; None where it has a constraint, or is none that is known here."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from bson import Int64

from docstore.documents.codec.kinds.leaves import (
    ExactShape,
    InstantShape,
    JsonShape,
    NumberShape,
    ObjectIdShape,
    TextShape,
    UuidShape,
)
from docstore.documents.codec.kinds.shape import Shape
from docstore.documents.fields import (
    STORED,
    as_utc,
    check_email,
    check_slug,
    check_storable,
    is_slug,
    normalized_email,
    not_empty,
    null_as_empty,
)
from docstore.documents.ids import is_object_id_schema


def _is_settled_email(value: str) -> bool:
    try:
        return normalized_email(value) == value
    except ValueError:
        return False


_EXACT: Final[Mapping[str, type]] = {"str": str, "bool": bool}
_RULES: Final[Mapping[Any, Callable[[str], object]]] = {
    not_empty: bool,
    check_slug: is_slug,
    check_email: _is_settled_email,
}


def leaf_shape(kind: str, bare: Mapping[str, Any]) -> Shape | None:
    """The shape of a schema without anything inside it, or None when it has constraints or is another."""
    if kind == "datetime" and bare == {"microseconds_precision": "truncate"}:
        return ExactShape(datetime)
    if bare:
        return None
    if kind in _EXACT:
        return ExactShape(_EXACT[kind])
    if kind in ("int", "float"):
        return NumberShape(int, Int64) if kind == "int" else NumberShape(float, int)
    return UuidShape() if kind == "uuid" else None


def field_type_shape(schema: Mapping[str, Any], context: Any) -> Shape | None:
    """The shape of one of docstore's own field types, or None."""
    if schema["type"] != "function-after":
        return None
    function, inner = schema["function"]["function"], schema["schema"]
    if function is as_utc and inner["type"] == "datetime":
        return InstantShape()
    if function is check_storable and inner["type"] == "any":
        return JsonShape()
    if function in _RULES and context is STORED and inner == {"type": "str"}:
        return TextShape(_RULES[function])
    return None


def is_list_or_null(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is a list's for which a null is the empty list."""
    return (
        schema["type"] == "function-before"
        and schema["function"]["function"] is null_as_empty
        and schema["schema"]["type"] == "list"
    )


def object_id_shape(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Shape | None:
    """The shape of an object id, defined here or elsewhere, or None."""
    target = definitions.get(schema["schema_ref"]) if schema["type"] == "definition-ref" else schema
    return ObjectIdShape() if target and is_object_id_schema(target) else None
