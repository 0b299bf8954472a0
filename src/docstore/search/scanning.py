"""Reading every document of a kind of record: in ranges of ids, in order, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bson import ObjectId
from pymongo.errors import ExecutionTimeout

from docstore.documents import translated
from docstore.search.records import BATCH, Id, SearchRecord

_SAMPLED_FOR_EACH = 200
_COUNT_LIMIT_MS = 3000
_SAMPLE_LIMIT_MS = 5000


@dataclass(frozen=True, slots=True)
class Range:
    """Ids after `low` up to and with `high`; None is without end."""

    low: Id | None = None
    high: Id | None = None

    def filter(self, record: SearchRecord) -> dict[str, Any]:
        """The documents of the range that may have a record."""
        bounds = {name: bound for name, bound in (("$gt", self.low), ("$lte", self.high)) if bound is not None}
        return {**record.selection, **({"_id": bounds} if bounds else {})}


async def count(record: SearchRecord, within: Range | None = None) -> int:
    """How many documents may have a record."""
    collection = record.model.get_pymongo_collection()
    with translated(record.model.get_collection_name()):
        return int(await collection.count_documents((within or Range()).filter(record)))


async def expected_documents(record: SearchRecord) -> int:
    """About how many documents may have a record, for readers and progress: exact where the server counts quickly."""
    collection = record.model.get_pymongo_collection()
    with translated(record.model.get_collection_name()):
        try:
            return int(await collection.count_documents(Range().filter(record), maxTimeMS=_COUNT_LIMIT_MS))
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
    record: SearchRecord, within: Range, batch: int = BATCH
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The stored documents of a range by ascending id, in lists."""
    collection = record.model.get_pymongo_collection()
    # By the index on ids: another plan would have to sort, in memory, all there is.
    with translated(record.model.get_collection_name()):
        cursor = collection.find(within.filter(record)).sort({"_id": 1}).hint([("_id", 1)]).batch_size(batch)
        async with cursor:
            part: list[dict[str, Any]] = []
            async for row in cursor:
                part.append(row)
                if len(part) >= batch:
                    yield part
                    part = []
            if part:
                yield part
