"""What to write into a model: the declaration of an index, with attribute names."""

from __future__ import annotations

import json
from collections.abc import Sequence

from docstore.documents import StoredDocument
from docstore.operations.advice.needs import Keys, Need


def declaration(model: type[StoredDocument] | None, collection: str, keys: Keys, needs: Sequence[Need]) -> str:
    """The line to paste into the model's `indexes`; for a collection of no model, or a field of none, the shell's."""
    names = [attribute_of(model, name) for name, _ in keys] if model is not None else []
    if model is None or any(name is None for name in names):
        shell = json.dumps(dict(keys))
        return f"db.getCollection({json.dumps(collection)}).createIndex({shell})"
    parts = [json.dumps(f"-{name}" if way == -1 else name) for name, (_, way) in zip(names, keys, strict=True)]
    return f"index({', '.join(parts)}, serves={json.dumps(purpose(model, needs))})"


def attribute_of(model: type[StoredDocument], stored: str) -> str | None:
    """The attribute of a stored field; what is inside a nested document keeps its stored name. None for no field."""
    head, dot, rest = stored.partition(".")
    for name, field in model.model_fields.items():
        if (field.alias or name) == head:
            return f"{name}{dot}{rest}"
    return None


def purpose(model: type[StoredDocument], needs: Sequence[Need]) -> str:
    """The queries in words: ``by status and tag, newest publish_date first``."""
    need = max(needs, key=lambda each: len(each.fields))
    parts = []
    if need.equality:
        parts.append("by " + " and ".join(_told(model, name) for name in sorted(need.equality)))
    if need.ranges:
        parts.append("within a range of " + " and ".join(_told(model, name) for name in need.ranges))
    if need.ordering:
        ways = (f"{_told(model, name)} {'descending' if way == -1 else 'ascending'}" for name, way in need.ordering)
        parts.append("ordered by " + ", ".join(ways))
    return f"{model.__name__} {', '.join(parts)}"


def _told(model: type[StoredDocument], stored: str) -> str:
    return attribute_of(model, stored) or stored
