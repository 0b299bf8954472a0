"""What a search record is: an index, the model behind it, how records are made, and what else they are made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import JsonValue

from docstore.documents import Document, PydanticObjectId
from docstore.search.objects import known_object_ids
from docstore.search.reading import Misfits, by_id, in_batches, stored_values

T = TypeVar("T")
Id = PydanticObjectId
Record = dict[str, JsonValue]

_INT64_DIGITS = 19

BATCH = 500
"""Documents looked at in one go."""


class Batch(NamedTuple):
    """What some documents mean for their index: whole records to save, and objectIDs to delete."""

    save: list[Record]
    delete: list[str]


@dataclass(frozen=True)
class SearchRecord:
    """One kind of record.

    Args:
        index: the logical name of its index.
        model: the documents it is made of, one each.
        compose: from documents to their records, in the same order; looks up what else it needs for all at once.
        selection: which documents may have a record, as a filter of stored names; for counting and for reading all.
        should_index: whether a living document has a record.
        object_id: a document's objectID, where it is not the document's id.
        stored_in: the stored field that holds it; needed with `object_id`.
        find_by: the living documents with these objectIDs, and those that break their model's rules; likewise.
        touched_by: by the name of another collection, from ids there to the ids of documents whose records show them.
    """

    index: str
    model: type[Document]
    compose: Callable[[Sequence[Any]], Awaitable[list[Record]]]
    selection: Mapping[str, JsonValue] = field(default_factory=dict)
    should_index: Callable[[Any], bool] = lambda _: True
    object_id: Callable[[Any], str] | None = None
    stored_in: str = "_id"
    find_by: Callable[[Sequence[str], Misfits], Awaitable[Sequence[Any]]] | None = None
    touched_by: Mapping[str, Callable[[Sequence[Id]], Awaitable[set[Id]]]] = field(default_factory=dict)

    def object_id_of(self, document: Any) -> str:
        """The objectID of a document's record."""
        return str(document.id) if self.object_id is None else self.object_id(document)

    async def object_ids_of(self, ids: Collection[Id]) -> set[str]:
        """Every objectID that these documents have or had, also of those that are gone for good."""
        if self.object_id is None:
            return {str(each) for each in ids}
        found = {each for known in (await known_object_ids(self.index, ids)).values() for each in known}
        return found | await stored_values(self.model, ids, self.stored_in)

    async def owners(self, object_ids: Collection[str], misfits: Misfits | None = None) -> dict[str, Any]:
        """The document behind each objectID; of several with the same, the oldest. Without one: none.

        Those that would have a record and cannot be read are put to `misfits`.
        """
        broken: Misfits = []
        if self.find_by is None:
            found: Sequence[Any] = await self._with_ids(object_ids, broken)
        else:
            found = await self.find_by(list(object_ids), broken)
        if misfits is not None:
            misfits += [each for each in broken if self.selection.items() <= each[0].items()]
        owners: dict[str, Any] = {}
        for document in sorted(found, key=lambda each: str(each.id)):
            if self.should_index(document):
                owners.setdefault(self.object_id_of(document), document)
        return owners

    async def _with_ids(self, object_ids: Collection[str], misfits: Misfits) -> Sequence[Any]:
        found = await by_id(self.model, keys_behind(object_ids), misfits)
        seen = {str(each) for each in found} | {str(row["_id"]) for row, _ in misfits}
        # A text may look like an ObjectId: asked for only where no document has that, which is seldom.
        if texts := [each for each in object_ids if Id.is_valid(each) and each not in seen]:
            await by_id(self.model, texts, misfits)
        return list(found.values())

    def unfit(self, misfits: Misfits, owners: Collection[str]) -> dict[str, str]:
        """Why documents that cannot be read have no record, by objectID, where no other document has it."""
        reasons = {str(row[self.stored_in]): why for row, why in misfits if row.get(self.stored_in)}
        return {object_id: why for object_id, why in reasons.items() if object_id not in owners}


class Built(NamedTuple):
    """What stands behind some objectIDs now: records by objectID, and those without; whose they are; and why others
    cannot be made."""

    records: dict[str, Record]
    gone: list[str]
    owners: dict[str, Any]
    unfit: dict[str, str]


async def build(record: SearchRecord, object_ids: Collection[str]) -> Built:
    """What is to stand in the index under these objectIDs."""
    misfits: Misfits = []
    owners = await record.owners(object_ids, misfits)
    made = await record.compose(list(owners.values())) if owners else []
    records = dict(zip(owners, made, strict=True))
    unfit = record.unfit(misfits, owners)
    return Built(records, sorted(set(object_ids) - records.keys() - unfit.keys()), owners, unfit)


async def build_records(record: SearchRecord, ids: Collection[Id]) -> Batch:
    """What documents mean for their index, whatever became of them; any number of ids."""
    total = Batch([], [])
    for part in in_batches(ids, BATCH):
        built = await build(record, await record.object_ids_of(part))
        total.save.extend(built.records.values())
        total.delete.extend(built.gone)
    return total


def instant(moment: datetime | None) -> str | None:
    """An instant as other services write it: ISO 8601 in UTC, with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment is not None else None


def keys_behind(object_ids: Collection[str]) -> list[Any]:
    """The ids that documents with these objectIDs may have. Those that are no ObjectId have no record, and say why."""
    keys: list[Any] = []
    for each in object_ids:
        if Id.is_valid(each):
            keys.append(Id(each))
            continue
        keys.append(each)
        if each.isascii() and each.lstrip("-").isdigit() and len(each) < _INT64_DIGITS:
            keys.append(int(each))
    return keys
