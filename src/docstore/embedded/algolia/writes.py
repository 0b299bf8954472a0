"""Writes to records: the actions of a batch, checked as a whole before any is applied."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docstore.embedded.algolia.catalog import Catalog
from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.updates import check_update, updated

_WITH_BODY = (
    "addObject",
    "updateObject",
    "partialUpdateObject",
    "partialUpdateObjectNoCreate",
    "deleteObject",
)
_SIZE_HELP = "https://www.algolia.com/doc/guides/scaling/algolia-service-limits"
_WHOLE_INDEX = ("delete", "clear")


@dataclass(frozen=True, slots=True)
class Action:
    """One checked entry of a batch."""

    kind: str
    index: str
    object_id: str | None
    body: dict[str, Any]


def check_action(request: Any, index: str, position: int, max_record_bytes: int) -> Action:
    """Read one entry of ``requests``.

    Args:
        request: the entry.
        index: the index it is for.
        position: its place in the batch, for the message.
        max_record_bytes: the largest record accepted, as compact JSON.

    Raises:
        ApiError: 400, the action is unknown, objectID is missing, or the record is too big.
    """
    if not isinstance(request, dict):
        raise bad_request(f"Invalid entry in requests at position {position}: an object was expected")
    kind = request.get("action")
    if kind in _WHOLE_INDEX:
        return Action(str(kind), index, None, {})
    if kind not in _WITH_BODY:
        raise bad_request(f"Invalid batch action: {kind} near line:1 column:1, position {position}")
    body = request.get("body")
    if not isinstance(body, dict):
        raise bad_request(f"No content in POST request: body is missing at position {position}")
    object_id = read_object_id(body)
    if object_id is None:
        if kind != "addObject":
            raise bad_request(f"Attribute objectID missing for action {kind} at position {position}")
        object_id = uuid.uuid4().hex
    check_size(body, object_id, position, max_record_bytes)
    if kind.startswith("partial"):
        check_update(body)
    return Action(kind, index, object_id, body)


def read_object_id(body: dict[str, Any]) -> str | None:
    """The body's objectID as a string; whole numbers are accepted, as on Algolia.

    Raises:
        ApiError: 400, it is neither a string nor a whole number, or empty.
    """
    given = body.get("objectID")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
        raise bad_request("Attribute objectID must be a non-empty string or an integer")
    return str(given)


def check_size(body: dict[str, Any], object_id: str, position: int, max_record_bytes: int) -> None:
    """Refuse a record above the size limit.

    Raises:
        ApiError: 400.
    """
    size = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    if size > max_record_bytes:
        raise bad_request(
            f"Record at the position {position} objectID={object_id} is too big "
            f"size={size}/{max_record_bytes} bytes. Please have a look at {_SIZE_HELP}"
        )


def apply_actions(catalog: Catalog, actions: Sequence[Action]) -> list[str | None]:
    """Carry out checked actions in order; the objectID each was for, null for those on whole indexes.

    Raises:
        ApiError: an action is for a replica. Nothing is applied then.
    """
    for action in actions:
        if action.index in catalog.indexes and action.kind != "delete":
            catalog.writable(action.index)
    for action in actions:
        _apply(catalog, action)
    return [action.object_id for action in actions]


def _apply(catalog: Catalog, action: Action) -> None:
    object_id = action.object_id
    if action.kind == "delete":
        catalog.delete(action.index)
    elif object_id is None:
        clear(catalog, action.index)
    elif action.kind == "deleteObject":
        if action.index in catalog.indexes:
            catalog.writable(action.index).own_records.pop(object_id, None)
    elif action.kind.startswith("partial"):
        index = catalog.writable(action.index)
        create = action.kind == "partialUpdateObject"
        record = updated(index.own_records.get(object_id), action.body, object_id, create=create)
        if record is not None:
            index.own_records[object_id] = record
    else:
        catalog.writable(action.index).own_records[object_id] = {**action.body, "objectID": object_id}


def clear(catalog: Catalog, name: str) -> None:
    """Remove every record and keep the configuration; an absent index is no error."""
    if name in catalog.indexes:
        catalog.writable(name).own_records = {}
