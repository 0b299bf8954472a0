"""Writing a load: batches made and inserted by several at once, straight into the collections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError

from docstore.documents import Document, translated
from docstore.documents.validation import prepared_batch
from docstore.errors import UniqueViolation
from docstore.operations.seeding.load import Load
from docstore.operations.seeding.plan import Plot

BATCH: Final = 500
_UNIQUE: Final = 11_000


async def write_load(
    plot: Plot,
    load: Load,
    thousands: int,
    *,
    parallel: int,
    announce: bool,
    on_batch: Callable[[int], None],
) -> int:
    """Insert the documents of a load that are not there yet, by their ids; returns how many were.

    Args:
        plot: what they follow from.
        load, thousands: what, and how much of it.
        parallel: batches under way at once.
        announce: as any other insert, with events and audit entries; else straight into the collection.
        on_batch: called with the size of each batch done.

    Raises:
        UniqueViolation: another document holds a unique value of one of them.
    """
    batches: Iterator[range] = iter(_ranges(load.each * thousands))
    inserted = 0

    async def work() -> None:
        nonlocal inserted
        for numbers in batches:  # shared: each takes the next one
            inserted += await _write(plot, load, thousands, numbers, announce)
            on_batch(len(numbers))

    tasks = [asyncio.create_task(work()) for _ in range(max(1, parallel))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return inserted


def _ranges(total: int) -> list[range]:
    return [range(first, min(first + BATCH, total)) for first in range(0, total, BATCH)]


async def _write(plot: Plot, load: Load, thousands: int, numbers: range, announce: bool) -> int:
    collection: Any = load.model.get_pymongo_collection().raw.with_options(write_concern=WriteConcern(1))
    ids = {plot.load_id(load.model, number): number for number in numbers}
    with translated(collection.name):
        there = {row["_id"] async for row in collection.find({"_id": {"$in": list(ids)}}, {"_id": 1})}
        missing = [(each, number) for each, number in ids.items() if each not in there]
        if not missing:
            return 0
        documents = [_made(plot, load, thousands, each, number) for each, number in missing]
        if announce:
            await load.model.insert_many(documents)
        else:
            await _insert(collection, prepared_batch(documents))
    return len(missing)


def _made(plot: Plot, load: Load, thousands: int, each: ObjectId, number: int) -> Document:
    row = load.row(plot, number, thousands)
    return load.model(**{"id": each, "updated_at": row["created_at"], **row})


async def _insert(collection: Any, rows: list[dict[str, Any]]) -> None:
    try:
        await collection.insert_many(rows, ordered=False)
    except BulkWriteError as error:
        refused = [each for each in error.details.get("writeErrors", ()) if not _is_there(each)]
        if refused:
            field = " and ".join(refused[0].get("keyPattern") or {})
            raise UniqueViolation(
                f"{collection.name}: {len(refused)} documents of the load share a unique {field} with others.",
                hint="Load into a database of its own, or with another --seed.",
                collection=collection.name,
                field=field,
            ) from error


def _is_there(refused: dict[str, Any]) -> bool:
    """Whether another process inserted the very document meanwhile."""
    return refused.get("code") == _UNIQUE and list(refused.get("keyPattern") or {}) == ["_id"]
