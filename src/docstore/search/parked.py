"""Records that cannot be written as they are: kept with their reason, out of the way of the others, for operators."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from pymongo import UpdateOne

from docstore.documents import Index, SystemDocument, UtcDateTime, index, translated, utc_now

_LONGEST_REASON = 500


class SearchParked(SystemDocument):
    """A record that could not be written. The id is its index's name and its objectID."""

    id: str  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    index_name: str
    object_id: str
    reason: str
    attempts: int = 1
    first_at: UtcDateTime
    last_at: UtcDateTime

    indexes: ClassVar[Sequence[Index]] = (index("index_name", "first_at", serves="the parked records of an index"),)


async def park(index: str, reasons: Mapping[str, str]) -> None:
    """Keep records, by objectID, with the reason why they cannot be written."""
    now = utc_now()
    writes = [
        UpdateOne(
            {"_id": f"{index}/{object_id}"},
            {
                "$set": {"reason": reason[:_LONGEST_REASON], "lastAt": now, "updatedAt": now},
                "$inc": {"attempts": 1},
                "$setOnInsert": {"indexName": index, "objectId": object_id, "firstAt": now, "createdAt": now},
            },
            upsert=True,
        )
        for object_id, reason in reasons.items()
    ]
    if writes:
        with translated(SearchParked.get_collection_name()):
            await SearchParked.get_pymongo_collection().bulk_write(writes, ordered=False)


async def parked_ids(index: str) -> set[str]:
    """The objectIDs of the parked records of an index."""
    with translated(SearchParked.get_collection_name()):
        rows = SearchParked.get_pymongo_collection().find({"indexName": index}, {"objectId": 1})
        return {row["objectId"] async for row in rows}


async def unpark(index: str, object_ids: Collection[str]) -> None:
    """Forget records that were written, or need not be any more."""
    if object_ids:
        rows = [f"{index}/{each}" for each in object_ids]
        with translated(SearchParked.get_collection_name()):
            await SearchParked.get_pymongo_collection().delete_many({"_id": {"$in": rows}})


async def unpark_older(index: str, moment: datetime) -> None:
    """Forget records that were parked before a moment, and not again since: they were written, or are gone."""
    with translated(SearchParked.get_collection_name()):
        await SearchParked.get_pymongo_collection().delete_many({"indexName": index, "lastAt": {"$lt": moment}})
