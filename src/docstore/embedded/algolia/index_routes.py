"""Requests about indexes as wholes: settings, copies, tasks, the list of them, and keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from docstore.embedded.algolia.call import Answer, Call
from docstore.embedded.algolia.errors import ApiError, bad_request
from docstore.embedded.algolia.index import Index, now

_LOOKED_AT = 100


def list_indexes(call: Call) -> Answer:
    """GET /1/indexes"""
    shown = [_described(call, index) for _, index in sorted(call.catalog.indexes.items())]
    page = call.query.get("page")
    if page is None:
        return {"items": shown, "nbPages": 1}
    size = _natural(call.query, "hitsPerPage", 100) or 1
    start = _natural(call.query, "page", 0) * size
    return {"items": shown[start : start + size], "nbPages": max(1, -(-len(shown) // size))}


def delete_index(call: Call) -> Answer:
    """DELETE /1/indexes/{index}"""
    call.catalog.delete(call.index)
    return {"deletedAt": now(), "taskID": call.catalog.changed()}


def operation(call: Call) -> Answer:
    """POST /1/indexes/{index}/operation"""
    body = call.mapping()
    destination = body.get("destination")
    if not isinstance(destination, str) or not destination:
        raise bad_request("destination: the name of an index was expected")
    if body.get("operation") == "copy":
        call.catalog.copy(call.index, destination, body.get("scope"))
    elif body.get("operation") == "move":
        call.catalog.move(call.index, destination)
    else:
        raise bad_request("operation: copy or move was expected")
    return {"taskID": call.catalog.changed(), "updatedAt": now()}


def get_settings(call: Call) -> Answer:
    """GET /1/indexes/{index}/settings"""
    return {**call.catalog.get(call.index).effective_settings(), "version": 2}


def set_settings(call: Call) -> Answer:
    """PUT /1/indexes/{index}/settings"""
    changes = call.mapping()
    # What getSettings adds may come back with a settings file; it is no setting.
    changes = {name: value for name, value in changes.items() if name not in ("version", "primary")}
    call.catalog.set_settings(call.index, changes, forward=call.flag("forwardToReplicas"))
    return {"taskID": call.catalog.changed(), "updatedAt": now()}


def get_task(call: Call) -> Answer:
    """GET /1/indexes/{index}/task/{task}"""
    try:
        number = int(call.path["task"])
    except ValueError as error:
        raise bad_request("taskID: a number was expected") from error
    published = call.catalog.tasks.published(number)
    return {"status": "published" if published else "notPublished", "pendingTask": not published}


def get_key(call: Call) -> Answer:
    """GET /1/keys/{key}"""
    return {"value": call.path["key"], "acl": list(call.acls), "createdAt": 0, "validity": 0}


def _described(call: Call, index: Index) -> dict[str, Any]:
    size = _estimated_bytes(index)
    described: dict[str, Any] = {
        "name": index.name,
        "createdAt": index.created_at,
        "updatedAt": index.updated_at,
        "entries": len(index.records),
        "dataSize": size,
        "fileSize": size,
        "lastBuildTimeS": 0,
        "numberOfPendingTasks": 0,
        "pendingTask": False,
    }
    if index.parent is not None:
        described["primary"] = index.parent.name
        if index.virtual:
            described["virtual"] = True
    elif replicas := call.catalog.replicas(index):
        described["replicas"] = [replica.name for replica in replicas]
    return described


def _estimated_bytes(index: Index) -> int:
    """From some of the records: whoever lists the indexes should not wait for a million of them."""
    some = list(islice(index.records.values(), _LOOKED_AT))
    measured = sum(len(json.dumps(record, ensure_ascii=False).encode()) for record in some)
    return measured * len(index.records) // len(some) if some else 0


def _natural(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return max(0, int(query.get(name, default)))
    except ValueError as error:
        raise ApiError(400, f"{name}: a number was expected") from error
