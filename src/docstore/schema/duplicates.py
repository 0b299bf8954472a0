"""Documents that stand in the way of a unique index, found before the server is asked to build it."""

from __future__ import annotations

from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from docstore.schema.specs import IndexSpec

_GROUPS_NAMED: Final = 5
_IDS_NAMED: Final = 4


async def duplicates(collection: AsyncCollection[dict[str, Any]], spec: IndexSpec) -> list[list[str]]:
    """The ids of documents that share the values of a unique index, group by group.

    Reads the raw collection, narrowed to what the index would hold. At most five groups, of at most four ids each:
    enough to start mending.
    """
    filter_ = dict(spec.options.get("partialFilterExpression") or {})
    fields = [name for name, _ in spec.keys]
    # A missing value is null to the index; field paths cannot be keys of a group, so the values are numbered.
    values = {f"v{number}": {"$ifNull": [f"${name}", None]} for number, name in enumerate(fields)}
    pipeline: list[dict[str, Any]] = [
        {"$match": filter_},
        {"$group": {"_id": values, "count": {"$sum": 1}}},
        {"$match": {"count": {"$gt": 1}}},
        {"$limit": _GROUPS_NAMED},
    ]
    groups = []
    async with await collection.aggregate(pipeline, allowDiskUse=True) as shared:
        async for group in shared:
            same = {name: group["_id"][f"v{number}"] for number, name in enumerate(fields)}
            found = collection.find({"$and": [filter_, same]}, {"_id": 1}).limit(_IDS_NAMED)
            groups.append([str(document["_id"]) async for document in found])
    return groups
