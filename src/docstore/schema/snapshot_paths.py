"""Fields of a derived JSON schema by their dotted paths, through sub-documents and lists of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def field_at(schema: Schema, path: str) -> Schema | None:
    """The schema of the field at a path; None when there is none."""
    found: Schema | None = holder_of(schema, path).get("properties", {}).get(path.split(".")[-1])
    return found


def holder_of(schema: Schema, path: str) -> Schema:
    """The schema of the sub-document that holds the field at a path."""
    for part in path.split(".")[:-1]:
        schema = _entered(schema.get("properties", {}).get(part, {}))
    return _entered(schema)


def moved(schema: Schema, path: str, became: str) -> Schema:
    """The schema after the field at a path got another one."""
    held = field_at(schema, path)
    was_required = path.split(".")[-1] in holder_of(schema, path).get("required", ())
    without = _changed(schema, path.split("."), None, required=False)
    return _changed(without, became.split("."), held or {}, required=was_required)


def _entered(schema: Schema) -> Schema:
    inside = schema.get("items")
    return inside if "properties" not in schema and isinstance(inside, Mapping) else schema


def _changed(schema: Schema, parts: Sequence[str], held: Schema | None, *, required: bool) -> Schema:
    if "properties" not in schema and isinstance(schema.get("items"), Mapping):
        return {**schema, "items": _changed(schema["items"], parts, held, required=required)}
    properties = dict(schema.get("properties", {}))
    names = [each for each in schema.get("required", ()) if each != parts[0]]
    if len(parts) > 1:
        inner = properties.get(parts[0], {"bsonType": "object", "properties": {}})
        properties[parts[0]] = _changed(inner, parts[1:], held, required=required)
        names = list(schema.get("required", ()))
    elif held is None:
        properties.pop(parts[0], None)
    else:
        properties[parts[0]] = held
        names += [parts[0]] if required else []
    return {**schema, "properties": properties, "required": names}
