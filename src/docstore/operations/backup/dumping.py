"""Writing the collections of a database into the files of a dump."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.errors import ExecutionTimeout, OperationFailure

from docstore.documents import translated
from docstore.errors import BackupError, DocstoreError
from docstore.operations.backup.catalog import CollectionSpec, Database
from docstore.operations.backup.files import DumpWriter
from docstore.operations.backup.framing import count_documents
from docstore.operations.backup.manifest import CollectionEntry, FileEntry
from docstore.operations.backup.naming import BUCKETS_PREFIX, Kind, file_name
from docstore.operations.backup.places import Place
from docstore.operations.backup.sealing import Seal
from docstore.operations.backup.snapshots import Snapshot, told_snapshot_error
from docstore.operations.backup.threads import to_the_end

BATCH_BYTES: Final = 4 * 1024 * 1024
"""About how much of a collection is asked for at a time; with two such pieces a collection in memory."""
GZIP_LEVEL: Final = 6

_BATCH_LIMITS: Final = (100, 20_000)
_BATCH_UNKNOWN: Final = 10_000
_SIZE_LIMIT_MS: Final = 100
_TIMEOUTS_BORNE: Final = 3
_UNAUTHORIZED: Final = 13


@dataclass(frozen=True, slots=True)
class BackupProgress:
    """How far a collection is; `total` is the server's estimate."""

    collection: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """How a backup is made.

    Args:
        only: these collections; all when empty.
        gzip: compress the files, as ``mongodump --gzip`` does.
        parallel: how many collections at once.
        require_snapshot: fail on a server that cannot read all at one moment, instead of noting it.
        seal: encrypt to its recipients.
    """

    only: Sequence[str] = ()
    gzip: bool = True
    parallel: int = 4
    require_snapshot: bool = False
    seal: Seal | None = None


