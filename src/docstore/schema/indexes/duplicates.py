"""Documents that stand in the way of a unique index, found before the server is asked to build it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from docstore.errors import UniqueViolation
from docstore.schema.specs import IndexSpec

Collection = AsyncCollection[dict[str, Any]]

_GROUPS_NAMED: Final = 5
_IDS_NAMED: Final = 4


async def expect_unique(collection: Collection, spec: IndexSpec) -> None:
    """Nothing, where a unique index can be built.

    Raises:
        UniqueViolation: documents share the values; names them by their ids.
    """
    groups = await duplicates(collection, spec)
    if groups:
        raise shared(collection.name, spec, groups)


async def duplicates(collection: Collection, spec: IndexSpec) -> list[list[str]]:
    """The ids of documents that share the values of a unique index, group by group.

    Reads the raw collection, narrowed to what the index would hold. At most five groups, of at most four ids each:
    enough to start mending. A list's elements are compared as a whole; those that several lists share are found by the
    server alone, see `sharing`.
    """
    held = _held(spec)
    fields = [name for name, _ in spec.keys]
    # A missing value is null to the index; field paths cannot be keys of a group, so the values are numbered.
    values = {f"v{number}": {"$ifNull": [f"${name}", None]} for number, name in enumerate(fields)}
    pipeline: list[dict[str, Any]] = [
        {"$match": held},
        {"$group": {"_id": values, "count": {"$sum": 1}}},
        {"$match": {"count": {"$gt": 1}}},
        {"$limit": _GROUPS_NAMED},
    ]
    groups = []
    async with await collection.aggregate(pipeline, allowDiskUse=True, **_collation(spec)) as found:
        async for group in found:
            same = {name: group["_id"][f"v{number}"] for number, name in enumerate(fields)}
            groups.append(await _ids(collection, spec, same))
    return groups


async def sharing(collection: Collection, spec: IndexSpec, values: Mapping[str, Any]) -> list[str]:
    """The ids of documents that share the values over which a server stumbled."""
    fields = [name for name, _ in spec.keys]
    named = dict(zip(fields, values.values(), strict=False)) if len(values) == len(fields) else dict(values)
    return await _ids(collection, spec, named)


def shared(collection: str, spec: IndexSpec, groups: list[list[str]]) -> UniqueViolation:
    """The error that names documents which share the values of a unique index."""
    fields = " and ".join(name for name, _ in spec.keys)
    whose = "living " if "deletedAt" in spec.options.get("partialFilterExpression", {}) else ""
    ids = "; ".join(", ".join(group) for group in groups)
    return UniqueViolation(
        f"{spec.name} cannot be built: {whose}{collection} documents share the same {fields}: {ids}.",
        hint="Keep one of each group, delete the others, and run `docstore indexes sync` again.",
        collection=collection,
        field=fields,
    )


def _held(spec: IndexSpec) -> dict[str, Any]:
    """The filter of what an index holds."""
    partial = dict(spec.options.get("partialFilterExpression") or {})
    if not spec.options.get("sparse"):
        return partial
    return {"$and": [partial, {"$or": [{name: {"$exists": True}} for name, _ in spec.keys]}]}


def _collation(spec: IndexSpec) -> dict[str, Any]:
    return {"collation": spec.options["collation"]} if "collation" in spec.options else {}


async def _ids(collection: Collection, spec: IndexSpec, same: Mapping[str, Any]) -> list[str]:
    condition = {"$and": [_held(spec), *({name: {"$eq": value}} for name, value in same.items())]}
    found = collection.find(condition, {"_id": 1}, **_collation(spec)).limit(_IDS_NAMED)
    return [str(document["_id"]) async for document in found]
