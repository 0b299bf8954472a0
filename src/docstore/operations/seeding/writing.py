"""Writing rows so that a second time writes nothing: look up by key in batches, insert what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Any, Final

from docstore.documents import Document, PydanticObjectId, utc_now
from docstore.operations.seeding.plan import Plot, Row

BATCH: Final = 500
"""Documents a round; with the events of announcing models it stays far below a transaction's limits."""


@dataclass
class Written:
    """The ids of all documents, in the order of their rows, and which of them were inserted just now."""

    ids: list[PydanticObjectId] = field(default_factory=list)
    fresh: set[PydanticObjectId] = field(default_factory=set)


async def write_rows(plot: Plot, model: type[Document], key: tuple[str, ...], rows: Iterable[Row]) -> Written:
    """Insert the documents that are not there yet.

    Ids and stamps follow from the plot, so that two databases seeded alike hold the same.

    Args:
        plot: what is seeded.
        model: a bound model.
        key: the attributes by which a document is known again.
        rows: the documents' attributes.

    Raises:
        UniqueViolation: another document holds a unique value of a seeded one, under another key.
    """
    written = Written()
    for batch in _batches(rows):
        known = await _known(model, key, batch)
        missing = {_key_of(row, key): row for row in batch if _key_of(row, key) not in known}
        inserted = await _insert(plot, model, missing)
        known |= dict(zip(missing, inserted, strict=True))
        written.ids += [known[_key_of(row, key)] for row in batch]
        written.fresh.update(inserted)
    return written


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch


async def _insert(plot: Plot, model: type[Document], rows: dict[tuple[Any, ...], Row]) -> list[PydanticObjectId]:
    if not rows:
        return []
    ids = await _free_ids(plot, model, list(rows))
    usual = {name: plot.today for name, field in model.model_fields.items() if field.default_factory is utc_now}
    documents = []
    for each, row in zip(ids, rows.values(), strict=True):
        created = row.get("created_at") or plot.today
        documents.append(model(**{"id": each, "created_at": created, "updated_at": created, **usual, **row}))
    await model.insert_many(documents)
    return ids


async def _free_ids(plot: Plot, model: type[Document], keys: Sequence[tuple[Any, ...]]) -> list[PydanticObjectId]:
    """An id for each key; another one where a deleted document of the seed still has it."""
    ids = [plot.id_for(model, *key) for key in keys]
    collection = model.get_pymongo_collection().raw
    turn = 0
    while taken := {row["_id"] async for row in collection.find({"_id": {"$in": ids}}, {"_id": 1})}:
        turn += 1
        ids = [plot.id_for(model, *key, turn) if each in taken else each for each, key in zip(ids, keys, strict=True)]
    return ids


async def _known(
    model: type[Document], key: tuple[str, ...], batch: Sequence[Row]
) -> dict[tuple[Any, ...], PydanticObjectId]:
    fields = [model.stored_name(attribute) for attribute in key]
    # One indexed field narrows it down; comparing the others here is cheaper than a long $or on any server.
    wanted = {_key_of(row, key)[0] for row in batch}
    cursor = model.get_pymongo_collection().find({fields[0]: {"$in": list(wanted)}}, dict.fromkeys(fields, 1))
    async with cursor as found:
        return {tuple(document.get(field) for field in fields): document["_id"] async for document in found}


def _key_of(row: Row, key: tuple[str, ...]) -> tuple[Any, ...]:
    values = (row.get(attribute) for attribute in key)
    return tuple(value.value if isinstance(value, Enum) else value for value in values)
