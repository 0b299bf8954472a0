"""Bringing what stands behind objectIDs into an index: checked first, the unfit parked, the rest in batches."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from docstore.clients.protocols import PreparedRecord, SearchIndex
from docstore.errors import RecordRefused, ValidationFailed
from docstore.search.objects import remember_object_ids, settle_object_ids
from docstore.search.parked import park, parked_ids, unpark
from docstore.search.preparing import made_with_settings
from docstore.search.records import Built, Id, SearchRecord

_log = logging.getLogger("docstore.search")


@dataclass
class Prepared:
    """Records of `Built` that can be sent, objectIDs to delete, and why others cannot be sent, by objectID."""

    save: dict[str, PreparedRecord] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)
    unfit: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, index: SearchIndex, name: str, built: Built) -> Prepared:
        """Check every record."""
        made = cls(delete=list(built.gone), unfit=dict(built.unfit))
        for object_id, record in built.records.items():
            try:
                made.save[object_id] = index.prepare(name, record)
            except ValidationFailed as error:
                made.unfit[object_id] = str(error)
        return made

    def copy(self) -> Prepared:
        """The same, to be compared with when this was written."""
        return Prepared(dict(self.save), list(self.delete), dict(self.unfit))


class RecordWriter:
    """Writes records of one kind.

    Args:
        index: the search engine.
        record: the kind.
        into: the index to write to, where it is not the kind's own.
    """

    def __init__(self, index: SearchIndex, record: SearchRecord, *, into: str | None = None) -> None:
        self._index = index
        self._record = record
        self.is_beside = into is not None
        self.name = into or record.index

    def prepare(self, built: Built) -> Prepared:
        """Check every record."""
        return Prepared.of(self._index, self.name, built)

    async def remember(self, built: Built) -> None:
        """What has to be known before records are written, so that they are found when their documents are gone."""
        if self._record.object_id is not None and built.owners:
            await remember_object_ids(self._record.index, {Id(doc.id): key for key, doc in built.owners.items()})

    async def write(self, prepared: Prepared, *, wait: bool = True) -> None:
        """Save and delete; what the engine refuses for its content is parked, too. `prepared` ends as what was done."""
        if prepared.save and not self.is_beside:
            await made_with_settings(self._index, self.name)
        await self._save(list(prepared.save.values()), prepared.unfit, wait=wait)
        for object_id in prepared.unfit:
            prepared.save.pop(object_id, None)
        settled = prepared.save.keys() | set(prepared.delete)
        if prepared.delete:
            # An engine counts deletions of what is not there, too; and every save of a draft would be one.
            there = await self._index.get_objects(self.name, prepared.delete, attributes=["objectID"])
            prepared.delete = [each for each in prepared.delete if each in there]
        if prepared.delete:
            await self._index.delete_objects(self.name, prepared.delete, wait=wait)
        await self._settle_parked(prepared.unfit, settled)

    async def forget(self, ids: Sequence[Id], built: Built) -> None:
        """After the records of documents were written: nothing else has to be found by them any more."""
        if self._record.object_id is None:
            return
        present: dict[Id, str | None] = dict.fromkeys(ids)
        present |= {Id(doc.id): key for key, doc in built.owners.items()}
        await settle_object_ids(self._record.index, present)

    async def settle(self) -> None:
        """Wait until everything written is visible."""
        await self._index.settle(self.name)

    async def _save(self, records: Sequence[PreparedRecord], unfit: dict[str, str], *, wait: bool) -> None:
        if not records:
            return
        try:
            await self._index.save_objects(self.name, records, wait=wait)
        except RecordRefused as error:
            if len(records) == 1:
                unfit[records[0].object_id] = str(error)
                return
            # A batch is refused as a whole: the halves tell which record it is.
            middle = len(records) // 2
            await self._save(records[:middle], unfit, wait=wait)
            await self._save(records[middle:], unfit, wait=wait)

    async def _settle_parked(self, unfit: Mapping[str, str], settled: Collection[str]) -> None:
        if unfit:
            _log.error("Parked, since they cannot be written: %d of index %s.", len(unfit), self.name)
            await park(self._record.index, unfit)
        await unpark(self._record.index, await parked_ids(self._record.index) & set(settled))


def same(one: Prepared | None, other: Prepared) -> bool:
    """Whether two looks at the same objectIDs found the same."""
    return one is not None and (one.save, one.delete, one.unfit.keys()) == (
        other.save,
        other.delete,
        other.unfit.keys(),
    )


def changed_since(before: Prepared | None, now: Prepared) -> Prepared:
    """What of `now` is not what `before` found."""
    if before is None:
        return now
    save: Mapping[str, PreparedRecord] = now.save
    deleted = set(before.delete)
    return Prepared(
        {key: each for key, each in save.items() if before.save.get(key) != each},
        [each for each in now.delete if each not in deleted],
        {key: why for key, why in now.unfit.items() if key not in before.unfit},
    )
