"""Normal forms of what servers spell in more than one way: numbers, filters, collations, projections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bson import Decimal128

_COLLATION: Final[Mapping[str, Any]] = {
    "caseLevel": False,
    "caseFirst": "off",
    "strength": 3,
    "numericOrdering": False,
    "alternate": "non-ignorable",
    "maxVariable": "punct",
    "normalization": False,
    "backwards": False,
}
"""What a server fills a collation with when it reports it."""

_OF_LOCALES: Final[Mapping[str, Mapping[str, Any]]] = {
    "da": {"caseFirst": "upper"},
    "fr_CA": {"backwards": True},
    "mt": {"caseFirst": "upper"},
    "th": {"alternate": "shifted"},
}
"""Locales for which it fills in something else."""


def canonical(value: Any) -> Any:
    """A hashable form in which equal BSON is equal: whole doubles are integers, but never truth values, and the order
    of a mapping's keys is nothing."""
    if isinstance(value, bool) or value is None:
        return ("=", value)
    if isinstance(value, Decimal128):
        return ("number", value.to_decimal())
    if isinstance(value, int | float):
        return ("number", value)
    if isinstance(value, Mapping):
        return frozenset((name, canonical(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(canonical(each) for each in value)
    return (type(value).__name__, value)


def normal_collation(collation: Mapping[str, Any]) -> Any:
    """A collation with what is left out filled in; None for the simple one, which is none."""
    locale = collation.get("locale")
    if locale == "simple":
        return None
    filled = {**_COLLATION, **_OF_LOCALES.get(str(locale), {}), **collation}
    filled.pop("version", None)
    return canonical(filled)


def normal_projection(projection: Mapping[str, Any]) -> Any:
    """A wildcard projection, in which 1 and true are the same."""
    return canonical({name: each if isinstance(each, Mapping) else bool(each) for name, each in projection.items()})


def normal_filter(condition: Mapping[str, Any]) -> Any:
    """A partial filter as its single conditions: ``$and`` taken apart, ``$eq`` and a ``$in`` of one written out."""
    return frozenset(_conditions(condition))


def _conditions(condition: Mapping[str, Any]) -> set[Any]:
    found: set[Any] = set()
    for name, value in condition.items():
        if name == "$and":
            for each in value:
                found |= _conditions(each)
        elif name.startswith("$"):
            found.add((name, frozenset(normal_filter(each) for each in value)))
        elif isinstance(value, Mapping) and value and all(str(key).startswith("$") for key in value):
            found |= {(name, *_operator(operator, operand)) for operator, operand in value.items()}
        else:
            found.add((name, "$eq", canonical(value)))
    return found


def _operator(operator: str, operand: Any) -> tuple[str, Any]:
    if operator == "$in":
        among = frozenset(canonical(each) for each in operand)
        return ("$eq", next(iter(among))) if len(among) == 1 else ("$in", among)
    if operator == "$exists":
        return operator, bool(operand)
    return operator, canonical(operand)
