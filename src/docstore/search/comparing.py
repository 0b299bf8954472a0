"""Comparing an index with the documents: what is missing, stale or orphaned, and mending it, in constant memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from docstore.clients.protocols import SearchIndex
from docstore.search.building import built_from
from docstore.search.emptying import refuse_to_empty
from docstore.search.hashing import Fingerprints, content_hash
from docstore.search.parked import parked_ids
from docstore.search.patience import patient
from docstore.search.progress import OnProgress, Progress
from docstore.search.records import SearchRecord, build
from docstore.search.scanning import Range, expected_documents, rows_of
from docstore.search.sync import SyncReport, write_through
from docstore.search.writing import Prepared, RecordWriter

_PAGE = 1_000
_LOOKED_AT_AGAIN = 10_000
_NAMED = 20


class Differences(NamedTuple):
    """ObjectIDs by what is wrong with their records; those of `unfit` cannot be written at all."""

    missing: list[str]
    stale: list[str]
    orphaned: list[str]
    unfit: list[str]

    def all(self) -> list[str]:
        """Every objectID that can be mended."""
        return [*self.missing, *self.stale, *self.orphaned]


@dataclass
class VerifyReport:
    """How an index compares with the documents.

    Attributes:
        index: its name.
        compared: records that were compared.
        missing: how many records are not there.
        stale: how many are not what their documents say.
        orphaned: how many have no document.
        unfit: how many records cannot be written as they are; they are not counted as missing or stale.
        mended: records that were saved, deleted and parked, where it was asked for.
        examples: some objectIDs of each kind.
    """

    index: str
    compared: int = 0
    missing: int = 0
    stale: int = 0
    orphaned: int = 0
    unfit: int = 0
    mended: SyncReport = field(default_factory=SyncReport)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing differs, or all of it was mended."""
        return not (self.missing or self.stale or self.orphaned)

    def note(self, found: Differences) -> None:
        """Count differences."""
        self.missing += len(found.missing)
        self.stale += len(found.stale)
        self.orphaned += len(found.orphaned)
        self.name(found)

    def name(self, found: Differences) -> None:
        """Keep some objectIDs as examples."""
        for kind, ids in found._asdict().items():
            kept = self.examples.setdefault(kind, [])
            kept.extend(ids[: _NAMED - len(kept)])


async def verify(
    index: SearchIndex,
    record: SearchRecord,
    *,
    mend: bool = False,
    force: bool = False,
    grace_s: float = 0.0,
    on_progress: OnProgress | None = None,
    patience_s: float = 0.0,
) -> VerifyReport:
    """Compare every record with its document by its content.

    What differs is looked at a second time before it counts, since changes may be on their way.

    Args:
        index: the search engine.
        record: the kind.
        mend: write what is missing or stale, delete what is orphaned, and park what cannot be written.
        force: mend also where that deletes more than half of an index of more than a thousand records.
        grace_s: how long to wait before the second look.
        on_progress: told after each chunk.
        patience_s: for how long an engine that is away is asked again.

    Raises:
        ReindexRefused: to mend would delete that much; nothing was written.
    """
    index = patient(index, patience_s)
    if mend and not force:
        await refuse_to_empty(index, record)
    report = VerifyReport(record.index)
    waiting: list[str] = []
    async with aclosing(differences(index, record, report, on_progress)) as found:
        async for each in found:
            report.unfit += len(each.unfit)
            report.name(Differences([], [], [], each.unfit))
            if mend:
                await mend_records(index, record, each.unfit, report.mended)
            room = _LOOKED_AT_AGAIN - len(waiting)
            ids = each.all()
            waiting += ids[:room]
            if len(ids) > room:
                report.note(await _settled(index, record, ids[room:], report, mend=mend))
    if waiting:
        await asyncio.sleep(grace_s)
        waiting = list(dict.fromkeys(waiting))  # a page of records that was asked for again names some twice
        for start in range(0, len(waiting), _PAGE):
            report.note(await _settled(index, record, waiting[start : start + _PAGE], report, mend=mend))
    return report


