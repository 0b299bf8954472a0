"""The order a page is cut by: the query's sort, made total by `_id`, and a document's place in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING, DESCENDING

from docstore.documents.pages.brackets import bracket_of
from docstore.errors import PageError

ID = "_id"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One stored field of a sort, and whether it ascends."""

    field: str
    ascending: bool

    @property
    def reversed(self) -> "SortKey":
        """The same field the other way round."""
        return SortKey(self.field, not self.ascending)


Order = tuple[SortKey, ...]
Place = tuple[Any, ...]
"""The values of an order's fields, one each."""


def total_order(expressions: Sequence[tuple[Any, Any]], collection: str) -> Order:
    """A sort as Beanie holds it, ended by `_id` so that no two documents share a place.

    The tie-break runs the way the last field does: an index on the sort's fields and `_id` serves it in one
    direction or the other. What stands behind `_id` decides nothing and is dropped.

    Raises:
        PageError: a field is sorted by something else than its value, such as a text score.
    """
    keys: list[SortKey] = []
    for name, direction in expressions:
        field = str(name)
        if any(key.field == field for key in keys):
            continue
        if direction not in (ASCENDING, DESCENDING):
            raise PageError(
                f"a page of {collection} cannot be sorted by {field!r} in this way.",
                hint="Sort by stored fields, ascending or descending.",
                collection=collection,
                field=field,
                value_type=type(direction).__name__,
            )
        keys.append(SortKey(field, direction == ASCENDING))
        if field == ID:
            return tuple(keys)
    return (*keys, SortKey(ID, keys[-1].ascending if keys else True))


def check_names(order: Order, stored_names: Mapping[str, str], sensitive: frozenset[str], collection: str) -> None:
    """Refuse to sort by what cannot be meant, or must not travel.

    Args:
        order: the order of a page.
        stored_names: the model's stored field names by attribute.
        sensitive: dotted stored paths whose values must not leave in a cursor.

    Raises:
        PageError: an attribute's name where its stored name belongs, or a sensitive field.
    """
    for key in order:
        top = key.field.partition(".")[0]
        if any(f"{key.field}.".startswith(f"{each}.") or each.startswith(f"{key.field}.") for each in sensitive):
            raise PageError(
                f"{collection}.{key.field} is sensitive: a cursor would carry its values away.",
                hint="Sort by another field, or use paginate().",
                collection=collection,
                field=top,
            )
        if top not in stored_names.values() and top in stored_names:
            raise PageError(
                f"{collection} has no stored field {top!r} to sort by.",
                hint=f"Its stored name is {stored_names[top]!r}; or sort by an expression: -{collection}.{top}.",
                collection=collection,
                field=top,
            )


def place_of(stored: Mapping[str, Any], order: Order, collection: str, sources: Sequence[str]) -> Place:
    """A stored document's place in an order; a missing value is None, as it sorts.

    Args:
        stored: the document as fetched.
        order: whose fields make the place.
        collection: for messages.
        sources: where the fetched document holds them, field by field.

    Raises:
        PageError: a field holds a list or an object, which has no single place.
    """
    return tuple(
        _comparable(_value_at(stored, source), key.field, collection)
        for key, source in zip(order, sources, strict=True)
    )


def _value_at(stored: Any, path: str) -> Any:
    value = stored
    for part in path.split("."):
        if isinstance(value, list):
            return value
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _comparable(value: Any, field: str, collection: str) -> Any:
    if bracket_of(value) is None:
        raise PageError(
            f"a page of {collection} cannot be sorted by {field!r}: it holds {type(value).__name__}.",
            hint="Sort by fields that hold plain values, or use paginate().",
            collection=collection,
            field=field,
            value_type=type(value).__name__,
        )
    return value
