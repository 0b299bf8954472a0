"""Documents as plain values: exact equality, paths into them, and what lies between two states of one.

Equality here is that of BSON with its types: 1, 1.0 and true are three values, a missing field is none of them. The
order of fields does not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Row = dict[str, Any]


class Missing:
    """The type of MISSING: no value at all, which is not null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to MongoDB, type and all."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(each, other[name]) for name, each in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def copied(value: Any) -> Any:
    """A copy whose mappings and lists are its own."""
    if isinstance(value, Mapping):
        return {name: copied(each) for name, each in value.items()}
    if isinstance(value, list):
        return [copied(each) for each in value]
    return value


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path through sub-documents, or MISSING. Lists are not entered."""
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value


def set_at(document: Row, path: str, value: Any) -> None:
    """Put a value at a dotted path; sub-documents on the way that are missing or null are made.

    Raises:
        ValueError: something on the way is neither.
    """
    *way, last = path.split(".")
    inside = document
    for name in way:
        if inside.get(name) is None:
            inside[name] = {}
        inside = inside[name]
        if not isinstance(inside, dict):
            raise ValueError(f"{name} is no sub-document but {type(inside).__name__}")
    inside[last] = value


def pop_at(document: Row, path: str) -> Any:
    """Take the value at a dotted path out, and give it back; MISSING when there is none."""
    *way, last = path.split(".")
    inside: Any = document
    for name in way:
        inside = inside.get(name) if isinstance(inside, dict) else None
    return inside.pop(last, MISSING) if isinstance(inside, dict) else MISSING


def holders(document: Row, path: str) -> Iterable[tuple[Row, str]]:
    """Every sub-document that a dotted path leads to, lists on the way included, with the last name of the path."""
    *way, last = path.split(".")
    found: list[Any] = [document]
    for name in way:
        found = [each[name] for each in found if isinstance(each, dict) and name in each]
        found = [inner for each in found for inner in (each if isinstance(each, list) else [each])]
    return [(each, last) for each in found if isinstance(each, dict)]


def map_leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    """A value put through a function; of a list, each element."""
    return [function(each) for each in value] if isinstance(value, list) else function(value)


@dataclass(slots=True)
class Difference:
    """What turns one state of a document into another: dotted paths with both values, MISSING where there is none."""

    was: dict[str, Any] = field(default_factory=dict)
    to: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.was)

    def update(self) -> Row:
        """The MongoDB update that makes the change."""
        return update_to(self.to)


def update_to(state: Mapping[str, Any]) -> Row:
    """The MongoDB update after which these paths have these values."""
    update: Row = {}
    given = {path: value for path, value in state.items() if value is not MISSING}
    gone = {path: "" for path, value in state.items() if value is MISSING}
    if given:
        update["$set"] = given
    if gone:
        update["$unset"] = gone
    return update


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """The least change between two states of a document; a list, and what MongoDB cannot address, changes whole."""
    found = Difference()
    for path, before, after in _changes(old, new, ""):
        found.was[path], found.to[path] = before, after
    return found


def state_of(document: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The values at some paths, MISSING where there is none."""
    return {path: value_at(document, path) for path in paths}


def put_state(document: Row, state: Mapping[str, Any]) -> None:
    """Give the paths these values."""
    for path, value in state.items():
        if value is MISSING:
            pop_at(document, path)
        else:
            set_at(document, path, value)


_Change = tuple[str, Any, Any]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> list[_Change]:
    found: list[_Change] = []
    for name in (*old, *(each for each in new if each not in old)):
        before, after = old.get(name, MISSING), new.get(name, MISSING)
        if same(before, after):
            continue
        inner: list[_Change] = []
        if isinstance(before, Mapping) and isinstance(after, Mapping) and _addressable(before, after):
            inner = _changes(before, after, f"{prefix}{name}.")
        found += inner or [(prefix + name, before, after)]
    return found


def _addressable(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    # A name that holds a dot, begins with a dollar or is empty cannot be part of an update's path.
    changed = [name for name in old.keys() | new.keys() if not same(old.get(name, MISSING), new.get(name, MISSING))]
    return all(name and "." not in name and not name.startswith("$") for name in changed)
