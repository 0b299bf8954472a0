"""Keeping indexes in step with the documents: after changes, and as a whole."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docstore.clients.protocols import SearchIndex
from docstore.search.records import BATCH, Batch, Id, SearchRecord, build_records, in_batches
from docstore.search.registry import ALL_RECORDS

OnProgress = Callable[[str, int, int], None]
"""Called with an index's name, how many documents were looked at, and how many there are."""

_log = logging.getLogger("docstore.search")


@dataclass
class SyncReport:
    """How many records were saved and deleted, by index."""

    saved: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)


async def apply_changes(
    index: SearchIndex, changes: Iterable[tuple[str, Any]], *, records: Sequence[SearchRecord] = ALL_RECORDS
) -> SyncReport:
    """Bring the records up to date that changed documents have a part in.

    Args:
        index: the search engine.
        changes: collection names and document ids, in any order; collections without a part in records are passed
            over.
        records: the kinds of records to keep.

    Returns:
        What was saved and deleted. Applying the same changes again does the same, harmlessly.
    """
    changed: defaultdict[str, set[Id]] = defaultdict(set)
    for collection, document_id in changes:
        if Id.is_valid(document_id):
            changed[collection].add(Id(document_id))
    report = SyncReport()
    for record in records:
        ids = await _concerned(record, changed)
        for part in in_batches(ids):
            await _write(index, record, await build_records(record, part), report)
    return report


async def full_sync(
    index: SearchIndex, on_progress: OnProgress | None = None, *, records: Sequence[SearchRecord] = ALL_RECORDS
) -> SyncReport:
    """Save the record of every document, then delete the records that stand for none.

    Changes may go on meanwhile: a record that was saved by somebody else is checked against its document before it
    is deleted.

    Args:
        index: the search engine.
        on_progress: told after each batch.
        records: the kinds of records to sync.
    """
    report = SyncReport()
    for record in records:
        saved = await _save_all(index, record, report, on_progress)
        strays = [str(hit["objectID"]) async for hit in index.browse(record.index) if str(hit["objectID"]) not in saved]
        for part in in_batches(strays):
            await _settle_strays(index, record, part, report)
        _log.info(
            "Index %s: %d records saved, %d deleted.",
            record.index,
            report.saved.get(record.index, 0),
            report.deleted.get(record.index, 0),
        )
    return report


async def _concerned(record: SearchRecord, changed: Mapping[str, set[Id]]) -> set[Id]:
    ids = set(changed.get(record.model.get_collection_name(), ()))
    for collection, find in record.touched_by.items():
        for part in in_batches(changed.get(collection, ())):
            ids |= await find(part)
    return ids


async def _save_all(
    index: SearchIndex, record: SearchRecord, report: SyncReport, on_progress: OnProgress | None
) -> set[str]:
    saved: set[str] = set()
    total = await record.model.find().count()
    done = 0
    part: list[Id] = []

    async def flush() -> None:
        nonlocal done
        built = await build_records(record, part)
        await _write(index, record, Batch(built.save, []), report)
        saved.update(str(each["objectID"]) for each in built.save)
        done += len(part)
        part.clear()
        if on_progress is not None:
            on_progress(record.index, done, max(done, total))

    async for row in record.model.get_pymongo_collection().find({}, {"_id": 1}):
        part.append(row["_id"])
        if len(part) >= BATCH:
            await flush()
    if part:
        await flush()
    return saved


async def _settle_strays(index: SearchIndex, record: SearchRecord, object_ids: list[str], report: SyncReport) -> None:
    """Delete records unless a document, written meanwhile, stands behind them by now."""
    built = await build_records(record, await record.documents_of(object_ids))
    wanted = {str(each["objectID"]) for each in built.save}
    gone = [each for each in object_ids if each not in wanted]
    await _write(index, record, Batch(built.save, gone), report)


async def _write(index: SearchIndex, record: SearchRecord, batch: Batch, report: SyncReport) -> None:
    if batch.save:
        await index.save_objects(record.index, batch.save)
        report.saved[record.index] = report.saved.get(record.index, 0) + len(batch.save)
    if batch.delete:
        await index.delete_objects(record.index, batch.delete)
        report.deleted[record.index] = report.deleted.get(record.index, 0) + len(batch.delete)
