"""Writing the record of every document: readers of ranges and writers side by side, with marks to go on from."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from docstore._tasks import run_together
from docstore.search.reading import Misfits, parsed
from docstore.search.records import Built, SearchRecord
from docstore.search.scanning import Range, rows_of
from docstore.search.writing import RecordWriter

WRITERS = 3
_MARK_EVERY_S = 2.0


@dataclass
class Part:
    """A range of ids, and how far it is done: everything up to `after` is written."""

    within: Range
    after: Any = None
    looked_at: int = 0
    saved: int = 0
    finished: bool = False
    _done: list[tuple[int, Any, int, int]] = field(default_factory=list)
    _next: int = 0

    def done(self, number: int, last: Any, documents: int, saved: int) -> None:
        """The chunk of this number is written; chunks may be finished out of their order."""
        heapq.heappush(self._done, (number, last, documents, saved))
        while self._done and self._done[0][0] == self._next:
            _, self.after, documents, saved = heapq.heappop(self._done)
            self.looked_at += documents
            self.saved += saved
            self._next += 1


@dataclass
class BuildCounts:
    """What a build did: records written and their bytes, and those that cannot be written."""

    saved: int = 0
    bytes: int = 0
    parked: int = 0


OnMark = Callable[[], Awaitable[None]]
_Chunk = tuple[Part, int, list[dict[str, Any]]]


async def built_from(record: SearchRecord, rows: Sequence[dict[str, Any]]) -> Built:
    """The records of stored documents."""
    misfits: Misfits = []
    documents = [each for each in parsed(record.model, rows, misfits) if record.should_index(each)]
    by_object = {record.object_id_of(each): each for each in documents}
    if record.object_id is not None and by_object:
        # The record of an objectID that several documents have is that of one of them, wherever the others are read.
        owners = await record.owners(by_object)
        by_object = {key: each for key, each in by_object.items() if key in owners and owners[key].id == each.id}
    made = await record.compose(list(by_object.values())) if by_object else []
    return Built(dict(zip(by_object, made, strict=True)), [], by_object, record.unfit(misfits, by_object))


class Builder:
    """Writes the records of all documents of some ranges.

    Args:
        writer: where they go.
        record: the kind.
        dry: make and check the records, and write nothing.
        on_mark: called now and then, and at the end, when everything up to the marks of the parts is written.
        on_progress: called with how many documents were looked at since the beginning, earlier runs included.
    """

    def __init__(
        self,
        writer: RecordWriter,
        record: SearchRecord,
        *,
        dry: bool = False,
        on_mark: OnMark | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self._writer = writer
        self._record = record
        self._dry = dry
        self._on_mark = on_mark
        self._on_progress = on_progress
        self._marked_at = time.monotonic()
        self._marking = asyncio.Lock()
        self._reading = 0
        self.counts = BuildCounts()

    async def run(self, parts: Sequence[Part]) -> None:
        """Read and write until all is done."""
        chunks: asyncio.Queue[_Chunk | None] = asyncio.Queue(maxsize=WRITERS)
        looked = [sum(part.looked_at for part in parts)]
        unread = [part for part in parts if not part.finished]
        self._reading = len(unread)
        if unread:
            await run_together(
                [
                    *(self._read(part, chunks) for part in unread),
                    *(self._work(chunks, looked) for _ in range(WRITERS)),
                ]
            )
        for part in parts:
            part.finished = True
        if not self._dry:
            await self._writer.settle()
        await self._mark(at_once=True)

    async def _read(self, part: Part, chunks: asyncio.Queue[_Chunk | None]) -> None:
        number = 0
        async for rows in rows_of(self._record, part.within, after=part.after):
            await chunks.put((part, number, rows))
            number += 1
        self._reading -= 1
        if not self._reading:
            await chunks.put(None)

    async def _work(self, chunks: asyncio.Queue[_Chunk | None], looked: list[int]) -> None:
        while (chunk := await chunks.get()) is not None:
            part, number, rows = chunk
            saved = await self._write(rows)
            part.done(number, rows[-1]["_id"], len(rows), saved)
            looked[0] += len(rows)
            if self._on_progress is not None:
                self._on_progress(looked[0])
            await self._mark()
        await chunks.put(None)  # for the next writer

    async def _write(self, rows: Sequence[dict[str, Any]]) -> int:
        built = await built_from(self._record, rows)
        prepared = self._writer.prepare(built)
        if not self._dry:
            await self._writer.remember(built)
            await self._writer.write(prepared, wait=False)
        self.counts.saved += len(prepared.save)
        self.counts.bytes += sum(len(each.body) for each in prepared.save.values())
        self.counts.parked += len(prepared.unfit)
        return len(prepared.save)

    async def _mark(self, *, at_once: bool = False) -> None:
        if self._on_mark is None or (not at_once and time.monotonic() - self._marked_at < _MARK_EVERY_S):
            return
        if self._marking.locked() and not at_once:
            return
        async with self._marking:
            self._marked_at = time.monotonic()
            await self._on_mark()
