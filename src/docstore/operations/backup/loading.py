"""Filling one collection from its file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, ExecutionTimeout, OperationFailure
from pymongo.write_concern import WriteConcern

from docstore.documents import translated
from docstore.errors import BackupError, UniqueViolation
from docstore.operations.backup.catalog import Collection, Database
from docstore.operations.backup.contents import Backup, StoredCollection, StoredFile
from docstore.operations.backup.framing import Framer
from docstore.operations.backup.naming import BUCKETS_PREFIX

_BATCH: Final = 1_000
_BATCH_BYTES: Final = 4 * 1024 * 1024
_LAST_ANSWER_S: Final = 10.0
_COUNT_LIMIT_MS: Final = 2_000
_DUPLICATE: Final = 11000


async def fill(
    database: Database, name: str, stored: StoredCollection, backup: Backup, listen: Callable[[int], None]
) -> int:
    """Insert a collection's documents as they are, past its validator; how many the server took.

    While the server works on one batch, the next is read. Acknowledged by the primary alone, for speed: the journal's
    next entry is on a majority's disks, and it cannot be there without what was written before it.

    Args:
        database: the raw database.
        name: what the collection is called meanwhile.
        stored: what to insert.
        backup: where it is.
        listen: called with the number of documents after each batch.

    Raises:
        CorruptBackup: the file changed since it was verified.
        UniqueViolation: two documents have the same ``_id``.
        BackupError: the server refuses a document.
    """
    if stored.data is None:
        return 0
    target: Collection = database.get_collection(
        f"{BUCKETS_PREFIX}{name}" if stored.in_buckets else name, write_concern=WriteConcern(1)
    )
    batches = _batches(backup, stored.data)
    coming = _next(batches)
    done = 0
    try:
        with translated(stored.name):
            while batch := await asyncio.shield(coming):
                coming = _next(batches)
                await _certainly(target.insert_many(batch, bypass_document_validation=True))
                done += len(batch)
                listen(done)
    except OperationFailure as error:
        raise _refused(error, stored.name) from error
    finally:
        # A thread may be inside the generator; it is closed once that is out.
        with contextlib.suppress(BaseException):
            await asyncio.shield(asyncio.wait([coming]))
        batches.close()
    return done


async def known_count(database: Database, name: str) -> int | None:
    """How many documents a collection has, where the server knows; None where it would have to count for long."""
    try:
        found = await (
            await database[name].aggregate([{"$collStats": {"count": {}}}], maxTimeMS=_COUNT_LIMIT_MS)
        ).to_list()
    except ExecutionTimeout:
        return None
    return sum(int(each["count"]) for each in found)


async def _certainly(insert: Coroutine[Any, Any, Any]) -> None:
    """Await an insert such that, when we are cancelled, it is over before we are gone.

    The server carries it out in any case, and later than now it might meet the collection of the next attempt.
    """
    task = asyncio.create_task(insert)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(BaseException):
            await asyncio.wait([task], timeout=_LAST_ANSWER_S)
        raise


def _next(batches: Iterator[list[RawBSONDocument]]) -> asyncio.Future[list[RawBSONDocument] | None]:
    return asyncio.ensure_future(asyncio.to_thread(next, batches, None))


def _batches(backup: Backup, file: StoredFile) -> Generator[list[RawBSONDocument]]:
    framer = Framer(file.path)
    batch: list[RawBSONDocument] = []
    size = 0
    with backup.reader(file) as reader:
        for piece in reader:
            for document in framer.feed(piece):
                if batch and (len(batch) >= _BATCH or size + len(document) > _BATCH_BYTES):
                    yield batch
                    batch, size = [], 0
                batch.append(RawBSONDocument(document))
                size += len(document)
        framer.finish()
        if file.entry is not None:
            reader.expect(file.entry)
    if batch:
        yield batch


def _refused(error: OperationFailure, name: str) -> BackupError | UniqueViolation:
    failed: Any = (error.details or {}).get("writeErrors") or ({},) if isinstance(error, BulkWriteError) else ({},)
    code = failed[0].get("code", error.code)
    if code == _DUPLICATE:
        return UniqueViolation(
            f"two documents of {name} have the same _id.",
            hint="Either the backup holds them twice, or somebody writes to the database that is restored.",
            collection=name,
            field="_id",
        )
    return BackupError(
        f"the server refused documents of {name} with error code {code}.",
        hint="The user needs the role `restore`, or `readWrite` and `dbAdmin` on the database.",
        collection=name,
    )
