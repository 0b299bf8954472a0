"""Reading every document of a kind of record: in ranges of ids, in order, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bson import ObjectId, encode
from pymongo.errors import ExecutionTimeout

from docstore.documents import translated
from docstore.search.records import BATCH, Id, SearchRecord

_SAMPLED_FOR_EACH = 200
_COUNT_LIMIT_MS = 3000
_SAMPLE_LIMIT_MS = 5000


@dataclass(frozen=True, slots=True)
class Range:
    """Ids from `low` on and below `high`, in the server's order of all types; None is without end."""

    low: Id | None = None
    high: Id | None = None


async def count(record: SearchRecord) -> int:
    """How many documents may have a record."""
    collection = record.model.get_pymongo_collection()
    with translated(record.model.get_collection_name()):
        return int(await collection.count_documents(dict(record.selection)))


async def expected_documents(record: SearchRecord) -> int:
    """About how many documents may have a record, for readers and progress: exact where the server counts quickly."""
    collection = record.model.get_pymongo_collection()
    with translated(record.model.get_collection_name()):
        try:
            return int(await collection.count_documents(dict(record.selection), maxTimeMS=_COUNT_LIMIT_MS))
        except ExecutionTimeout:
            return int(await collection.raw.estimated_document_count())


async def ranges(record: SearchRecord, parts: int) -> list[Range]:
    """The whole in ranges of about the same number of documents, told from a sample; in one, where that takes long."""
    if parts < 2:
        return [Range()]
    # Of all documents, deleted ones too: MongoDB draws a sample at once only where nothing is asked of it before.
    pipeline: list[dict[str, Any]] = [{"$sample": {"size": parts * _SAMPLED_FOR_EACH}}, {"$project": {"_id": 1}}]
    collection = record.model.get_pymongo_collection().raw
    with translated(record.model.get_collection_name()):
        try:
            async with await collection.aggregate(pipeline, maxTimeMS=_SAMPLE_LIMIT_MS) as rows:
                ids: list[Any] = sorted({row["_id"] async for row in rows if isinstance(row["_id"], ObjectId)})
        except ExecutionTimeout:
            return [Range()]
    bounds = sorted({ids[len(ids) * part // parts] for part in range(1, parts)}) if len(ids) >= parts else []
    return [Range(low, high) for low, high in pairwise([None, *bounds, None])]


async def rows_of(
    record: SearchRecord, within: Range, batch: int = BATCH, *, after: Any = None
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The stored documents of a range by ascending id, in lists; those after an id of it, where one is given."""
    collection = record.model.get_pymongo_collection()
    low = within.low if after is None else after
    # By the index on ids: another plan would have to sort, in memory, all there is.
    with translated(record.model.get_collection_name()):
        cursor = collection.find(dict(record.selection)).sort({"_id": 1}).hint([("_id", 1)]).batch_size(batch)
        # Bounds of the index, not a condition: that holds for ids of its value's type alone, and passes others over.
        bounds: list[tuple[Any, Any]] = [(cursor.min, low), (cursor.max, within.high)]
        for bound, value in bounds:
            if value is not None:
                bound([("_id", value)])
        async with cursor:
            part: list[dict[str, Any]] = []
            async for row in cursor:
                if after is not None and _same(row["_id"], after):
                    continue  # the bound itself
                part.append(row)
                if len(part) >= batch:
                    yield part
                    part = []
            if part:
                yield part


def _same(one: Any, other: Any) -> bool:
    # By their bytes: Python takes True for 1.
    return encode({"": one}) == encode({"": other})
