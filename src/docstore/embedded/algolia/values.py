"""Reading a record: attribute paths, and the values behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]
"""A record as it came in, ``objectID`` included. Never changed in place: a write puts a new dict."""

Scalar = str | int | float | bool


def scalars(record: Any, path: str) -> Iterator[Scalar]:
    """Every scalar at `path` (dots descend, arrays are walked through); nulls are skipped.

    A key that itself holds dots wins over descending, as on Algolia.
    """
    if isinstance(record, list):
        for item in record:
            yield from scalars(item, path)
        return
    if not isinstance(record, dict):
        return
    if path in record:
        yield from _flatten(record[path])
        return
    head, dot, rest = path.partition(".")
    if dot and head in record:
        yield from scalars(record[head], rest)


def number(value: Scalar) -> float | None:
    """The value as a number, or None: booleans count as 0 and 1, strings never count."""
    return float(value) if isinstance(value, int | float) else None


def facet_text(value: Scalar) -> str:
    """A scalar as facet values are written: ``true`` and ``false``, whole floats without their ``.0``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _flatten(value: Any) -> Iterator[Scalar]:
    if isinstance(value, list):
        for item in value:
            yield from _flatten(item)
    elif isinstance(value, str | int | float):
        yield value
