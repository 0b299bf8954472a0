"""What helpers do to one document, as plain functions of it: each changes the document in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docstore.schema.migrations.conversions import converter, is_of_type
from docstore.schema.migrations.document_steps import Change, Unconvertible
from docstore.schema.migrations.values import MISSING, Row, copied, holders, map_leaves, pop_at, same, set_at, value_at


def moving(old: str, new: str, *, wins: str) -> Change:
    """A field moves to another path.

    Args:
        old: where it is; through lists, when only the last name differs.
        new: where it goes.
        wins: which value stays where both are there, "old" or "new".
    """

    parent = old.rpartition(".")[0]
    new_parent, _, new_last = new.rpartition(".")

    def in_place(document: Row) -> None:
        for holder, name in list(holders(document, old)):
            if name in holder:
                value = holder.pop(name)
                if wins == "old" or new_last not in holder:
                    holder[new_last] = value

    def across(document: Row) -> None:
        value = value_at(document, old)
        if value is MISSING:
            return
        try:
            if wins == "old" or value_at(document, new) is MISSING:
                set_at(document, new, value)
        except ValueError as error:
            raise Unconvertible(f"there is no room for {new}: {error}") from error
        pop_at(document, old)

    return in_place if parent == new_parent and parent else across


def filling(field: str, make: Callable[[Row], Any], *, nulls: bool) -> Change:
    """A field gets a value where there is none; `nulls` says whether null counts as none."""

    def empty(value: Any) -> bool:
        return value is MISSING or (nulls and value is None)

    def change(document: Row) -> None:
        inside = holders(document, field)
        for holder, name in inside:
            if empty(holder.get(name, MISSING)):
                holder[name] = make(document)
        if not inside and empty(value_at(document, field)) and not _leads_into_list(document, field):
            try:
                set_at(document, field, make(document))
            except ValueError as error:
                raise Unconvertible(f"there is no room for {field}: {error}") from error

    return change


def _leads_into_list(document: Row, path: str) -> bool:
    parts = path.split(".")
    return any(isinstance(value_at(document, ".".join(parts[:end])), list) for end in range(1, len(parts)))


def dropping(field: str) -> Change:
    """A field goes, inside lists too."""

    def change(document: Row) -> None:
        for holder, name in holders(document, field):
            holder.pop(name, None)

    return change


def converting(field: str, to: str, was: str | None, function: Callable[[Any], Any] | None) -> Change:
    """Values of another type become those of type `to`, or what `function` makes of them."""

    convert = function or converter(to)

    def one(value: Any) -> Any:
        return value if value is None or is_of_type(value, to) else convert(value)

    def whole(value: Any) -> Any:
        if to == "array" or not isinstance(value, list):
            return one(value)
        if len(value) != 1:
            raise Unconvertible(f"a list of {len(value)} is not one value")
        return one(value[0])

    def change(document: Row) -> None:
        for holder, name in holders(document, field):
            if holder.get(name) is not None:
                value = holder[name]
                holder[name] = whole(value) if "array" in (to, was) else map_leaves(value, one)

    return change


def nullifying(field: str, to: str, was: str | None, function: Callable[[Any], Any] | None) -> Change:
    """As `converting`, with null for what cannot be converted."""

    def one(value: Any) -> Any:
        alone = {"value": value}
        try:
            converting("value", to, was, function)(alone)
        except Unconvertible:
            return None
        return alone["value"]

    def change(document: Row) -> None:
        for holder, name in holders(document, field):
            if name in holder:
                value = holder[name]
                holder[name] = one(value) if "array" in (to, was) else map_leaves(value, one)

    return change


def replacing(field: str, values: Mapping[Any, Any]) -> Change:
    """Values become others, type and all; of a list each element."""

    def one(value: Any) -> Any:
        return next((new for old, new in values.items() if same(old, value)), value)

    def change(document: Row) -> None:
        for holder, name in holders(document, field):
            if name in holder:
                holder[name] = map_leaves(holder[name], one)

    return change


def splitting(field: str, into: Sequence[str], split: Callable[[Any], Sequence[Any]]) -> Change:
    """A field becomes several; what has no part gets null."""

    def change(document: Row) -> None:
        value = value_at(document, field)
        if value is MISSING or value is None:
            return
        parts = list(split(value))
        pop_at(document, field)
        for place, path in enumerate(into):
            set_at(document, path, parts[place] if place < len(parts) else None)

    return change


def merging(fields: Sequence[str], into: str, join: Callable[[Sequence[Any]], Any]) -> Change:
    """Several fields become one, where one of them is there."""

    def change(document: Row) -> None:
        parts = [value_at(document, path) for path in fields]
        if all(part is MISSING for part in parts):
            return
        value = join([None if part is MISSING else part for part in parts])
        for path in fields:
            pop_at(document, path)
        set_at(document, into, value)

    return change


def text_splitter(separator: str, count: int) -> Callable[[Any], Sequence[Any]]:
    """Splits text at the first places of a separator."""

    def split(value: Any) -> Sequence[Any]:
        if not isinstance(value, str):
            raise Unconvertible(f"a value of type {type(value).__name__} is not text to be split")
        return value.split(separator, count - 1)

    return split


def text_joiner(separator: str) -> Callable[[Sequence[Any]], Any]:
    """Joins the parts that are there with a separator; null when there is none."""

    def join(parts: Sequence[Any]) -> Any:
        there = [str(part) for part in parts if part is not None]
        return separator.join(there) if there else None

    return join


def tolerant(change: Change) -> Change:
    """A change that leaves alone what it cannot convert: used to see whether the way back is exact."""

    def attempt(document: Row) -> None:
        before = copied(document)
        try:
            change(document)
        except (Unconvertible, ValueError):
            document.clear()
            document.update(before)

    return attempt
