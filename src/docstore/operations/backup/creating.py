"""Making a backup."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from pymongo.errors import OperationFailure

from docstore._version import __version__
from docstore.documents import translated
from docstore.errors import BackupError
from docstore.operations.backup.catalog import CollectionSpec, Database, bucket_collections, read_catalog
from docstore.operations.backup.files import DumpWriter
from docstore.operations.backup.framing import count_documents
from docstore.operations.backup.journal import is_bookkeeping
from docstore.operations.backup.manifest import CollectionEntry, FileEntry, Manifest
from docstore.operations.backup.naming import BUCKETS_PREFIX, GZIP_SUFFIX, MANIFEST, PRELUDE, Kind, file_name
from docstore.operations.backup.places import Place, told_problems
from docstore.operations.backup.sealing import Seal
from docstore.operations.backup.snapshots import Snapshot, taken_snapshot, told_snapshot_error

BATCH_BYTES: Final = 4 * 1024 * 1024
"""About how much of a collection is asked for at a time; with two such pieces a collection in memory."""
GZIP_LEVEL: Final = 6

_BATCH_LIMITS: Final = (100, 20_000)
_SAMPLED: Final = 32


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
class MadeBackup:
    """A backup that was made: its folder's name, what it holds, and how long it took."""

    name: str
    manifest: Manifest
    seconds: float


@dataclass
class _Making:
    """What the steps of one backup share."""

    database: Database
    place: Place
    folder: str
    options: BackupOptions
    listen: Callable[[BackupProgress], None]
    buckets: frozenset[str] = frozenset()
    snapshot: Snapshot = field(default_factory=Snapshot)

    def file(self, collection: str, kind: Kind) -> DumpWriter:
        name = file_name(collection, kind, gzip=self.options.gzip, sealed=self.options.seal is not None)
        return self.open(f"{self.database.name}/{name}")

    def open(self, path: str) -> DumpWriter:
        level = GZIP_LEVEL if self.options.gzip else None
        return DumpWriter(self.place, self.folder, path, gzip=level, seal=self.options.seal)


async def create_backup(
    database: Database,
    place: Place,
    options: BackupOptions | None = None,
    *,
    on_progress: Callable[[BackupProgress], None] | None = None,
) -> MadeBackup:
    """Write a backup of a database; it appears at the place when it is whole, and not before.

    Documents pass through as the server sends them, without being decoded, so memory does not grow with their number.

    Args:
        database: the raw database. Its client must not cut off long commands.
        place: where backups are kept.
        options: how.
        on_progress: called after each batch.

    Raises:
        BackupError: nothing is there to back up, an unknown collection is named, or the place cannot be written to.
        ServerUnavailable: the database does not answer.
    """
    options = options or BackupOptions()
    start, started = time.perf_counter(), datetime.now(UTC)
    catalog = _chosen(await read_catalog(database), options.only, database.name)
    name = await asyncio.to_thread(_free_name, place, database.name, started)
    async with _working_folder(place, name) as folder:
        making = _Making(database, place, folder, options, on_progress or _ignore)
        making.buckets = await bucket_collections(database)
        readable = next((each.name for each in catalog if not each.is_view and not each.is_capped), None)
        async with taken_snapshot(database, readable, required=options.require_snapshot) as making.snapshot:
            entries = await _all_collections(making, catalog)
        manifest = Manifest(
            id=uuid4().hex,
            database=database.name,
            started=started,
            finished=datetime.now(UTC),
            docstore=__version__,
            server=await _server_version(database),
            gzip=options.gzip,
            encrypted=options.seal is not None,
            snapshot=making.snapshot.time,
            collections=tuple(entries),
            notes=tuple(await _notes(making, catalog)),
        )
        await asyncio.to_thread(_complete, making, manifest)
        await asyncio.to_thread(_commit, place, folder, name)
    return MadeBackup(name, manifest, time.perf_counter() - start)


def _chosen(catalog: Sequence[CollectionSpec], only: Sequence[str], database: str) -> list[CollectionSpec]:
    own = [each for each in catalog if not is_bookkeeping(each.name)]
    if unknown := sorted(set(only) - {each.name for each in own}):
        raise BackupError(
            f"{database} has no collection {', '.join(unknown)}.",
            hint=f"It has {', '.join(each.name for each in own) or 'none'}.",
        )
    if not own:
        raise BackupError(
            f"the database {database!r} is empty or does not exist: there is nothing to back up.",
            hint="Check DATABASE_NAME, DATABASE_BRANCH and DB_METHOD.",
        )
    return [each for each in own if not only or each.name in only]


def _free_name(place: Place, database: str, at: datetime) -> str:
    base = f"{database}-{at:%Y%m%dT%H%M%SZ}"
    with told_problems(place, "looking for backups"):
        taken = {folder.removesuffix(".unfinished") for folder in place.folders()}
    return next(name for number in range(1, 1000) if (name := base if number == 1 else f"{base}-{number}") not in taken)


@contextlib.asynccontextmanager
async def _working_folder(place: Place, name: str) -> AsyncIterator[str]:
    """The folder to write into; gone again when the block fails or is cancelled."""

    def begin() -> str:
        with told_problems(place, "beginning a backup"):
            return place.begin(name)

    folder = await asyncio.to_thread(begin)
    try:
        yield folder
    except BaseException:
        with contextlib.suppress(Exception):
            await asyncio.shield(asyncio.to_thread(place.remove, folder))
        raise


def _commit(place: Place, folder: str, name: str) -> None:
    with told_problems(place, "completing the backup"):
        place.commit(folder, name)