async def sync_index(
    index: SearchIndex,
    record: SearchRecord,
    *,
    force: bool = False,
    on_progress: OnProgress | None = None,
    patience_s: float = 0.0,
) -> SyncReport:
    """Write every record that is not what its document says, delete those without one, and try parked ones again.

    An engine that is away is asked again for `patience_s` seconds.

    Raises:
        ReindexRefused: more than half of an index of more than a thousand records would be deleted, and it is not
            forced; nothing was written.
    """
    index = patient(index, patience_s)
    if not force:
        await refuse_to_empty(index, record)
    report = SyncReport()
    parked = await parked_ids(record.index)
    await mend_records(index, record, parked, report)
    async with aclosing(differences(index, record, VerifyReport(record.index), on_progress)) as found:
        async for each in found:
            await mend_records(index, record, [*each.all(), *(key for key in each.unfit if key not in parked)], report)
    return report


async def differences(
    index: SearchIndex, record: SearchRecord, report: VerifyReport, on_progress: OnProgress | None
) -> AsyncGenerator[Differences, None]:
    """What differs, chunk by chunk: first by the documents, then by the records that have none."""
    total, done = await expected_documents(record), 0
    expected = Fingerprints()
    writer = RecordWriter(index, record)
    async with aclosing(rows_of(record, Range())) as chunks:
        async for rows in chunks:
            prepared = writer.prepare(await built_from(record, rows))
            for object_id in (*prepared.save, *prepared.unfit):
                expected.add(object_id)
            report.compared += len(prepared.save)
            done += len(rows)
            found = _compared(prepared, await index.get_objects(record.index, list(prepared.save)))
            if found.all() or found.unfit:
                yield found
            _tell(on_progress, record, "comparing", done, max(total, done))
    expected.sort()
    orphans: list[str] = []
    seen = 0
    async for hit in index.browse(record.index, attributes=["objectID"]):
        seen += 1
        if str(hit["objectID"]) not in expected:
            orphans.append(str(hit["objectID"]))
        if len(orphans) >= _PAGE:
            yield Differences([], [], orphans, [])
            orphans = []
        if seen % _PAGE == 0:
            _tell(on_progress, record, "orphans", seen, max(total, seen))
    if orphans:
        yield Differences([], [], orphans, [])


async def mend_records(
    index: SearchIndex, record: SearchRecord, object_ids: Collection[str], report: SyncReport
) -> None:
    """Have the index hold what stands behind these objectIDs."""
    wanted = list(object_ids)
    for start in range(0, len(wanted), _PAGE):
        part = set(wanted[start : start + _PAGE])

        async def ids(part: set[str] = part) -> set[str]:
            return part

        await write_through(RecordWriter(index, record), record, ids, report)


async def _settled(
    index: SearchIndex, record: SearchRecord, object_ids: Collection[str], report: VerifyReport, *, mend: bool
) -> Differences:
    """What still differs at a second look; nothing, when it was mended then."""
    built = await build(record, object_ids)
    prepared = RecordWriter(index, record).prepare(built)
    held = await index.get_objects(record.index, list(object_ids))
    found = _compared(prepared, held)
    orphaned = [each for each in prepared.delete if each in held]
    found = Differences(found.missing, found.stale, orphaned, [])  # those that do not fit were counted
    if mend and found.all():
        report.name(found)
        await mend_records(index, record, found.all(), report.mended)
        return Differences([], [], [], [])
    return found


def _compared(prepared: Prepared, held: Mapping[str, Mapping[str, Any]]) -> Differences:
    missing = [each for each in prepared.save if each not in held]
    stale = [
        object_id
        for object_id, record in prepared.save.items()
        if object_id in held and content_hash(json.loads(record.body)) != content_hash(held[object_id])
    ]
    return Differences(missing, stale, [], list(prepared.unfit))


def _tell(on_progress: Callable[[Progress], None] | None, record: SearchRecord, stage: str, done: int, of: int) -> None:
    if on_progress is not None:
        on_progress(Progress(record.index, stage, done, of))
