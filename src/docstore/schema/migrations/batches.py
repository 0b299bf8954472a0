"""Changing a collection's documents in batches: each batch, what is kept of it and its checkpoint commit together.

A batch that was killed did not happen; one that committed is not repeated. Documents are read by ``_id`` in constant
memory; those that change meanwhile make the batch start over, with what they are by then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bson import encode
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import current_transaction
from docstore.errors import MigrationFailed
from docstore.schema.migrations.document_steps import DocumentStep, Problems, Unconvertible
from docstore.schema.migrations.journal import StepRecord
from docstore.schema.migrations.kept import Item, KeptRows
from docstore.schema.migrations.listing import Listing
from docstore.schema.migrations.values import MISSING, Row, copied, difference, state_of

Transact = Callable[[Callable[[], Awaitable[StepRecord | None]]], Awaitable[StepRecord | None]]

_SLICE: Final = 20
"""Ids in one `$in`: larger ones slow some servers down by more than their number."""

_FLUSH_BYTES: Final = 8_000_000

_NO_VALUE: Final = {True: {"$type": "null"}, False: {"$exists": False}}
"""The filter of a field without a value, by whether it is there."""


class _Stale(Exception):
    """A document is not as it was listed."""


@dataclass
class _Batch:
    """What one batch came to."""

    updates: list[UpdateOne] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    size: int = 0
    changed: int = 0


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
        self._guarded = step.fills is not None and not live and _session() is None
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
        self.problems = Problems()

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
        return {**self._record.notes, **self.problems.notes()}

    async def _pause(self, start: float, done: int) -> None:
        if self._throttle:
            ahead = done / self._throttle - (time.monotonic() - start)
            if ahead > 0:
                await asyncio.sleep(ahead)

    @asynccontextmanager
    async def _listing(self) -> AsyncIterator[Listing]:
        ambient = _session()
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
        before = copied({"count": self.problems.count, "ids": self.problems.ids, "reason": self.problems.reason})
        listed: list[Row] = []

        async def work() -> StepRecord | None:
            self.problems = Problems(before["count"], list(before["ids"]), before["reason"])
            # The transaction has begun with this write, so what is listed now is as it sees it, or cannot be changed.
            await self._claim()
            again = bool(listed)
            if not again:
                listed.extend(await listing.next())
            if not listed:
                return None
            batch = _Batch()
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

    async def _change_by_ids(self, batch: _Batch, ids: list[Any]) -> None:
        """Read documents in the transaction, and change them."""
        for start in range(0, len(ids), _SLICE):
            chosen = ids[start : start + _SLICE]
            computed = await self._computed(chosen) if self._step.stages else {}
            await self._change_all(batch, await (await self._read(chosen)).to_list(), computed)

    async def _change_all(self, batch: _Batch, documents: list[Row], computed: Mapping[str, Row]) -> None:
        for document in documents:
            self._change(batch, document, computed)
            if batch.size > _FLUSH_BYTES:
                await self._flush(batch)

    async def _read(self, ids: list[Any]) -> Any:
        fields = dict.fromkeys(self._step.fields, 1)
        where = dict(self._step.where)
        if not any(name == "_id" or name.startswith("$") for name in where):
            return self._collection.find({"_id": {"$in": ids}, **where}, fields or None, session=_session())
        # Beside `$or` not every server finds the ids by their index, so they come first.
        stages = [*self._matched(ids), *([{"$project": fields}] if fields else [])]
        return await self._collection.aggregate(stages, session=_session())

    def _matched(self, ids: list[Any]) -> list[dict[str, Any]]:
        return [{"$match": {"_id": {"$in": ids}}}, {"$match": dict(self._step.where)}]

    async def _computed(self, ids: list[Any]) -> dict[str, Row]:
        cursor = await self._collection.aggregate([*self._matched(ids), *self._step.stages], session=_session())
        return {repr(each["_id"]): each async for each in cursor}

    def _change(self, batch: _Batch, document: Row, computed: Mapping[str, Row]) -> None:
        step = self._step
        if step.update is not None and self._kept is None:
            batch.updates.append(UpdateOne({"_id": document["_id"]}, dict(step.update)))
            return
        if step.fills is not None:
            self._fill(batch, document, *step.fills)
            return
        new = copied(document)
        if step.stages:
            made = computed.get(repr(document["_id"]), document)
            new = {**new, **{name: made[name] for name in made if not step.fields or name in step.fields}}
        elif step.change is not None:
            try:
                step.change(new)
            except Unconvertible as error:
                self._refused(document, new, error)
        change = difference(document, new)
        if "_id" in change.was:
            raise MigrationFailed(
                f"{step.label}: it changes the _id of {step.collection} {document['_id']}.",
                hint="Insert a document with the new id and delete the old one, in code of the migration's own.",
            )
        item = self._item(document, new, change.was)
        if item is not None:
            batch.items.append(item)
            batch.size += len(encode({path: value for path, value in item[1].items() if value is not MISSING}))
        if change:
            update = change.update()
            batch.size += len(encode(update))
            batch.updates.append(UpdateOne({"_id": document["_id"]}, update))

    def _fill(self, batch: _Batch, document: Row, field: str, value: Any) -> None:
        """As `_change`, where all that can be is known beforehand."""
        was = document.get(field, MISSING)
        if was is not MISSING and (was is not None or value is None):
            return  # null already, or a list with a null in it, which a filter for null finds, too
        guard = {field: _NO_VALUE[field in document]} if self._guarded else {}
        batch.updates.append(UpdateOne({"_id": document["_id"], **guard}, {"$set": {field: value}}))
        if self._kept is not None:
            batch.items.append((document["_id"], {field: was}, {field: value}))

    def _refused(self, document: Row, new: Row, error: Unconvertible) -> None:
        if self._step.on_error == "stop":
            raise MigrationFailed(
                f"{self._step.label}: {self._step.collection} {document['_id']}: {error}.",
                hint='Mend the document, or say on_error="skip" or on_error="null".',
                collection=self._step.collection,
            ) from error
        self.problems.add(document["_id"], error)
        new.clear()
        new.update(copied(document))
        if self._step.on_error == "null" and self._step.nullify is not None:
            self._step.nullify(new)

    def _item(self, old: Row, new: Row, changed: Mapping[str, Any]) -> Item | None:
        if self._kept is None:
            return None
        paths = list(changed)
        if self._step.keep == "inexact" and self._step.backward is not None:
            back = copied(new)
            self._step.backward(back)
            inexact = difference(back, old).was
            if not inexact:
                return None
            paths = _outermost([*paths, *inexact])
        return (old["_id"], state_of(old, paths), state_of(new, paths)) if paths else None

    async def _flush(self, batch: _Batch) -> None:
        if batch.updates:
            done = await self._collection.bulk_write(
                batch.updates, ordered=False, session=_session(), bypass_document_validation=self._bypass or None
            )
            if self._guarded and done.matched_count != len(batch.updates):
                raise _Stale
        if batch.items and self._kept is not None:
            await self._kept.keep(self._way, batch.items, _session())
        batch.changed += len(batch.updates)
        batch.updates, batch.items, batch.size = [], [], 0


async def refused_values(
    collection: AsyncCollection[dict[str, Any]], step: DocumentStep, *, session: Any = None
) -> Problems:
    """The documents of a collection whose values a step cannot convert, found by reading alone."""
    problems = Problems()
    if step.change is None:
        return problems
    cursor = collection.find(dict(step.where), dict.fromkeys(step.fields, 1) or None, session=session, batch_size=1000)
    async for document in cursor:
        try:
            step.change(document)
        except Unconvertible as error:
            problems.add(document["_id"], error)
    return problems


def _session() -> Any:
    transaction = current_transaction()
    return transaction.session if transaction else None


def _outermost(paths: Sequence[str]) -> list[str]:
    unique = list(dict.fromkeys(paths))
    return [path for path in unique if not any(path.startswith(f"{other}.") for other in unique)]
