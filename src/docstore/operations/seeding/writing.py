"""Writing rows so that a second time writes nothing: look up by key in batches, insert what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Any, Final

from docstore.documents import Document, PydanticObjectId
from docstore.operations.seeding.plan import Row

BATCH: Final = 500
"""Documents a round; with the events of announcing models it stays far below a transaction's limits."""


@dataclass
class Written:
    """The ids of all documents, in the order of their rows, and which of them were inserted just now."""

    ids: list[PydanticObjectId] = field(default_factory=list)
    fresh: set[PydanticObjectId] = field(default_factory=set)


async def write_rows(model: type[Document], key: tuple[str, ...], rows: Iterable[Row]) -> Written:
    """Insert the documents that are not there yet.

    Args:
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
        inserted = await _insert(model, list(missing.values()))
        known |= dict(zip(missing, inserted, strict=True))
        written.ids += [known[_key_of(row, key)] for row in batch]
        written.fresh.update(inserted)
    return written


async def insert_rows(model: type[Document], rows: Iterable[Row]) -> int:
    """Insert documents that cannot be there yet; returns how many."""
    return sum([len(await _insert(model, batch)) for batch in _batches(rows)])


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch


async def _insert(model: type[Document], rows: Sequence[Row]) -> list[PydanticObjectId]:
    if not rows:
        return []
    documents = [model(**row) for row in rows]
    await model.insert_many(documents)
    return [document.id for document in documents if document.id is not None]


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
