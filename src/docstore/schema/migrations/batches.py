"""Changing a collection's documents in batches: each batch, what is kept of it and its checkpoint commit together.

A batch that was killed did not happen; one that committed is not repeated. Documents are read by ``_id`` in constant
memory; those that change meanwhile make the batch start over, with what they are by then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from bson import encode
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from docstore.documents import current_transaction
from docstore.errors import MigrationFailed
from docstore.schema.migrations.journal import StepRecord
from docstore.schema.migrations.kept import Item, KeptRows
from docstore.schema.migrations.values import Row, copied, difference, state_of

Change = Callable[[Row], None]
OnError = Literal["stop", "skip", "null"]

_SLICE: Final = 250
_FLUSH_BYTES: Final = 8_000_000
_NAMED: Final = 20
_CURSOR_SECONDS: Final = 300.0
_CURSOR_GONE: Final = frozenset({43, 237, 206})


class Unconvertible(ValueError):
    """A value cannot be changed as asked; the text says why, without the value."""


@dataclass(frozen=True)
class DocumentStep:
    """What is to happen to the documents of a collection.

    Args:
        label: says it in words; the same in every run.
        collection: its name.
        where: the documents that need it; none of them any more once it is done.
        fields: the top-level fields it looks at; all when empty.
        change: changes a document in place, as a plain function.
        stages: pipeline stages that change it on the server, instead of `change`.
        update: an update that needs nothing read, instead of both; its documents must match `where` still.
        keep: which earlier states are kept: of every changed document, or of those that `backward` cannot lead back to.
        backward: undoes `change` as far as it goes.
        on_error: what becomes of values that cannot be converted.
        nullify: puts null for them, with on_error="null".
    """

    label: str
    collection: str
    where: Mapping[str, Any]
    fields: tuple[str, ...] = ()
    change: Change | None = None
    stages: Sequence[Mapping[str, Any]] = ()
    update: Mapping[str, Any] | None = None
    keep: Literal["changed", "inexact"] | None = None
    backward: Change | None = None
    on_error: OnError = "stop"
    nullify: Change | None = None


@dataclass
class Problems:
    """Documents with values that could not be converted: how many, and the ids of some."""

    count: int = 0
    ids: list[str] = field(default_factory=list)
    reason: str = ""

    def add(self, id_: Any, error: Exception) -> None:
        """Count one."""
        self.count += 1
        self.reason = self.reason or str(error)
        if len(self.ids) < _NAMED:
            self.ids.append(str(id_))

    def notes(self) -> dict[str, Any]:
        """For the journal."""
        return {"unconvertible": self.count, "ids": self.ids, "reason": self.reason} if self.count else {}


@dataclass
class _Batch:
    """What one batch came to."""

    updates: list[UpdateOne] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    size: int = 0
    changed: int = 0


class _Moved(Exception):
    """Documents of a batch no longer are what they were when they were listed."""


class BatchRun:
    """One step's way through a collection.

    Args:
        database: the raw database.
        step: what is to happen.
        kept: where earlier states are kept, when any are.
        way: for which way they are kept.
        checkpoint: writes down where the step is, inside the batch's transaction.
        transact: runs work in a transaction, again when it loses a race.
        record: where it is now.
        batch_size: documents in a batch.
        throttle: most documents a second; None for as many as go.
        bypass: whether writes pass by the collection's validator.
        until: the id of the last document to look at, in a one-element tuple; empty for all.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        step: DocumentStep,
        *,
        kept: KeptRows | None,
        way: str,
        checkpoint: Callable[[StepRecord], Awaitable[None]],
        transact: Callable[[Callable[[], Awaitable[int]]], Awaitable[int]],
        record: StepRecord,
        batch_size: int,
        throttle: float | None,
        bypass: bool,
        until: tuple[Any, ...] = (),
    ) -> None:
        self._database = database
        self._until = until
        self._collection = database[step.collection]
        self._step = step
        self._kept = kept
        self._way = way
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
        async for rows in self._listed():
            changed = await self._committed(rows)
            self._record = replace(
                self._record, documents=self._record.documents + changed, after=rows[-1]["_id"], notes=self._notes()
            )
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

    async def _listed(self) -> AsyncIterator[list[Row]]:
        """The documents to change, listed in the order of their ids, a batch at a time."""
        after: list[Any] = [self._record.after] if self._record.after is not None else []
        while True:
            rows: list[Row] = []
            opened = time.monotonic()
            try:
                async with self._cursor(after) as cursor:
                    async for row in cursor:
                        if after and row["_id"] == after[0] and type(row["_id"]) is type(after[0]):
                            continue
                        rows.append(row)
                        if len(rows) >= self._batch_size:
                            yield rows
                            after, rows = [rows[-1]["_id"]], []
                            # A cursor that lives for long is forgotten by the server.
                            if time.monotonic() - opened > _CURSOR_SECONDS:
                                break
                    else:
                        rows += await self._last()
                        if rows:
                            yield rows
                        return
            except OperationFailure as error:
                if error.code not in _CURSOR_GONE:
                    raise

    async def _last(self) -> list[Row]:
        """The document up to which this goes, which the cursor's upper bound leaves out."""
        if not self._until:
            return []
        where = {"$and": [{"_id": self._until[0]}, dict(self._step.where)]}
        return await self._collection.find(where, self._listed_fields(), session=_session()).to_list()

    def _listed_fields(self) -> dict[str, int]:
        return {"_id": 1, **(dict.fromkeys(self._step.fields, 1) if self._step.update is not None else {})}

    def _cursor(self, after: list[Any]) -> Any:
        cursor = self._collection.find(
            dict(self._step.where),
            self._listed_fields(),
            sort=[("_id", 1)],
            batch_size=self._batch_size,
            session=_session(),
        )
        # Not `_id > x`: that leaves out ids of another type than x.
        # With the hint it is read in order, and never sorted in memory.
        cursor = cursor.hint([("_id", 1)])
        if self._until:
            cursor = cursor.max([("_id", self._until[0])])
        return cursor.min([("_id", after[0])]) if after else cursor

    async def _committed(self, rows: list[Row]) -> int:
        by_update = self._step.update is not None
        try:
            return await self._in_transaction(rows, by_update=by_update)
        except _Moved:
            return await self._in_transaction(rows, by_update=False)

    async def _in_transaction(self, rows: list[Row], *, by_update: bool) -> int:
        before = copied({"count": self.problems.count, "ids": self.problems.ids, "reason": self.problems.reason})

        async def work() -> int:
            self.problems = Problems(before["count"], list(before["ids"]), before["reason"])
            changed = await (self._updated(rows) if by_update else self._changed(rows))
            await self._checkpoint(
                replace(
                    self._record,
                    documents=self._record.documents + changed,
                    after=rows[-1]["_id"],
                    notes=self._notes(),
                )
            )
            return changed

        return await self._transact(work)

    async def _updated(self, rows: list[Row]) -> int:
        """Update documents by what was listed of them, as long as they are that still."""
        step, update = self._step, self._step.update
        assert update is not None
        session = _session()
        where = dict(step.where)
        updates = [UpdateOne({"_id": row["_id"], **where}, dict(update)) for row in rows]
        written = await self._collection.bulk_write(
            updates, ordered=False, session=session, bypass_document_validation=self._bypass or None
        )
        if written.matched_count != len(rows):
            raise _Moved
        if self._kept is not None and step.keep == "changed":
            given = update.get("$set", {})
            items = [(row["_id"], state_of(row, given), given) for row in rows]
            await self._kept.keep(self._way, items, session)
        return len(rows)

    async def _changed(self, rows: list[Row]) -> int:
        """Read the documents again in the transaction, and change them."""
        batch = _Batch()
        ids = [row["_id"] for row in rows]
        for start in range(0, len(ids), _SLICE):
            chosen = ids[start : start + _SLICE]
            computed = await self._computed(chosen) if self._step.stages else {}
            async for document in await self._read(chosen):
                self._change(batch, document, computed)
                if batch.size > _FLUSH_BYTES:
                    await self._flush(batch)
        await self._flush(batch)
        return batch.changed

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
        if change:
            update = change.update()
            batch.size += len(encode(update))
            batch.updates.append(UpdateOne({"_id": document["_id"]}, update))

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
            await self._collection.bulk_write(
                batch.updates, ordered=False, session=_session(), bypass_document_validation=self._bypass or None
            )
        if batch.items and self._kept is not None:
            await self._kept.keep(self._way, batch.items, _session())
        batch.changed += len(batch.updates)
        batch.updates, batch.items, batch.size = [], [], 0


async def refused_values(
    database: AsyncDatabase[dict[str, Any]], step: DocumentStep, *, session: Any = None
) -> Problems:
    """The documents whose values a step cannot convert, found by reading alone."""
    problems = Problems()
    if step.change is None:
        return problems
    cursor = database[step.collection].find(
        dict(step.where), dict.fromkeys(step.fields, 1) or None, session=session, batch_size=1000
    )
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
