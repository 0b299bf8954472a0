"""Keeping indexes in step with the documents, change by change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from docstore.clients.protocols import SearchIndex
from docstore.search.checkpoints import SearchReindex
from docstore.search.emptying import refuse_to_empty
from docstore.search.patience import patient
from docstore.search.reading import VALUES_AT_ONCE, in_batches
from docstore.search.records import BATCH, Built, Id, SearchRecord, build
from docstore.search.registry import ALL_RECORDS
from docstore.search.scanning import Range, expected_documents, rows_of
from docstore.search.writing import Prepared, RecordWriter, changed_since, same

_LOOKS = 10

OnProgress = Callable[[str, int, int], None]
"""Called with an index's name, how many documents were looked at, and how many there are."""


@dataclass
class SyncReport:
    """How many records were saved and deleted, and how many could not be written, by index."""

    saved: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    parked: dict[str, int] = field(default_factory=dict)

    def add(self, index: str, written: Prepared) -> None:
        """Count what was written."""
        for counts, number in (
            (self.saved, len(written.save)),
            (self.deleted, len(written.delete)),
            (self.parked, len(written.unfit)),
        ):
            if number:
                counts[index] = counts.get(index, 0) + number

    def merge(self, other: SyncReport) -> None:
        """Count what another report tells, too."""
        for mine, theirs in (
            (self.saved, other.saved),
            (self.deleted, other.deleted),
            (self.parked, other.parked),
        ):
            for index, number in theirs.items():
                mine[index] = mine.get(index, 0) + number


async def apply_changes(
    index: SearchIndex,
    changes: Iterable[tuple[str, Any]],
    *,
    records: Sequence[SearchRecord] = ALL_RECORDS,
    into: str | None = None,
    patience_s: float = 0.0,
) -> SyncReport:
    """Bring the records up to date that changed documents have a part in.

    Args:
        index: the search engine.
        changes: collection names and document ids, in any order; collections without a part in records are passed
            over.
        records: the kinds of records to keep.
        into: the index to write to, where it is not the kind's own; for one kind alone.
        patience_s: for how long an engine that is away is asked again; 0 leaves that to the caller.

    Returns:
        What was saved, deleted and parked. Applying the same changes again does the same, harmlessly.
    """
    index = patient(index, patience_s)
    changed: defaultdict[str, set[Id]] = defaultdict(set)
    for collection, document_id in changes:
        if Id.is_valid(document_id):
            changed[collection].add(Id(document_id))
    report = SyncReport()
    for record in records:
        writer = RecordWriter(index, record, into=into)
        for part in in_batches(await _concerned(record, changed), BATCH):
            await bring_up_to_date(writer, record, part, report)
    return report


async def bring_up_to_date(writer: RecordWriter, record: SearchRecord, ids: Sequence[Id], report: SyncReport) -> None:
    """Write the records of documents as they are now; see `write_through`."""
    built = await write_through(writer, record, lambda: record.object_ids_of(ids), report)
    # A reindex may hold records under objectIDs that are gone here: until it is over it has to find them, too.
    if built is not None and not writer.is_beside and await SearchReindex.load(record.index) is None:
        await writer.forget(ids, built)


async def write_through(
    writer: RecordWriter, record: SearchRecord, object_ids: Callable[[], Awaitable[set[str]]], report: SyncReport
) -> Built | None:
    """Write what stands behind objectIDs, and see that it is still so; what was seen last.

    After a write the documents are looked at once more, and what changed meanwhile is written, too: of two that write
    a record at the same time the later one may have looked earlier, so each makes sure that what it wrote last is so.
    None when the documents changed at every look: whoever changes them last tells of it.
    """
    before: Prepared | None = None
    for _ in range(_LOOKS):
        built = await build(record, await object_ids())
        now = writer.prepare(built)
        if same(before, now):
            return built
        news = changed_since(before, now)
        before = now.copy()
        await writer.remember(built)
        await writer.write(news)
        report.add(record.index, news)
    return None


async def _concerned(record: SearchRecord, changed: Mapping[str, set[Id]]) -> set[Id]:
    ids = set(changed.get(record.model.get_collection_name(), ()))
    for collection, find in record.touched_by.items():
        for part in in_batches(changed.get(collection, ()), VALUES_AT_ONCE):
            ids |= await find(part)
    return ids


async def full_sync(
    index: SearchIndex,
    on_progress: OnProgress | None = None,
    *,
    records: Sequence[SearchRecord] = ALL_RECORDS,
    force: bool = False,
    patience_s: float = 0.0,
) -> SyncReport:
    """Save the record of every document, then delete the records that stand for none.

    Changes may go on meanwhile: whatever is written is checked against its document once more.

    Args:
        index: the search engine.
        on_progress: told after each batch.
        records: the kinds of records to sync.
        force: also where more than half of an index of more than a thousand records is deleted.
        patience_s: for how long an engine that is away is asked again.

    Raises:
        ReindexRefused: that much would be deleted; nothing of this kind was written.
    """
    index = patient(index, patience_s)
    report = SyncReport()
    for record in records:
        if not force:
            await refuse_to_empty(index, record)
        writer = RecordWriter(index, record)
        total, done = await expected_documents(record), 0
        async with aclosing(rows_of(record, Range())) as chunks:
            async for rows in chunks:
                await bring_up_to_date(writer, record, [row["_id"] for row in rows], report)
                done += len(rows)
                if on_progress is not None:
                    on_progress(record.index, done, max(done, total))
        await _delete_strays(index, record, writer, report)
    return report


async def _delete_strays(index: SearchIndex, record: SearchRecord, writer: RecordWriter, report: SyncReport) -> None:
    part: set[str] = set()

    async def settle() -> None:
        owned = (await record.owners(part)).keys()
        strays = part - owned
        if strays:

            async def ids() -> set[str]:
                return strays

            await write_through(writer, record, ids, report)
        part.clear()

    async for hit in index.browse(record.index, attributes=["objectID"]):
        part.add(str(hit["objectID"]))
        if len(part) >= BATCH:
            await settle()
    await settle()
