"""What a search record is: an index, the model behind it, how records are built, and what else they are made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import JsonValue

from docstore.documents import Document, PydanticObjectId
from docstore.documents.filters import In

D = TypeVar("D", bound=Document)
Id = PydanticObjectId
Record = dict[str, JsonValue]

BATCH = 500
"""Documents looked at in one go."""


class Batch(NamedTuple):
    """What some documents mean for their index: whole records to save, and objectIDs to delete."""

    save: list[Record]
    delete: list[str]


@dataclass(frozen=True)
class SearchRecord:
    """One kind of record.

    Args:
        index: the logical name of its index.
        model: the documents it is made of, one each.
        build: from ids to what is to be saved and deleted; looks documents up in batches.
        documents_of: from objectIDs to the ids of the documents they stand for.
        touched_by: by the name of another collection, from ids there to the ids of documents whose records show them.
    """

    index: str
    model: type[Document]
    build: Callable[[Sequence[Id]], Awaitable[Batch]]
    documents_of: Callable[[Sequence[str]], Awaitable[list[Id]]]
    touched_by: Mapping[str, Callable[[Sequence[Id]], Awaitable[set[Id]]]] = field(default_factory=dict)


async def build_records(record: SearchRecord, ids: Collection[Id]) -> Batch:
    """What documents mean for their index, whatever became of them; any number of ids."""
    total = Batch([], [])
    for part in in_batches(ids):
        built = await record.build(part)
        total.save.extend(built.save)
        total.delete.extend(built.delete)
    return total


def in_batches(values: Collection[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """The values in lists of at most `size`."""
    every = list(values)
    for start in range(0, len(every), size):
        yield every[start : start + size]


async def by_id(model: type[D], ids: Collection[Id]) -> dict[Id, D]:
    """The living documents of a model with these ids."""
    found = await model.find(In(model.id, ids)).to_list() if ids else []
    return {Id(each.id): each for each in found if each.id is not None}


def instant(moment: datetime | None) -> str | None:
    """An instant as other services write it: ISO 8601 in UTC, with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment is not None else None


def as_ids(object_ids: Sequence[str]) -> list[Id]:
    """The document ids among objectIDs that are document ids."""
    return [Id(each) for each in object_ids if Id.is_valid(each)]
