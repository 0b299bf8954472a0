"""Which objectIDs a document's records have, for records whose objectID is not the document's id.

A document that was removed for good, or got another objectID, leaves nothing else to find its old record by.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from docstore.documents import Index, PydanticObjectId, StrList, SystemDocument, translated
from docstore.search.reading import VALUES_AT_ONCE, in_batches

_DUPLICATE_KEY = 11000


class SearchObject(SystemDocument):
    """The objectIDs that may stand in an index for a document. The id is the index's name and the document's id."""

    id: str  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    object_ids: StrList

    indexes: ClassVar[Sequence[Index]] = ()


async def known_object_ids(index: str, ids: Collection[PydanticObjectId]) -> dict[PydanticObjectId, list[str]]:
    """What was remembered for these documents."""
    by_row = {f"{index}/{each}": each for each in ids}
    collection = SearchObject.get_pymongo_collection()
    rows: list[dict[str, Any]] = []
    with translated(SearchObject.get_collection_name()):
        for part in in_batches(by_row, VALUES_AT_ONCE):
            rows += await collection.find({"_id": {"$in": part}}).to_list()
    return {by_row[row["_id"]]: list(row["objectIds"]) for row in rows}


async def remember_object_ids(index: str, object_ids: Mapping[PydanticObjectId, str]) -> None:
    """Remember, before records are written, that they will be there."""
    known = await known_object_ids(index, list(object_ids))
    fresh = [
        {"_id": f"{index}/{each}", "objectIds": [object_id]}
        for each, object_id in object_ids.items()
        if each not in known
    ]
    more = [
        UpdateOne({"_id": f"{index}/{each}"}, {"$addToSet": {"objectIds": object_id}})
        for each, object_id in object_ids.items()
        if each in known and object_id not in known[each]
    ]
    collection: Any = SearchObject.get_pymongo_collection()
    with translated(SearchObject.get_collection_name()):
        if more:
            await collection.bulk_write(more, ordered=False)
        if not fresh:
            return
        try:
            await collection.insert_many(fresh, ordered=False)
        except BulkWriteError as error:
            codes = {each.get("code") for each in error.details.get("writeErrors", ())}
            if codes != {_DUPLICATE_KEY}:
                raise
            # Another worker was faster with some of them: now they are known.
            await collection.bulk_write(
                [UpdateOne({"_id": row["_id"]}, {"$addToSet": {"objectIds": row["objectIds"][0]}}) for row in fresh],
                ordered=False,
            )


async def settle_object_ids(index: str, present: Mapping[PydanticObjectId, str | None]) -> None:
    """Forget, after records were written, the objectIDs that are not there any more; None: the document has no record.

    Args:
        index: the index's name.
        present: the objectID that each document has now.
    """
    known = await known_object_ids(index, list(present))
    gone = [f"{index}/{each}" for each in known if present[each] is None]
    changed = [
        UpdateOne({"_id": f"{index}/{each}", "objectIds": ids}, {"$set": {"objectIds": [present[each]]}})
        for each, ids in known.items()
        if present[each] is not None and ids != [present[each]]
    ]
    collection: Any = SearchObject.get_pymongo_collection()
    with translated(SearchObject.get_collection_name()):
        if changed:
            await collection.bulk_write(changed, ordered=False)
        if gone:
            await collection.delete_many({"_id": {"$in": gone}})