@dataclass(frozen=True, slots=True)
class _Size:
    """What the server knows of a collection's size without counting; zero for what it does not."""

    documents: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, stats: Sequence[Mapping[str, Any]]) -> _Size:
        return cls(
            documents=sum(int(each["count"]) for each in stats),
            bytes=sum(int(each.get("storageStats", {}).get("size", 0)) for each in stats),
        )

    def batch(self) -> int:
        """How many documents to ask for at a time. A server never sends more than 16 MiB at once."""
        if not self.bytes or not self.documents:
            return _BATCH_UNKNOWN
        least, most = _BATCH_LIMITS
        return min(most, max(least, BATCH_BYTES * self.documents // self.bytes))


@dataclass
class Making:
    """What the steps of one backup share: where it goes, how, and the moment it is read at."""

    database: Database
    place: Place
    folder: str
    options: BackupOptions
    listen: Callable[[BackupProgress], None]
    buckets: frozenset[str] = frozenset()
    snapshot: Snapshot = field(default_factory=Snapshot)

    def file(self, collection: str, kind: Kind) -> DumpWriter:
        """A new file for a collection's data or metadata."""
        name = file_name(collection, kind, gzip=self.options.gzip, sealed=self.options.seal is not None)
        path = f"{self.database.name}/{name}"
        level = GZIP_LEVEL if self.options.gzip else None
        return DumpWriter(self.place, self.folder, path, gzip=level, seal=self.options.seal)


async def dump_collections(making: Making, catalog: Sequence[CollectionSpec]) -> list[CollectionEntry]:
    """Write all collections, several at once; their entries in the order of the catalog."""
    sizes = await _sizes(making, catalog)
    free = asyncio.Semaphore(max(1, making.options.parallel))

    async def one(spec: CollectionSpec) -> CollectionEntry:
        async with free:
            try:
                return await _collection(making, spec, sizes.get(spec.name, _Size()))
            except (OperationFailure, OSError) as error:
                raise _told(error, making, spec) from error

    try:
        async with asyncio.TaskGroup() as group:
            # The largest first: it must not be the one that all wait for at the end.
            largest_first = sorted(catalog, key=lambda spec: -sizes.get(spec.name, _Size()).bytes)
            tasks = {spec.name: group.create_task(one(spec)) for spec in largest_first}
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [tasks[spec.name].result() for spec in catalog]


async def _sizes(making: Making, catalog: Sequence[CollectionSpec]) -> dict[str, _Size]:
    """What the server knows of the collections' sizes, as long as it has not to count for it."""
    sizes: dict[str, _Size] = {}
    patience = _TIMEOUTS_BORNE
    for spec in catalog:
        if patience and not spec.is_view and not spec.is_time_series:
            try:
                stages: list[dict[str, Any]] = [{"$collStats": {"count": {}, "storageStats": {}}}]
                cursor = await making.database[spec.name].aggregate(stages, maxTimeMS=_SIZE_LIMIT_MS)
                sizes[spec.name] = _Size.of(await cursor.to_list())
            except ExecutionTimeout:
                patience -= 1
            except OperationFailure:
                continue
    return sizes


async def _collection(making: Making, spec: CollectionSpec, size: _Size) -> CollectionEntry:
    start = time.perf_counter()
    metadata = await to_the_end(lambda: write_whole(making.file(spec.name, Kind.METADATA), spec.to_metadata()))
    documents, data = 0, None
    if not spec.is_view:
        documents, data = await _documents(making, spec, size)
    return CollectionEntry(
        name=spec.name,
        kind=spec.kind,
        documents=documents,
        indexes=len(spec.indexes),
        metadata=metadata,
        data=data,
        at_snapshot=making.snapshot.session is not None and not spec.is_capped,
        seconds=round(time.perf_counter() - start, 3),
    )


async def _documents(making: Making, spec: CollectionSpec, size: _Size) -> tuple[int, FileEntry]:
    """Copy the documents into their file: while one batch is compressed and written, the next is on its way."""
    source = f"{BUCKETS_PREFIX}{spec.name}" if spec.name in making.buckets else spec.name
    writer = await to_the_end(making.file, source, Kind.DATA)
    writing: asyncio.Task[None] | None = None
    done = 0
    try:
        with translated(spec.name):
            session = None if spec.is_capped else making.snapshot.session
            batches: Any = making.database[source].find_raw_batches({}, batch_size=size.batch(), session=session)
            async for batch in batches:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(to_the_end(writer.write, batch))
                done += count_documents(batch)
                making.listen(BackupProgress(spec.name, done, max(size.documents, done)))
        if writing is not None:
            await writing
        entry = await to_the_end(writer.finish)
    except BaseException:
        await _settled(writing)
        await asyncio.shield(asyncio.to_thread(writer.abandon))
        raise
    making.listen(BackupProgress(spec.name, done, done))
    return done, entry


def _told(error: OperationFailure | OSError, making: Making, spec: CollectionSpec) -> DocstoreError:
    if isinstance(error, OperationFailure):
        return told_snapshot_error(error, spec.name) or BackupError(
            f"the server refused to read {spec.name} with error code {error.code}.",
            hint="The user needs the role `backup`, or `read` on the database."
            if error.code == _UNAUTHORIZED
            else "The server's log says why.",
            collection=spec.name,
        )
    return BackupError(
        f"writing {spec.name} to {making.place.told} failed: {error.strerror or type(error).__name__}.",
        hint="Check the rights there and the space left; what was written is removed again.",
        collection=spec.name,
    )


async def _settled(task: asyncio.Task[None] | None) -> None:
    """Wait until a write in its thread has ended, whatever becomes of us: its file is closed after it."""
    if task is not None:
        with contextlib.suppress(BaseException):
            await asyncio.shield(asyncio.wait([task]))


def write_whole(writer: DumpWriter, data: bytes) -> FileEntry:
    """Write a small file; blocking, for threads."""
    try:
        writer.write(data)
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise
