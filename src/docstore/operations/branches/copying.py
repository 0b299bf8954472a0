"""Copying collections into another database: by the server itself where it can, else undecoded through here."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from docstore.documents import translated
from docstore.errors import BranchError
from docstore.operations.backup.catalog import (
    CollectionSpec,
    Database,
    build_indexes,
    create_empty,
    read_options,
    set_validator,
)
from docstore.operations.backup.framing import Framer

_BATCH: Final = 1_000
_READ: Final = 5_000


async def copy_whole(source: Database, target: Database, spec: CollectionSpec, *, by_server: bool) -> int:
    """Copy a collection with options, documents and indexes; how many documents it has.

    Args:
        source, target: raw databases of one server.
        spec: what to copy.
        by_server: let the server copy the documents by itself, where the collection's options allow it.

    Raises:
        BranchError: the server refuses.
        UniqueViolation: documents share what an index wants unique.
    """
    await create_empty(target, spec.name, spec)
    if not (by_server and spec.is_plain and await _copied_by_server(source, target, spec)):
        with translated(spec.name):
            batches: Any = source[spec.name].find_raw_batches({}, batch_size=_READ)
            await insert_raw(target, spec.name, batches)
    elif spec.name not in await target.list_collection_names():
        # Not every server makes a collection of nothing.
        await create_empty(target, spec.name, spec)
    if await read_options(target, spec.name) != dict(spec.options):
        await set_validator(target, spec.name, spec)
    await build_indexes(target, spec.name, spec)
    with translated(spec.name):
        return await target[spec.name].count_documents({})


async def copy_chosen(source: Database, target: Database, spec: CollectionSpec, ids: Sequence[Any]) -> int:
    """Copy the documents of these ids, with options and indexes; how many there were."""
    await create_empty(target, spec.name, spec)
    copied = 0
    with translated(spec.name):
        for start in range(0, len(ids), _BATCH):
            wanted = {"_id": {"$in": list(ids[start : start + _BATCH])}}
            batches: Any = source[spec.name].find_raw_batches(wanted, batch_size=_BATCH)
            copied += await insert_raw(target, spec.name, batches)
    await build_indexes(target, spec.name, spec)
    return copied


async def insert_raw(target: Database, name: str, batches: AsyncIterable[bytes]) -> int:
    """Insert what a cursor of raw batches brings, past the validator; how many there were."""
    collection = target.get_collection(name, write_concern=WriteConcern(1))
    framer = Framer(name)
    try:
        async for batch in batches:
            documents = [RawBSONDocument(each) for each in framer.feed(batch)]
            for start in range(0, len(documents), _BATCH):
                await collection.insert_many(documents[start : start + _BATCH], bypass_document_validation=True)
    except OperationFailure as error:
        raise BranchError(
            f"the server refused to copy {name}, with error code {error.code}.",
            hint="The user needs `readWrite` and `dbAdmin` on the branch's database: readWriteAnyDatabase, for one.",
            collection=name,
        ) from error
    return framer.documents


async def _copied_by_server(source: Database, target: Database, spec: CollectionSpec) -> bool:
    """Whether the server could do it: not every one writes the result of a pipeline to another database."""
    out = {"$out": {"db": target.name, "coll": spec.name}}
    try:
        with translated(spec.name):
            await (await source[spec.name].aggregate([out], bypassDocumentValidation=True)).to_list()
    except OperationFailure:
        return False
    return True
