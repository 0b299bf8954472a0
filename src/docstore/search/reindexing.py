"""Building an index anew beside the one in use, and putting it in its place: atomic, resumable, losing no write."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pydantic import JsonValue
from pymongo.asynchronous.database import AsyncDatabase

from docstore.clients.leases import MongoLease
from docstore.clients.protocols import SearchIndex
from docstore.documents import utc_now
from docstore.errors import ReindexRefused
from docstore.search.building import Builder, Part
from docstore.search.changes import ChangeLog, Replay
from docstore.search.checkpoints import SearchReindex, Stage
from docstore.search.options import ReindexOptions, ReindexReport
from docstore.search.parked import unpark_older
from docstore.search.patience import patient
from docstore.search.progress import OnProgress, Progress
from docstore.search.records import SearchRecord
from docstore.search.scanning import expected_documents, ranges
from docstore.search.settings import configuration_of, push_settings
from docstore.search.settings_files import declared_settings
from docstore.search.sync import SyncReport, apply_changes
from docstore.search.temporaries import sweep, temporary_name
from docstore.search.writing import RecordWriter

_USUAL = ReindexOptions()
_FEW_CHANGES = 100
_LOOKS = 5
_KEPT_SHARE = 0.9
_DOCUMENTS_FOR_A_READER = 250_000
_MOST_READERS = 4
_PENDING_WAIT_S = 60.0

_log = logging.getLogger("docstore.search")


async def reindex(
    index: SearchIndex,
    record: SearchRecord,
    log: ChangeLog,
    database: AsyncDatabase[dict[str, Any]],
    *,
    options: ReindexOptions = _USUAL,
    on_progress: OnProgress | None = None,
) -> ReindexReport:
    """Build the index of a kind of record anew, and put it in the place of the one in use.

    Searches see the old index until the move, and all of the new one from then on. Settings, synonyms, rules and
    replicas stay. Changes that were committed since the start are replayed onto the new index before the move, and
    those that came meanwhile after it. One process at a time; one that was killed is gone on with by the next call.

    Args:
        index: the search engine.
        record: the kind.
        log: where committed changes are found.
        database: the raw database, for the lease.
        options: see `ReindexOptions`.
        on_progress: told after each chunk.

    Raises:
        ReindexRefused: the new index is empty or much smaller; it is kept for a call with `force`.
        LeaseHeld: another process is at it.
        LeaseLost: this one stood still too long; call again.
        ServerUnavailable, OperationTimeout: a server stayed away; call again.
    """
    run = _Reindex(patient(index, options.patience_s), record, log, options, on_progress)
    started = time.monotonic()
    if options.dry_run:
        report = await run.look()
    else:
        async with MongoLease(database, f"search reindex {record.index}", ttl=options.lease_s) as lease:
            report = await run.run(lease)
    report.seconds = time.monotonic() - started
    return report


class _Reindex:
    def __init__(
        self,
        index: SearchIndex,
        record: SearchRecord,
        log: ChangeLog,
        options: ReindexOptions,
        on_progress: OnProgress | None,
    ) -> None:
        self._index = index
        self._record = record
        self._log = log
        self._options = options
        self._on_progress = on_progress
        self._name = record.index
        self._temporary = temporary_name(record.index)
        self._report = ReindexReport(record.index)
        self._deleted = 0
        self._total: int | None = None

    async def look(self) -> ReindexReport:
        """Make and check every record; write nothing."""
        total = await self._expected()
        writer = RecordWriter(self._index, self._record)
        builder = Builder(writer, self._record, dry=True, on_progress=self._telling("checking", total))
        await builder.run(await self._parts(total))
        self._report.counts = builder.counts
        self._report.previous = await self._index.count(self._name)
        self._report.records = builder.counts.saved
        if not self._options.force:
            self._report.refusal = self._too_small(builder.counts.saved, self._report.previous)
        return self._report

    async def run(self, lease: MongoLease) -> ReindexReport:
        """From wherever the last one stopped to the end."""
        checkpoint = await self._resumed() or await self._begin()
        self._report.previous = checkpoint.previous
        begun = utc_now()
        if checkpoint.stage is Stage.BUILDING:
            await self._build(checkpoint, lease)
        replay = Replay(self._log, checkpoint.replayed_to)
        before = 0
        if checkpoint.stage is not Stage.MOVED:
            before = await self._catch_up(replay, self._temporary)
            await self._refuse_small(checkpoint)
            before += await self._catch_up(replay, self._temporary)
            lease.check()
            await self._move(checkpoint, replay)
        await self._configure(checkpoint)
        after = await self._catch_up(replay, None)
        await checkpoint.forget()
        if not self._report.resumed:
            await unpark_older(self._name, begun)
        self._report.replayed = (before, after)
        self._report.records = await self._index.count(self._name)
        _log.info("Index %s: %d records.", self._name, self._report.records)
        return self._report

    async def _resumed(self) -> SearchReindex | None:
        checkpoint = await SearchReindex.load(self._name)
        if checkpoint is None or self._options.restart or not checkpoint.is_usable(await self._log.now()):
            return None
        there = await self._settled_temporary()
        if checkpoint.stage is Stage.BUILDING and not there:
            return None
        if checkpoint.stage is Stage.MOVING and not there:
            # The move was carried out, and whoever asked for it did not live to hear of it.
            await checkpoint.keep(stage=Stage.MOVED)
        self._report.resumed = True
        return checkpoint

    async def _settled_temporary(self) -> bool:
        """Whether the temporary index exists, once nothing of it is under way any more."""
        deadline = time.monotonic() + _PENDING_WAIT_S
        while True:
            found = [each for each in await self._index.list_indexes() if each.name == self._temporary]
            if not found or not found[0].pending or time.monotonic() > deadline:
                return bool(found)
            await asyncio.sleep(0.5)

    async def _begin(self) -> SearchReindex:
        now = await self._log.now()
        # The order is that of a process which may die after each step: no checkpoint without what it speaks of.
        if (old := await SearchReindex.load(self._name)) is not None:
            await old.forget()
        self._report.swept = await sweep(self._index, self._name)
        exists = await self._index.exists(self._name)
        if exists:
            await self._index.copy_configuration(self._name, self._temporary)
        else:
            await push_settings(self._index, [self._name], into=self._temporary)
        checkpoint = SearchReindex(
            id=self._name,
            temporary=self._temporary,
            stage=Stage.BUILDING,
            started_at=now,
            replayed_to=now,
            parts=[],
            previous=await self._index.count(self._name) if exists else 0,
            first=not exists,
        )
        await checkpoint.keep(await self._parts(await self._expected()))
        return checkpoint

    async def _expected(self) -> int:
        if self._total is None:
            self._total = await expected_documents(self._record)
        return self._total

    async def _parts(self, total: int) -> list[Part]:
        readers = self._options.readers or min(_MOST_READERS, total // _DOCUMENTS_FOR_A_READER + 1)
        return [Part(each) for each in await ranges(self._record, readers)]

    async def _build(self, checkpoint: SearchReindex, lease: MongoLease) -> None:
        parts = checkpoint.read_parts()
        writer = RecordWriter(self._index, self._record, into=self._temporary)

        async def mark() -> None:
            lease.check()
            snapshot = [Part(each.within, each.after, each.looked_at, each.saved, each.finished) for each in parts]
            await writer.settle()  # a mark says that everything before it is written
            await checkpoint.keep(snapshot)

        builder = Builder(
            writer,
            self._record,
            on_mark=mark,
            on_progress=self._telling("building", await self._expected()),
        )
        await builder.run(parts)
        self._report.counts = builder.counts

    async def _catch_up(self, replay: Replay, into: str | None) -> int:
        apply = partial(self._apply, into=into)
        total = 0
        for _ in range(_LOOKS):
            news = await replay.catch_up(apply)
            total += news
            self._tell("replaying", total, total)
            if news <= _FEW_CHANGES:
                break
        return total

    async def _apply(self, changes: Sequence[tuple[str, str]], *, into: str | None) -> SyncReport:
        report = await apply_changes(self._index, changes, records=[self._record], into=into)
        self._deleted += report.deleted.get(self._name, 0)
        return report

    async def _refuse_small(self, checkpoint: SearchReindex) -> None:
        made, previous = await self._index.count(self._temporary), checkpoint.previous
        written = sum(each.saved for each in checkpoint.read_parts())
        if self._options.force:
            return
        if made < written * _KEPT_SHARE - self._deleted:
            raise ReindexRefused(
                f"the new index {self._name!r} has {made:,} records, though {written:,} were written to it.",
                hint=f"Somebody else changes index {self._temporary!r}. Run it again with --restart.",
            )
        if (why := self._too_small(made, previous)) is not None:
            raise ReindexRefused(
                why,
                hint="Look at the documents. If it is to be so, run it again with --force; --restart builds it anew.",
            )

    def _too_small(self, made: int, previous: int) -> str | None:
        if made >= previous * self._options.smallest_share:
            return None
        return f"the new index {self._name!r} has {made:,} records; the one in use has {previous:,}."

    async def _move(self, checkpoint: SearchReindex, replay: Replay) -> None:
        replicas: JsonValue = []
        # Of an index that somebody else's first write made meanwhile nothing is kept.
        if not checkpoint.first and await self._index.exists(self._name):
            # What was set meanwhile counts, too.
            held = await configuration_of(self._index, self._name)
            if held != await configuration_of(self._index, self._temporary):
                await self._index.copy_configuration(self._name, self._temporary)
            replicas = (await self._index.get_settings(self._name)).get("replicas") or []
        await checkpoint.keep(stage=Stage.MOVING, replicas=replicas, replayed_to=replay.reached)
        await self._index.move(self._temporary, self._name)
        await checkpoint.keep(stage=Stage.MOVED)

    async def _configure(self, checkpoint: SearchReindex) -> None:
        """What a move may leave to be done, also by another process than the one that moved."""
        replicas = checkpoint.replicas
        if replicas and (await self._index.get_settings(self._name)).get("replicas") != replicas:
            await self._index.set_settings(self._name, {"replicas": replicas})
        if checkpoint.first and self._name in declared_settings():
            await push_settings(self._index, [self._name])

    def _telling(self, stage: str, total: int) -> Callable[[int], None]:
        return lambda done: self._tell(stage, done, max(done, total))

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(self._name, stage, done, total))
