"""Following changes without a broker: a change stream tells them at once, and the outbox says what it did not tell."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self

from pymongo.asynchronous.database import AsyncDatabase

from docstore._tasks import Cancellations, came, ended
from docstore.clients.metrics import Metrics, NoMetrics
from docstore.clients.protocols import SearchIndex
from docstore.documents import DocumentChanged, PydanticObjectId
from docstore.outbox import OutboxEntry
from docstore.search import ALL_RECORDS, ChangeLog, Replay, SearchRecord, SearchWatch, SyncReport, apply_changes
from docstore.search.records import BATCH

SWEEP_S: Final = 15.0
"""How often the outbox is looked at while the change stream speaks."""

_GATHER_S: Final = 0.1
_AGAIN_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0

_log = logging.getLogger("docstore.workers")


class SearchWatcher:
    """Keeps records in step with every change, also of programs that write past docstore.

    A stream may break, or resume to silence: what counts is the outbox, from where the last run got to. When it knows
    of changes that the stream never told, the stream is opened anew. Run one, or several: they do the same work.

    Args:
        index: the search engine.
        log: committed changes.
        database: the raw database, for the stream.
        records: the kinds of records to keep.
        sweep_s: how often the log is looked at while the stream speaks.
        metrics: where counts go.
    """

    def __init__(
        self,
        index: SearchIndex,
        log: ChangeLog,
        database: AsyncDatabase[dict[str, Any]],
        *,
        records: Sequence[SearchRecord] = ALL_RECORDS,
        sweep_s: float = SWEEP_S,
        metrics: Metrics | None = None,
    ) -> None:
        self._index = index
        self._log = log
        self._database = database
        self._records = records
        self._sweep_s = sweep_s
        self._metrics = metrics or NoMetrics()
        self._sweep_at = 0.0
        self.total = SyncReport()
        """What was written so far."""

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set; servers that are away are waited for."""
        replay = Replay(self._log, await SearchWatch.reached(await self._log.now()))
        failures = 0
        cancellations = Cancellations()
        async with _Stream(self._database, _collections(self._records), replay, stop) as stream:
            while not stop.is_set():
                cancellations.raise_lost()
                try:
                    await self._step(replay, stream)
                except Exception as error:
                    failures += 1
                    _log.warning("Records could not be brought up to date (try %d): %s", failures, error)
                    await came(stop, min(2.0 ** min(failures, 10), _LONGEST_PAUSE_S))
                    continue
                failures = 0
                await stream.wait(_GATHER_S if stream.pending else (self._sweep_s if stream.speaks else _AGAIN_S))

    async def _step(self, replay: Replay, stream: _Stream) -> None:
        await self._drain(stream)
        if time.monotonic() < self._sweep_at:
            return
        was_silent = stream.silent_for_s(2 * self._sweep_s)
        missed = await self._sweep(replay, stream)
        if missed and was_silent and stream.speaks and stream.silent_for_s(2 * self._sweep_s):
            _log.warning("The change stream did not tell of %d changes; it is opened anew.", missed)
            stream.reopen()
        await self._drain(stream)
        self._sweep_at = time.monotonic() + (self._sweep_s if stream.speaks else _AGAIN_S)
        # What the stream told and is still to be written is not that old: the next run looks back far enough.
        await SearchWatch.reach(replay.reached)

    async def _drain(self, stream: _Stream) -> None:
        while stream.pending:
            async with stream.taken(BATCH) as part:
                await self._apply(part)

    async def _sweep(self, replay: Replay, stream: _Stream) -> int:
        """Look at the log; what the stream tells meanwhile does not wait for that."""
        looking = asyncio.create_task(replay.catch_up(self._apply))
        try:
            while not looking.done():
                await self._drain(stream)
                await asyncio.wait({looking}, timeout=_GATHER_S)
            return looking.result()
        finally:
            await ended([looking])

    async def _apply(self, changes: Sequence[tuple[str, str]]) -> None:
        report = await apply_changes(self._index, changes, records=self._records)
        self.total.merge(report)
        self._metrics.count("search_saved", sum(report.saved.values()))
        self._metrics.count("search_deleted", sum(report.deleted.values()))
        self._metrics.count("search_parked", sum(report.parked.values()))


class _Stream:
    """The database's change stream: which documents changed, and which rows of the outbox are told by that."""

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], collections: Sequence[str], replay: Replay, stop: asyncio.Event
    ) -> None:
        self._database = database
        self._outbox = OutboxEntry.get_collection_name()
        self._pipeline = [{"$match": {"ns.coll": {"$in": [*collections, self._outbox]}}}]
        self._replay = replay
        self._stop = stop
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard_at = 0.0
        self.speaks = False
        self.pending: dict[tuple[str, str], None] = {}

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._end())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await ended(self._tasks)

    @asynccontextmanager
    async def taken(self, most: int) -> AsyncIterator[list[tuple[str, str]]]:
        """A block for some of what is pending. It is pending again if the block fails, or it is told of again."""
        part = list(islice(self.pending, most))
        for each in part:
            del self.pending[each]
        try:
            yield part
        except BaseException:
            self.pending = dict.fromkeys(part) | self.pending
            raise

    def silent_for_s(self, seconds: float) -> bool:
        """Whether it told nothing for so long, though it was open."""
        return time.monotonic() - self._heard_at > seconds

    def reopen(self) -> None:
        """Open it anew."""
        old, self._tasks[0] = self._tasks[0], asyncio.create_task(self._watch())
        self.speaks = False
        self._tasks.append(asyncio.create_task(ended([old])))

    async def wait(self, seconds: float) -> None:
        """Wait for news, then a little for more of it; or until the time is up."""
        if await came(self._news, seconds) and not self._stop.is_set():
            await asyncio.sleep(_GATHER_S)
        if not self._stop.is_set():
            self._news.clear()

    async def _end(self) -> None:
        await self._stop.wait()
        self._news.set()

    async def _watch(self) -> None:
        while True:
            try:
                # No resume token: one that points past what a server kept would resume to silence.
                async with await self._database.watch(self._pipeline) as stream:
                    self.speaks, self._heard_at = True, time.monotonic()
                    async for event in stream:
                        self._note(event)
            except Exception as error:  # a server without change streams, or one that is away
                _log.debug("No change stream (%s); the outbox is polled.", type(error).__name__)
            finally:
                self.speaks = False
            await asyncio.sleep(_AGAIN_S)

    def _note(self, event: dict[str, Any]) -> None:
        self._heard_at = time.monotonic()
        name, key = event["ns"]["coll"], event["documentKey"]["_id"]
        if name != self._outbox:
            self.pending[name, str(key)] = None
        elif event["operationType"] == "insert" and event["fullDocument"].get("name") == DocumentChanged.name:
            row = event["fullDocument"]
            # The row's own word, too: the stream may end before the document's change is told.
            self.pending[row["payload"]["changedCollection"], row["aggregateId"]] = None
            self._replay.told(PydanticObjectId(key))
        else:
            return
        self._news.set()


def _collections(records: Sequence[SearchRecord]) -> list[str]:
    return sorted({name for each in records for name in (each.model.get_collection_name(), *each.touched_by)})
