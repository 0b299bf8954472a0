"""Requests about records: reading, writing and deleting them."""

from __future__ import annotations

from typing import Any

from docstore.embedded.algolia.call import Answer, Call
from docstore.embedded.algolia.errors import bad_request, unknown_object
from docstore.embedded.algolia.index import now
from docstore.embedded.algolia.params import request_params
from docstore.embedded.algolia.search import retrievable
from docstore.embedded.algolia.selection import matching_records
from docstore.embedded.algolia.writes import Action, apply_actions, check_action, check_size, clear


def get_object(call: Call) -> Answer:
    """GET /1/indexes/{index}/{object}"""
    index = call.catalog.get(call.index)
    record = index.records.get(call.object_id)
    if record is None:
        raise unknown_object()
    wanted = call.query.get("attributesToRetrieve")
    names = wanted.split(",") if wanted else None
    return retrievable(record, names, index.effective_settings())


def get_objects(call: Call) -> Answer:
    """POST /1/indexes/*/objects"""
    results: list[dict[str, Any] | None] = []
    missing: list[str] = []
    for request in call.listing("requests"):
        if not isinstance(request, dict) or not request.get("indexName") or not request.get("objectID"):
            raise bad_request("Each request needs indexName and objectID")
        index = call.catalog.get(str(request["indexName"]))
        record = index.records.get(str(request["objectID"]))
        if record is None:
            missing.append(str(request["objectID"]))
            results.append(None)
        else:
            results.append(retrievable(record, request.get("attributesToRetrieve"), index.effective_settings()))
    if not missing:
        return {"results": results}
    return {"results": results, "message": f"ObjectID does not exist for: {', '.join(missing)}"}


def add_object(call: Call) -> Answer:
    """POST /1/indexes/{index}"""
    action = check_action({"action": "addObject", "body": call.mapping()}, call.index, 0, call.limits.record_bytes)
    apply_actions(call.catalog, [action])
    return 201, {"createdAt": now(), "taskID": _task(call, call.index), "objectID": action.object_id}


def put_object(call: Call) -> Answer:
    """PUT /1/indexes/{index}/{object}"""
    body = {**call.mapping(), "objectID": call.object_id}
    check_size(body, call.object_id, 0, call.limits.record_bytes)
    apply_actions(call.catalog, [Action("updateObject", call.index, call.object_id, body)])
    return _updated(call)


def partial_update(call: Call) -> Answer:
    """POST /1/indexes/{index}/{object}/partial"""
    create = call.flag("createIfNotExists", default=True)
    kind = "partialUpdateObject" if create else "partialUpdateObjectNoCreate"
    request = {"action": kind, "body": {**call.mapping(), "objectID": call.object_id}}
    apply_actions(call.catalog, [check_action(request, call.index, 0, call.limits.record_bytes)])
    return _updated(call)


def delete_object(call: Call) -> Answer:
    """DELETE /1/indexes/{index}/{object}"""
    apply_actions(call.catalog, [Action("deleteObject", call.index, call.object_id, {})])
    return {"deletedAt": now(), "taskID": _task(call, call.index)}


def batch(call: Call) -> Answer:
    """POST /1/indexes/{index}/batch"""
    actions = [
        check_action(request, call.index, at, call.limits.record_bytes)
        for at, request in enumerate(call.listing("requests"))
    ]
    ids = apply_actions(call.catalog, actions)
    return {"taskID": _task(call, call.index), "objectIDs": [i for i in ids if i is not None]}


def multiple_batch(call: Call) -> Answer:
    """POST /1/indexes/*/batch"""
    actions: list[Action] = []
    for at, request in enumerate(call.listing("requests")):
        name = request.get("indexName") if isinstance(request, dict) else None
        if not isinstance(name, str) or not name:
            raise bad_request(f"indexName is missing at position {at}")
        actions.append(check_action(request, name, at, call.limits.record_bytes))
    ids = apply_actions(call.catalog, actions)
    tasks = {name: _task(call, name) for name in dict.fromkeys(action.index for action in actions)}
    return {"taskID": tasks, "objectIDs": ids}


def delete_by(call: Call) -> Answer:
    """POST /1/indexes/{index}/deleteByQuery"""
    params = request_params(call.mapping())
    params.pop("query", None)
    if not any(params.get(name) for name in ("filters", "facetFilters", "numericFilters", "tagFilters")):
        raise bad_request("DeleteByQuery endpoint only supports deletion with filters")
    if call.index in call.catalog.indexes:
        index = call.catalog.writable(call.index)
        for record in matching_records(index, params):
            index.own_records.pop(record["objectID"], None)
    return {"taskID": _task(call, call.index), "updatedAt": now()}


def clear_objects(call: Call) -> Answer:
    """POST /1/indexes/{index}/clear"""
    clear(call.catalog, call.index)
    return {"taskID": _task(call, call.index), "updatedAt": now()}


def _updated(call: Call) -> Answer:
    return {"taskID": _task(call, call.index), "updatedAt": now(), "objectID": call.object_id}


def _task(call: Call, index: str) -> int:
    return call.catalog.changed(call.catalog.indexes.get(index))
