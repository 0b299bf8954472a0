"""Documents for records, read so that one that breaks its model's rules keeps no other from the index."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from bson import ObjectId
from pydantic import ValidationError

from docstore.documents import Document, PydanticObjectId, translated
from docstore.documents.guard import Scope

D = TypeVar("D", bound=Document)
T = TypeVar("T")

VALUES_AT_ONCE: Final = 100
"""Values of one query: an engine may hold each document against every value of a list."""

Misfits = list[tuple[Mapping[str, Any], str]]
"""Stored documents that break their model's rules, with the reason, which names no values."""

_log = logging.getLogger("docstore.search")


def parsed(model: type[D], rows: Iterable[Mapping[str, Any]], misfits: Misfits | None = None) -> list[D]:
    """The documents of stored rows; those that break their model's rules are left out: put to `misfits`, or logged."""
    documents: list[D] = []
    for row in rows:
        if not isinstance(row["_id"], ObjectId):
            # A text that looks like one would be read as if it were: a record that no change would ever reach.
            _misfit(model, row, f"its _id is a {type(row['_id']).__name__}, no ObjectId", misfits)
            continue
        try:
            documents.append(model.model_validate(row))
        except ValidationError as error:
            fields = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)}))
            _misfit(model, row, f"it breaks its model's rules: {fields}", misfits)
    return documents


def _misfit(model: type[D], row: Mapping[str, Any], why: str, misfits: Misfits | None) -> None:
    if misfits is not None:
        misfits.append((row, f"the stored document does not fit: {why}."))
    else:
        _log.error("%s %s is in no record: %s.", model.get_collection_name(), row["_id"], why)


async def by_id(model: type[D], ids: Collection[Any], misfits: Misfits | None = None) -> dict[Any, D]:
    """The living documents of a model with these ids."""
    return {each.id: each for each in await among(model, "_id", ids, misfits)}


async def among(
    model: type[D],
    field: str,
    values: Collection[Any],
    misfits: Misfits | None = None,
    *,
    also: Mapping[str, Any] = MappingProxyType({}),
) -> list[D]:
    """The living documents in whose stored field one of the values is; `also` is asked of them, too."""
    rows: list[dict[str, Any]] = []
    with translated(model.get_collection_name()):
        for part in in_batches(values, VALUES_AT_ONCE):
            rows += await model.get_pymongo_collection().find({**also, field: {"$in": part}}).to_list()
    return parsed(model, rows, misfits)


async def related_ids(
    model: type[Document], field: str, values: Collection[Any], shown: str = "_id", *, scope: Scope = Scope.ALL
) -> set[PydanticObjectId]:
    """The ids in the stored field `shown` of documents in whose stored field `field` one of the values is.

    Read as they are stored: a document that breaks its model's rules must not keep others from being brought up to
    date. What is no ObjectId there is passed over.
    """
    documents = model.get_pymongo_collection().in_scope(scope)
    found: set[PydanticObjectId] = set()
    with translated(model.get_collection_name()):
        for part in in_batches(values, VALUES_AT_ONCE):
            async for row in documents.find({field: {"$in": part}}, {shown: 1}):
                if isinstance(each := row.get(shown), ObjectId):
                    found.add(PydanticObjectId(each))
    return found


async def stored_values(model: type[Document], ids: Collection[Any], field: str) -> set[str]:
    """The texts in a stored field of documents with these ids, the deleted ones included."""
    everything = model.get_pymongo_collection().in_scope(Scope.ALL)
    rows: list[dict[str, Any]] = []
    with translated(model.get_collection_name()):
        for part in in_batches(ids, VALUES_AT_ONCE):
            rows += await everything.find({"_id": {"$in": part}}, {field: 1}).to_list()
    return {value for row in rows if isinstance(value := row.get(field), str) and value}


def in_batches(values: Collection[T], size: int) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    every = list(values)
    for start in range(0, len(every), size):
        yield every[start : start + size]
