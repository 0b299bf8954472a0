"""A shape turned back into a query, with values drawn from the collection's own documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from docstore.documents.guard.predicate import LIVING
from docstore.operations.advice.facts import CollectionFacts, values_at
from docstore.operations.querylog import Shape

_LOW: Final = frozenset({"$gt", "$gte"})
_HIGH: Final = frozenset({"$lt", "$lte"})
_LISTS: Final = frozenset({"$in", "$nin", "$all"})
_PREFIX: Final = 3


class Unfillable(Exception):
    """The shape holds what no value can be made up for, such as ``$expr``."""


def sample_query(shape: Shape, facts: CollectionFacts) -> dict[str, Any] | None:
    """A ``find`` of the shape that finds something, where the sample has it; None when it cannot be made up."""
    documents = [each for each in facts.sample if _is_living(each)] or facts.sample
    document = documents[len(documents) // 2] if documents else {}
    try:
        filter_ = _filled(shape.filter, document, facts)
    except Unfillable:
        return None
    if shape.living:
        filter_ = {**filter_, **LIVING} if not filter_.keys() & LIVING.keys() else {"$and": [filter_, dict(LIVING)]}
    query: dict[str, Any] = {"find": shape.collection, "filter": filter_}
    if shape.sort:
        query["sort"] = dict(shape.sort)
    if shape.limited:
        query["limit"] = 20
    return query


def _filled(
    filter_: Mapping[str, Any], document: Mapping[str, Any], facts: CollectionFacts, at: str = ""
) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for name, condition in filter_.items():
        if name in ("$and", "$or", "$nor") and isinstance(condition, list):
            filled[name] = [_filled(part, document, facts, at) for part in condition if isinstance(part, Mapping)]
        elif name.startswith("$"):
            raise Unfillable
        else:
            filled[name] = _condition(condition, f"{at}{name}", document, facts)
    return filled


def _condition(condition: Any, path: str, document: Mapping[str, Any], facts: CollectionFacts) -> Any:
    value = next(iter(values_at(document, path)), None)
    if isinstance(condition, str):
        return None if condition == "?null" else _pattern(condition, value) if "regex" in condition else value
    if not isinstance(condition, Mapping):
        raise Unfillable
    return {name: _operand(name, operand, value, path, document, facts) for name, operand in condition.items()}


def _operand(
    name: str, operand: Any, value: Any, path: str, document: Mapping[str, Any], facts: CollectionFacts
) -> Any:
    if name in _LOW or name in _HIGH:
        return _percentile(facts.values(path), 0.45 if name in _LOW else 0.55)
    if name in _LISTS:
        return [value]
    if name in ("$eq", "$ne"):
        return None if operand == "?null" else value
    if name == "$exists":
        return True
    if name == "$regex":
        return _pattern(operand, value)
    if name == "$options":
        return ""
    if name == "$elemMatch" and isinstance(operand, Mapping):
        return _filled(operand, document, facts, f"{path}.")
    if name == "$not" and isinstance(operand, Mapping):
        return _condition(operand, path, document, facts)
    raise Unfillable


def _pattern(told: str, value: Any) -> str:
    text = re.escape(str(value)[:_PREFIX]) if value else "a"
    return f"^{text}" if told.endswith("^") else text


def _percentile(values: list[Any], part: float) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) != 1:
        raise Unfillable
    ordered = sorted(value for value in values if value is not None)
    return ordered[int((len(ordered) - 1) * part)]


def _is_living(document: Mapping[str, Any]) -> bool:
    return document.get("deletedAt") is None and not document.get("isDeleted") and document.get("status") != "DELETED"
