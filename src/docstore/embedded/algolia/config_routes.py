"""Requests about an index's synonyms and rules, which are managed alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from docstore.embedded.algolia.call import Answer, Call
from docstore.embedded.algolia.errors import ApiError, bad_request
from docstore.embedded.algolia.index import Entries, Index, now
from docstore.embedded.algolia.rules import check_rule
from docstore.embedded.algolia.synonyms import check_synonym
from docstore.embedded.algolia.text import fold

_PAGE = 20


class Configuration:
    """The handlers of one kind of entry.

    Args:
        attribute: where an `Index` keeps the entries, ``synonyms`` or ``rules``.
        check: refuses what is no such entry.
        missing: the message for an entry that is not there.
        replace_flag: the query parameter that replaces all entries on a batch.
    """

    def __init__(self, attribute: str, check: Callable[[Any], dict[str, Any]], missing: str, replace_flag: str) -> None:
        self._attribute = attribute
        self._check = check
        self._missing = missing
        self._replace_flag = replace_flag

    def get(self, call: Call) -> Answer:
        """GET /1/indexes/{index}/<kind>/{object}"""
        entry = self._entries(call.catalog.get(call.index)).get(call.object_id)
        if entry is None:
            raise ApiError(404, self._missing)
        return entry

    def put(self, call: Call) -> Answer:
        """PUT /1/indexes/{index}/<kind>/{object}"""
        entry = self._check({**call.mapping(), "objectID": call.object_id})
        self._change(call, lambda entries: {**entries, call.object_id: entry})
        return {**self._done(call), "id": call.object_id, "objectID": call.object_id}

    def delete(self, call: Call) -> Answer:
        """DELETE /1/indexes/{index}/<kind>/{object}"""
        self._change(call, lambda entries: {k: v for k, v in entries.items() if k != call.object_id})
        return {**self._done(call), "deletedAt": now()}

    def batch(self, call: Call) -> Answer:
        """POST /1/indexes/{index}/<kind>/batch"""
        added = {str(entry["objectID"]): entry for entry in map(self._check, call.listing())}
        replace = call.flag(self._replace_flag)
        self._change(call, lambda entries: added if replace else {**entries, **added})
        return self._done(call)

    def clear(self, call: Call) -> Answer:
        """POST /1/indexes/{index}/<kind>/clear"""
        self._change(call, lambda entries: {})
        return self._done(call)

    def search(self, call: Call) -> Answer:
        """POST /1/indexes/{index}/<kind>/search"""
        body = call.mapping()
        page, size = _natural(body, "page", 0), _natural(body, "hitsPerPage", _PAGE)
        found = [e for e in self._entries(call.catalog.get(call.index)).values() if _matches(e, body)]
        pages = -(-len(found) // size) if size else 0
        return {
            "hits": found[page * size : (page + 1) * size],
            "nbHits": len(found),
            "page": page,
            "nbPages": pages,
        }

    def _entries(self, index: Index) -> Entries:
        entries: Entries = getattr(index, self._attribute)
        return entries

    def _change(self, call: Call, change: Callable[[Entries], Entries]) -> None:
        index = call.catalog.configurable(call.index)
        targets = [index]
        if call.flag("forwardToReplicas"):
            targets += call.catalog.replicas(index)
        for target in targets:
            setattr(target, self._attribute, change(self._entries(target)))
            target.touch()

    @staticmethod
    def _done(call: Call) -> dict[str, Any]:
        return {"taskID": call.catalog.changed(), "updatedAt": now()}


synonyms = Configuration("synonyms", check_synonym, "Synonym set does not exist", "replaceExistingSynonyms")
rules = Configuration("rules", check_rule, "ObjectID does not exist", "clearExistingRules")


def _matches(entry: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    kind = wanted.get("type")
    if kind and str(entry.get("type", "")).lower() not in str(kind).lower().split(","):
        return False
    if "enabled" in wanted and wanted["enabled"] is not None and entry.get("enabled", True) != wanted["enabled"]:
        return False
    return fold(str(wanted.get("query") or "")) in fold(str(entry))


def _natural(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise bad_request(f"{name}: a positive integer was expected")
    return value
