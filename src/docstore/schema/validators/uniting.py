"""Alternatives put together: a type or null, one of several types."""

from __future__ import annotations

from collections.abc import Sequence

from docstore.schema.validators.kinds import Schema


def united(schemas: Sequence[Schema]) -> Schema:
    """The schema of what one of several accepts; as short as may be."""
    if not schemas or any(not each for each in schemas):
        return {}
    distinct: list[Schema] = []
    for each in schemas:
        if each not in distinct:
            distinct.append(each)
    if len(distinct) == 1:
        return distinct[0]
    others = [each for each in distinct if each != {"bsonType": "null"}]
    if len(others) == 1 and len(distinct) == 2:
        return or_null(others[0])
    if all(each.keys() == {"bsonType"} for each in distinct):
        types = [name for each in distinct for name in types_in(each)]
        return {"bsonType": list(dict.fromkeys(types))}
    flat = [inner for each in distinct for inner in (each["anyOf"] if each.keys() == {"anyOf"} else [each])]
    return {"anyOf": flat}


def or_null(schema: Schema) -> Schema:
    """The schema of what one accepts, and null."""
    if takes_null(schema):
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"bsonType": "null"}]}
    made = dict(schema)
    if "bsonType" in made:
        made["bsonType"] = list(dict.fromkeys([*types_in(made), "null"]))
    if "enum" in made:
        made["enum"] = [*made["enum"], *([None] if None not in made["enum"] else [])]
    return made


def without_null(schema: Schema) -> Schema:
    """The schema of what one accepts but for null."""
    if "anyOf" in schema:
        return united([each for each in schema["anyOf"] if each != {"bsonType": "null"}])
    types = [each for each in types_in(schema) if each != "null"] if "bsonType" in schema else []
    return {**schema, "bsonType": types[0] if len(types) == 1 else types} if types else schema


def takes_null(schema: Schema) -> bool:
    """Whether a schema accepts null."""
    if "anyOf" in schema:
        return any(takes_null(each) for each in schema["anyOf"])
    if not schema:
        return True
    return ("bsonType" not in schema or "null" in types_in(schema)) and ("enum" not in schema or None in schema["enum"])


def types_in(schema: Schema) -> list[str]:
    """The types that a schema with a ``bsonType`` accepts."""
    types = schema["bsonType"]
    return list(types) if isinstance(types, list) else [types]
