"""Kinds of fields that no document can have, for BSON could not give them back: told when the class is made.

Owns the refusal. How the kinds are stored that can be is in `encoders.py`, how they are read in `bson_types.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from docstore.documents.bson_types import is_beside, is_pattern
from docstore.errors import SettingsError

_NO_FORM: Final[Mapping[str, str]] = {
    "callable": "a function",
    "is-subclass": "a class",
    "complex": "a complex number",
    "generator": "an iterable that can be read once",
}
"""Pydantic's names of what has none in BSON, in words."""
_NO_KEY: Final = frozenset(
    {"bytes", "none", "nullable", "tuple", "list", "set", "frozenset", "timedelta", "complex", "model", "dataclass"}
)
"""Pydantic's names of what cannot be read again from the text that keys are."""
_OPEN: Final = frozenset({"function-after", "function-wrap", "function-before", "custom-error"})
"""Validators of the class's author: they may make anything of what is inside them."""


def expect_storable_fields(model: Any) -> None:
    """Nothing, when every field of a document class can be stored and read again.

    A class that names encoders of its own (`Settings.bson_encoders`) is trusted to know.

    Raises:
        SettingsError: names the field, and what it cannot hold.
    """
    settings = getattr(model, "Settings", None)
    if getattr(settings, "bson_encoders", None) or not getattr(model, "__pydantic_complete__", False):
        return
    for field, what, way_out in _found(model.__pydantic_core_schema__, "", {}, set()):
        raise SettingsError(
            f"{model.__name__}.{field} cannot be stored: BSON has no form for {what}.",
            hint=f"{way_out} A field that is not to be stored is Field(exclude=True).",
            collection=model.__name__,
            field=field,
        )


def _found(schema: Any, field: str, definitions: dict[str, Any], inside: set[str]) -> Iterator[tuple[str, str, str]]:
    if isinstance(schema, list | tuple):
        for each in schema:
            yield from _found(each, field, definitions, inside)
    if not isinstance(schema, dict):
        return
    kind = str(schema.get("type"))
    if kind == "definitions":
        known = {**definitions, **{each["ref"]: each for each in schema["definitions"]}}
        yield from _found(schema["schema"], field, known, inside)
    elif kind == "definition-ref":
        if schema["schema_ref"] not in inside:
            inside.add(schema["schema_ref"])
            yield from _found(definitions.get(schema["schema_ref"]), field, definitions, inside)
    elif kind == "model-fields":
        for name, each in schema["fields"].items():
            if not each.get("serialization_exclude"):
                yield from _found(each["schema"], f"{field}.{name}".lstrip("."), definitions, inside)
    elif kind in _NO_FORM:
        yield field, _NO_FORM[kind], "Declare a list of what is in it." if kind == "generator" else "Store its name."
    elif is_pattern(schema) and schema["function"]["function"].__name__ == "pattern_bytes_validator":
        yield field, "a pattern of bytes", "Declare re.Pattern[str], or store its source as bytes."
    elif kind not in _OPEN or not field:
        if kind == "dict" and _is_no_key(schema.get("keys_schema")):
            yield field, "keys of that type", "Declare keys of text, numbers, ids, dates, or an enumeration of text."
        for key, part in schema.items():
            if not is_beside(key, part) and key not in ("default", "metadata", "keys_schema"):
                yield from _found(part, field, definitions, inside)


def _is_no_key(schema: Any) -> bool:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind == "enum":
        return not all(isinstance(member.value, str) for member in schema["members"])
    if kind == "literal":
        return not all(isinstance(each, str) for each in schema["expected"])
    if kind == "union":
        return any(_is_no_key(each[0] if isinstance(each, tuple) else each) for each in schema["choices"])
    return kind in _NO_KEY
