"""Filters, pipelines and updates without their values: each value becomes a placeholder that tells its type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bson import Binary, Decimal128, ObjectId, Regex
from bson.regex import Regex as BsonRegex

_DEEPEST: Final = 12
_WIDEST: Final = 60
_NESTING: Final = frozenset({"$and", "$or", "$nor"})
_FIELD_PATH: Final = re.compile(r"^\$\$?[A-Za-z_][A-Za-z0-9_.]*$")
_LITERALS: Final = frozenset({"$literal", "$const"})
_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "$lookup": frozenset({"from", "localField", "foreignField", "as"}),
    "$graphLookup": frozenset({"from", "connectFromField", "connectToField", "as", "depthField"}),
    "$unionWith": frozenset({"coll"}),
    "$unwind": frozenset({"includeArrayIndex"}),
    "$merge": frozenset({"into", "on", "whenMatched", "whenNotMatched"}),
    "$out": frozenset({"db", "coll"}),
}
"""Options of stages that name collections and fields, and hold no values."""
_UNTOLD: Final = frozenset(
    {"$limit", "$skip", "$sample", "$search", "$searchMeta", "$vectorSearch", "$geoNear", "$documents"}
)
"""Stages of which only the name is told."""
_DIRECTIONS: Final = frozenset({"$sort", "$project"})

_TYPES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "bool"),
    (str, "str"),
    (int, "int"),
    (float, "float"),
    (datetime, "date"),
    (ObjectId, "objectId"),
    (Decimal128, "decimal"),
    ((Regex, BsonRegex, re.Pattern), "regex"),
    ((Binary, bytes), "binary"),
    (Mapping, "object"),
)


def placeholder(value: Any) -> str:
    """What stands for a value: ``?str``, ``?null``, ``?[int]`` for a list of integers, ``?[]`` for others."""
    if value is None:
        return "?null"
    if isinstance(value, list | tuple | set):
        kinds = {placeholder(each) for each in list(value)[:_WIDEST]}
        return f"?[{kinds.pop()[1:]}]" if len(kinds) == 1 else "?[]"
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return f"?{name}"
    return f"?{type(value).__name__.lower()}"


def masked_filter(value: Any, depth: int = 0) -> Any:
    """A filter's fields and operators, with placeholders for what they are held against."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return placeholder(value)
    return {str(name): _masked_condition(str(name), each, depth) for name, each in _first(value)}


def masked_pipeline(stages: Any, depth: int = 0) -> list[Any]:
    """A pipeline's stages, each without its values."""
    if not isinstance(stages, Sequence) or isinstance(stages, str) or depth > _DEEPEST:
        return [placeholder(stages)]
    return [_masked_stage(stage, depth) for stage in list(stages)[:_WIDEST]]


def masked_update(update: Any) -> Any:
    """An update's operators and the fields they touch; a replacement's fields."""
    if isinstance(update, Mapping):
        return {
            str(name): sorted(map(str, each)) if str(name).startswith("$") and isinstance(each, Mapping) else "?"
            for name, each in _first(update)
        }
    return masked_pipeline(update)


def _masked_condition(name: str, value: Any, depth: int) -> Any:
    if name in _NESTING and isinstance(value, list | tuple):
        return [masked_filter(each, depth + 1) for each in value[:_WIDEST]]
    if name == "$expr":
        return masked_expression(value, depth + 1)
    if name in ("$elemMatch", "$not") and isinstance(value, Mapping):
        return masked_filter(value, depth + 1)
    if name == "$regex":
        return "?regex^" if _is_anchored(value) else "?regex"
    if isinstance(value, Mapping) and any(str(key).startswith("$") for key in value):
        return masked_filter(value, depth + 1)
    if isinstance(value, re.Pattern | Regex | BsonRegex) and _is_anchored(value.pattern):
        return "?regex^"
    return placeholder(value)


def _masked_stage(stage: Any, depth: int) -> Any:
    if not isinstance(stage, Mapping) or len(stage) != 1:
        return placeholder(stage)
    name, body = next(iter(stage.items()))
    if name == "$match":
        return {name: masked_filter(body, depth + 1)}
    if name == "$facet" and isinstance(body, Mapping):
        return {name: {str(key): masked_pipeline(each, depth + 1) for key, each in _first(body)}}
    if name in _DIRECTIONS and isinstance(body, Mapping):
        return {name: {str(k): v if v in (0, 1, -1) else masked_expression(v, depth + 1) for k, v in _first(body)}}
    if name in _UNTOLD:
        return {name: "?"}
    if isinstance(body, Mapping):
        return {name: {str(key): _stage_option(name, str(key), each, depth) for key, each in _first(body)}}
    if name in ("$out", "$unionWith", "$count", "$unset") and isinstance(body, str | list):
        return {name: body}  # names of collections and fields
    return {name: masked_expression(body, depth + 1)}


def _stage_option(stage: str, option: str, value: Any, depth: int) -> Any:
    if option in _NAMES.get(stage, ()) and isinstance(value, str | list):
        return value
    if option == "pipeline":
        return masked_pipeline(value, depth + 1)
    if option == "restrictSearchWithMatch":
        return masked_filter(value, depth + 1)
    return masked_expression(value, depth + 1)


def masked_expression(value: Any, depth: int = 0) -> Any:
    """An expression's operators and field paths, with placeholders for its constants."""
    if isinstance(value, str):
        return value if _FIELD_PATH.match(value) else "?str"
    if depth > _DEEPEST:
        return "?"
    if isinstance(value, Mapping):
        return {
            str(name): placeholder(each) if name in _LITERALS else masked_expression(each, depth + 1)
            for name, each in _first(value)
        }
    if isinstance(value, list | tuple):
        return [masked_expression(each, depth + 1) for each in value[:_WIDEST]]
    return placeholder(value)


def _is_anchored(pattern: Any) -> bool:
    return isinstance(getattr(pattern, "pattern", pattern), str) and str(
        getattr(pattern, "pattern", pattern)
    ).startswith("^")


def _first(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return list(value.items())[:_WIDEST]
