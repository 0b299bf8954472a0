"""Changing a collection's documents in batches: each batch, what is kept of it and its checkpoint commit together.

A batch that was killed did not happen; one that committed is not repeated. Documents are read by ``_id`` in constant
memory; those that change meanwhile make the batch start over, with what they are by then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from docstore.schema.migrations.batch_changes import Batch, BatchChanges
from docstore.schema.migrations.document_steps import DocumentStep
from docstore.schema.migrations.entries import StepRecord
from docstore.schema.migrations.kept import KeptRows
from docstore.schema.migrations.listing import Listing
from docstore.schema.migrations.sessions import current_session
from docstore.schema.migrations.values import Row

Transact = Callable[[Callable[[], Awaitable[StepRecord | None]]], Awaitable[StepRecord | None]]

_SLICE: Final = 20
"""Ids in one `$in`: larger ones slow some servers down by more than their number."""

_FLUSH_BYTES: Final = 8_000_000


class _Stale(Exception):
    """A document is not as it was listed."""


class BatchRun:
    """One step's way through a collection.

    Args:
        database: the raw database.
        step: what is to happen.
        kept: where earlier states are kept, when any are.
        way: for which way they are kept.
        claim: begins a batch's transaction with a write that another process's would conflict with.
        checkpoint: writes down where the step is, inside the batch's transaction.
        transact: runs work in a transaction, again when it loses a race.
        record: where it is now.
        batch_size: documents in a batch.
        throttle: most documents a second; None for as many as go.
        bypass: whether writes pass by the collection's validator.
        until: the id of the last document to look at, in a one-element tuple; empty for all.
        live: whether the server's cursors show documents as they are when they are asked for.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        step: DocumentStep,
        *,
        kept: KeptRows | None,
        way: str,
        claim: Callable[[], Awaitable[None]],
        checkpoint: Callable[[StepRecord], Awaitable[None]],
        transact: Transact,
        record: StepRecord,
        batch_size: int,
        throttle: float | None,
        bypass: bool,
        until: tuple[Any, ...] = (),
        live: bool = False,
    ) -> None:
        self._database = database
        self._until = until
        self._live = live
        # Updates that find nothing but what was listed need not read it again.
        self._guarded = step.fills is not None and not live and current_session() is None
        self._collection = database[step.collection]
        self._step = step
        self._kept = kept
        self._way = way
        self._claim = claim
        self._checkpoint = checkpoint
        self._transact = transact
        self._record = record
        self._batch_size = batch_size
        self._throttle = throttle
        self._bypass = bypass
        self._changes = BatchChanges(step, keeps=kept is not None, guarded=self._guarded)

    async def run(self, on_batch: Callable[[StepRecord], None]) -> StepRecord:
        """Go through the collection from where the record is; tells the record after each batch.

        Raises:
            MigrationFailed: a value cannot be converted, and on_error is "stop".
        """
        start, first = time.monotonic(), self._record.documents
        async with self._listing() as listing:
            while await self._next(listing):
                on_batch(self._record)
                await self._pause(start, self._record.documents - first)
        return self._record

    def _notes(self) -> dict[str, Any]:
        return {**self._record.notes, **self._changes.problems.notes()}

    async def _pause(self, start: float, done: int) -> None:
        if self._throttle:
            ahead = done / self._throttle - (time.monotonic() - start)
            if ahead > 0:
                await asyncio.sleep(ahead)

    @asynccontextmanager
    async def _listing(self) -> AsyncIterator[Listing]:
        ambient = current_session()
        step = self._step
        # What is read again in the transaction is listed by its ids.
        by_ids = step.stages or (step.update and not step.fields) or not (self._live or self._guarded)
        fields = {"_id": 1} if by_ids else dict.fromkeys(step.fields, 1)
        async with AsyncExitStack() as stack:
            session = ambient or await stack.enter_async_context(self._database.client.start_session())
            listing = Listing(
                self._collection,
                step.where,
                fields,
                self._batch_size,
                session,
                () if self._record.after is None else (self._record.after,),
                self._until,
            )
            try:
                yield listing
            finally:
                await asyncio.shield(listing.close())

    async def _next(self, listing: Listing) -> bool:
        """Change the next batch; whether there was one."""
        known = self._changes.problems
        before = replace(known, ids=list(known.ids))
        listed: list[Row] = []

        async def work() -> StepRecord | None:
            self._changes.problems = replace(before, ids=list(before.ids))
            # The transaction has begun with this write, so what is listed now is as it sees it, or cannot be changed.
            await self._claim()
            again = bool(listed)
            if not again:
                listed.extend(await listing.next())
            if not listed:
                return None
            batch = Batch()
            if again or self._step.stages or not (self._live or self._guarded):
                await self._change_by_ids(batch, [row["_id"] for row in listed])
            else:
                await self._change_all(batch, listed, {})
            await self._flush(batch)
            record = replace(
                self._record,
                documents=self._record.documents + batch.changed,
                after=listed[-1]["_id"],
                notes=self._notes(),
            )
            await self._checkpoint(record)
            return record

        try:
            record = await self._transact(work)
        except _Stale:
            record = await self._transact(work)  # with what the documents are by now
        self._record = record or self._record
        return record is not None

    async def _change_by_ids(self, batch: Batch, ids: list[Any]) -> None:
        """Read documents in the transaction, and change them."""
        for start in range(0, len(ids), _SLICE):
            chosen = ids[start : start + _SLICE]
            computed = await self._computed(chosen) if self._step.stages else {}
            await self._change_all(batch, await (await self._read(chosen)).to_list(), computed)

    async def _change_all(self, batch: Batch, documents: list[Row], computed: Mapping[str, Row]) -> None:
        for document in documents:
            self._changes.add(batch, document, computed)
            if batch.size > _FLUSH_BYTES:
                await self._flush(batch)

    async def _read(self, ids: list[Any]) -> Any:
        fields = dict.fromkeys(self._step.fields, 1)
        where = dict(self._step.where)
        if not any(name == "_id" or name.startswith("$") for name in where):
            return self._collection.find({"_id": {"$in": ids}, **where}, fields or None, session=current_session())
        # Beside `$or` not every server finds the ids by their index, so they come first.
        stages = [*self._matched(ids), *([{"$project": fields}] if fields else [])]
        return await self._collection.aggregate(stages, session=current_session())

    def _matched(self, ids: list[Any]) -> list[dict[str, Any]]:
        return [{"$match": {"_id": {"$in": ids}}}, {"$match": dict(self._step.where)}]

    async def _computed(self, ids: list[Any]) -> dict[str, Row]:
        cursor = await self._collection.aggregate([*self._matched(ids), *self._step.stages], session=current_session())
        return {repr(each["_id"]): each async for each in cursor}

    async def _flush(self, batch: Batch) -> None:
        if batch.updates:
            done = await self._collection.bulk_write(
                batch.updates, ordered=False, session=current_session(), bypass_document_validation=self._bypass or None
            )
            if self._guarded and done.matched_count != len(batch.updates):
                raise _Stale
        if batch.items and self._kept is not None:
            await self._kept.keep(self._way, batch.items, current_session())
        batch.changed += len(batch.updates)
        batch.updates, batch.items, batch.size = [], [], 0