async def _all_collections(making: _Making, catalog: Sequence[CollectionSpec]) -> list[CollectionEntry]:
    totals = {each.name: await _estimated(making, each) for each in catalog}
    free = asyncio.Semaphore(max(1, making.options.parallel))

    async def one(spec: CollectionSpec) -> CollectionEntry:
        async with free:
            return await _collection(making, spec, totals[spec.name])

    try:
        async with asyncio.TaskGroup() as group:
            # The largest first: it must not be the one that all wait for at the end.
            largest_first = sorted(catalog, key=lambda spec: -totals[spec.name])
            tasks = {spec.name: group.create_task(one(spec)) for spec in largest_first}
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [tasks[spec.name].result() for spec in catalog]


async def _estimated(making: _Making, spec: CollectionSpec) -> int:
    if spec.is_view or spec.is_time_series:
        return 0
    with contextlib.suppress(OperationFailure):
        found = await (await making.database[spec.name].aggregate([{"$collStats": {"count": {}}}])).to_list()
        return sum(int(each["count"]) for each in found)
    return 0


async def _collection(making: _Making, spec: CollectionSpec, total: int) -> CollectionEntry:
    start = time.perf_counter()
    metadata = await asyncio.to_thread(_write_whole, making.file(spec.name, Kind.METADATA), spec.to_metadata())
    documents, data = 0, None
    if not spec.is_view:
        documents, data = await _documents(making, spec, total)
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


async def _documents(making: _Making, spec: CollectionSpec, total: int) -> tuple[int, FileEntry]:
    """Copy the documents into their file: while one batch is compressed and written, the next is on its way."""
    source = f"{BUCKETS_PREFIX}{spec.name}" if spec.name in making.buckets else spec.name
    writer = await asyncio.to_thread(making.file, source, Kind.DATA)
    writing: asyncio.Task[None] | None = None
    done = 0
    try:
        with translated(spec.name):
            async for batch in await _batches(making, spec, source):
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(writer.write, batch))
                done += count_documents(batch)
                making.listen(BackupProgress(spec.name, done, max(total, done)))
        if writing is not None:
            await writing
        entry = await asyncio.to_thread(writer.finish)
    except BaseException as error:
        await _settled(writing)
        await asyncio.shield(asyncio.to_thread(writer.abandon))
        raise _told(error, making, spec) from error
    making.listen(BackupProgress(spec.name, done, done))
    return done, entry


async def _batches(making: _Making, spec: CollectionSpec, source: str) -> Any:
    collection = making.database[source]
    session = None if spec.is_capped else making.snapshot.session
    first: Any = collection.find_raw_batches({}, limit=_SAMPLED, session=session)
    sampled = b"".join([batch async for batch in first])
    size = len(sampled) // max(1, count_documents(sampled)) or 1
    least, most = _BATCH_LIMITS
    return collection.find_raw_batches({}, batch_size=min(most, max(least, BATCH_BYTES // size)), session=session)


def _told(error: BaseException, making: _Making, spec: CollectionSpec) -> BaseException:
    if isinstance(error, OperationFailure):
        return told_snapshot_error(error, spec.name) or BackupError(
            f"the server refused to read {spec.name} with error code {error.code}.",
            hint="The user needs the role `backup`, or `read` on the database.",
            collection=spec.name,
        )
    if isinstance(error, OSError):
        return BackupError(
            f"writing {spec.name} to {making.place.told} failed: {error.strerror or type(error).__name__}.",
            hint="Check the rights there and the space left; what was written is removed again.",
            collection=spec.name,
        )
    return error


async def _settled(task: asyncio.Task[None] | None) -> None:
    """Wait until a write in its thread has ended, whatever becomes of us: its file is closed after it."""
    if task is not None:
        with contextlib.suppress(BaseException):
            await asyncio.shield(asyncio.wait([task]))


def _write_whole(writer: DumpWriter, data: bytes) -> FileEntry:
    try:
        writer.write(data)
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise


def _complete(making: _Making, manifest: Manifest) -> None:
    """The files of the whole dump; the manifest is the last."""
    prelude = json.dumps({"ServerVersion": manifest.server, "ToolVersion": f"docstore {__version__}"}).encode()
    with told_problems(making.place, "completing the backup"):
        # Plain like the manifest even in an encrypted backup: it tells a version and nothing else.
        gzip = GZIP_LEVEL if making.options.gzip else None
        path = PRELUDE + (GZIP_SUFFIX if making.options.gzip else "")
        _write_whole(DumpWriter(making.place, making.folder, path, gzip=gzip, seal=None), prelude)
        text = manifest.to_json()
        _write_whole(DumpWriter(making.place, making.folder, MANIFEST, gzip=None, seal=None), text)


async def _notes(making: _Making, before: Sequence[CollectionSpec]) -> list[str]:
    notes = [f"not read at one moment: {making.snapshot.why_not}"] if making.snapshot.why_not else []
    if capped := [each.name for each in before if each.is_capped and making.snapshot.session is not None]:
        notes.append(f"not read at the snapshot, being capped: {', '.join(capped)}")
    if odd := [each.name for each in before if each.is_time_series and each.name not in making.buckets]:
        notes.append(f"time series kept as measurements, which mongorestore does not read: {', '.join(odd)}")
    now = {each.name: each for each in await read_catalog(making.database) if not is_bookkeeping(each.name)}
    was = {each.name: each for each in before}
    if not making.options.only and (new := sorted(now.keys() - was.keys())):
        notes.append(f"made while the backup ran, and not in it: {', '.join(new)}")
    if changed := sorted(name for name, spec in was.items() if now.get(name) != spec):
        notes.append(f"dropped, or given other options or indexes while the backup ran: {', '.join(changed)}")
    return notes


async def _server_version(database: Database) -> str:
    with translated(database.name):
        return str((await database.client.server_info())["version"])


def _ignore(_: BackupProgress) -> None: ...
