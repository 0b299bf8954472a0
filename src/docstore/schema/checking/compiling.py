"""A function generated from a schema that tells in one pass over a document whether `rules.broken` has anything to say.

Nearly all documents are valid, and a million of them are to be looked at: types are compared exactly, and only what
has further rules is looked at further.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from docstore.schema.checking.bson_types import types_of
from docstore.schema.checking.rules import compiled, valid

Schema = Mapping[str, Any]


def breaks(schema: Schema) -> Callable[[dict[str, Any]], bool]:
    """Whether a document breaks a rule of `schema`, as a function of the document."""
    bound: dict[str, Any] = {"missing": object()}

    def bind(value: Any) -> str:
        name = f"b{len(bound)}"
        bound[name] = value
        return name

    lines = ["def breaks(document):", "    get = document.get"]
    required = set(schema.get("required", ()))
    for name, inner in schema.get("properties", {}).items():
        wrong = _wrong("value", inner, bind)
        if wrong == "False" and name not in required:
            continue
        lines.append(f"    value = get({name!r}, missing)")
        absent = "return True" if name in required else None
        if absent and wrong == "False":
            lines.append(f"    if value is missing: {absent}")
        elif absent:
            lines.append(f"    if value is missing or {wrong}: {absent}")
        else:
            lines.append(f"    if value is not missing and ({wrong}): return True")
    rest = _rest(schema)
    lines.append(f"    return not {bind(valid)}({bind(rest)}, document)" if rest else "    return False")
    exec(compile("\n".join(lines), "<schema>", "exec"), bound)  # noqa: S102 - made of names and constants
    found: Callable[[dict[str, Any]], bool] = bound["breaks"]
    return found


def _rest(schema: Schema) -> dict[str, Any]:
    """The part of a document's schema that its fields' own rules leave: what else it may hold, other forms."""
    names = {"properties", "additionalProperties"} if schema.get("additionalProperties", True) is not True else set()
    rest = {name: schema[name] for name in (*names, "anyOf", "enum") if name in schema}
    unlisted = set(schema.get("required", ())) - schema.get("properties", {}).keys()
    return rest | ({"required": sorted(unlisted)} if unlisted else {})


def _wrong(value: str, schema: Schema, bind: Callable[[Any], str]) -> str:
    """An expression that is true when a value breaks a rule."""
    if not schema:
        return "False"
    others = set(schema) - {"bsonType"}
    if "bsonType" not in schema:
        return _wrong_further(value, schema, bind)
    types = types_of(schema["bsonType"])
    if len(types) == 1:
        misfit = f"type({value}) is not {bind(next(iter(types)))}"
    else:
        misfit = f"type({value}) not in {bind(types)}"
    if not others:
        return misfit
    return f"({misfit} or {_wrong_further(value, schema, bind)})"


def _wrong_further(value: str, schema: Schema, bind: Callable[[Any], str]) -> str:
    keywords = set(schema) - {"bsonType"}
    if keywords == {"multipleOf"} and schema["multipleOf"] == 1:
        return f"(type({value}) is float and not {value}.is_integer() or not {_finite(value, schema, bind)})"
    if keywords == {"enum"} and all(each is None or type(each) is str for each in schema["enum"]):
        allowed = frozenset(schema["enum"])
        hashable = bind(types_of(["string", "null"]))
        return f"(type({value}) not in {hashable} or {value} not in {bind(allowed)})"
    if keywords == {"pattern"}:
        return f"(type({value}) is str and {bind(compiled(schema['pattern']).search)}({value}) is None)"
    if keywords == {"minLength"} and schema["minLength"] == 1:
        return f"{value} == ''"
    if keywords == {"items"} and isinstance(schema["items"], Mapping):
        inner = _wrong("each", schema["items"], bind)
        return f"(type({value}) is list and any({inner} for each in {value}))"
    return f"not {bind(valid)}({bind(dict(schema))}, {value})"


def _finite(value: str, schema: Schema, bind: Callable[[Any], str]) -> str:
    """Whole by type; a decimal has to be looked at, where it is allowed."""
    types = types_of(schema["bsonType"]) if "bsonType" in schema else types_of("number")
    if not types & types_of("decimal"):
        return "True"
    return f"({bind(valid)}({bind({'multipleOf': 1})}, {value}))"
