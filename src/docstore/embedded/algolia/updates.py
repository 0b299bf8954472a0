"""Partial updates: attributes set on a record, and Algolia's built-in operations on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.values import Record

_COUNTING = ("Increment", "Decrement", "IncrementFrom", "IncrementSet")
_LISTING = ("Add", "Remove", "AddUnique")


def check_update(attributes: Mapping[str, Any]) -> None:
    """Refuse an operation that cannot be carried out, before anything is changed.

    Raises:
        ApiError: 400, the operation is unknown or its value has the wrong type.
    """
    for name, change in attributes.items():
        if not _is_operation(change):
            continue
        kind, value = change["_operation"], change.get("value")
        if kind not in _COUNTING + _LISTING:
            raise bad_request(f"Invalid _operation: {kind} for attribute {name}")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if kind in ("IncrementFrom", "IncrementSet") and not whole:
            raise bad_request(f"{kind} for attribute {name} expects an integer value")
        if kind in _COUNTING and not (whole or isinstance(value, float)):
            raise bad_request(f"{kind} for attribute {name} expects a numeric value")
        if kind in _LISTING and (isinstance(value, bool) or not isinstance(value, int | float | str)):
            raise bad_request(f"{kind} for attribute {name} expects a numeric or string value")


def updated(record: Record | None, attributes: Mapping[str, Any], object_id: str, *, create: bool) -> Record | None:
    """The record as it is after the update, or None when nothing is to be written.

    Nothing is written when the record is absent and not to be created, or when a conditional increment
    (``IncrementFrom``, ``IncrementSet``) does not hold.
    """
    if record is None and not create:
        return None
    changed: Record = dict(record or {})
    for name, change in attributes.items():
        if name == "objectID":
            continue
        if not _is_operation(change):
            changed[name] = change
            continue
        outcome = _operate(changed.get(name), change["_operation"], change["value"])
        if outcome is None:
            return None
        changed[name] = outcome
    changed["objectID"] = object_id
    return changed


def _is_operation(change: Any) -> bool:
    return isinstance(change, dict) and "_operation" in change


def _operate(current: Any, kind: str, value: Any) -> Any:
    if kind in _LISTING:
        listed = list(current) if isinstance(current, list) else []
        if kind == "Remove":
            return [item for item in listed if item != value]
        return listed if kind == "AddUnique" and value in listed else [*listed, value]
    counted = current if isinstance(current, int | float) and not isinstance(current, bool) else 0
    if kind == "IncrementFrom":
        return counted + 1 if value == counted else None
    if kind == "IncrementSet":
        return value if value > counted else None
    return counted + value if kind == "Increment" else counted - value
