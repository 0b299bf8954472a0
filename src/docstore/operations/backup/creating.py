"""Making a backup."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from docstore._version import __version__
from docstore.documents import translated
from docstore.errors import BackupError
from docstore.operations.backup.catalog import CollectionSpec, Database, bucket_collections, read_catalog
from docstore.operations.backup.dumping import (
    GZIP_LEVEL,
    BackupOptions,
    BackupProgress,
    Making,
    dump_collections,
    write_whole,
)
from docstore.operations.backup.files import DumpWriter
from docstore.operations.backup.journal import is_bookkeeping
from docstore.operations.backup.manifest import Manifest
from docstore.operations.backup.naming import GZIP_SUFFIX, MANIFEST, PRELUDE
from docstore.operations.backup.places import Place, told_problems
from docstore.operations.backup.snapshots import taken_snapshot
from docstore.operations.backup.threads import to_the_end


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A backup that was made: its folder's name, what it holds, and how long it took."""

    name: str
    manifest: Manifest
    seconds: float


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
        making = Making(database, place, folder, options, on_progress or _ignore)
        making.buckets = await bucket_collections(database)
        readable = next((each.name for each in catalog if not each.is_view and not each.is_capped), None)
        async with taken_snapshot(database, readable, required=options.require_snapshot) as making.snapshot:
            entries = await dump_collections(making, catalog)
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
        await to_the_end(_complete, making, manifest)
        await to_the_end(_commit, place, folder, name)
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

    begun: list[str] = []

    def begin() -> str:
        with told_problems(place, "beginning a backup"):
            begun.append(place.begin(name))
        return begun[0]

    try:
        yield await to_the_end(begin)
    except BaseException:
        with contextlib.suppress(Exception):
            for folder in begun:
                await asyncio.shield(asyncio.to_thread(place.remove, folder))
        raise


def _commit(place: Place, folder: str, name: str) -> None:
    with told_problems(place, "completing the backup"):
        place.commit(folder, name)


def _complete(making: Making, manifest: Manifest) -> None:
    """The files of the whole dump; the manifest is the last."""
    prelude = json.dumps({"ServerVersion": manifest.server, "ToolVersion": f"docstore {__version__}"}).encode()
    with told_problems(making.place, "completing the backup"):
        # Plain like the manifest even in an encrypted backup: it tells a version and nothing else.
        gzip = GZIP_LEVEL if making.options.gzip else None
        path = PRELUDE + (GZIP_SUFFIX if making.options.gzip else "")
        write_whole(DumpWriter(making.place, making.folder, path, gzip=gzip, seal=None), prelude)
        text = manifest.to_json()
        write_whole(DumpWriter(making.place, making.folder, MANIFEST, gzip=None, seal=None), text)


async def _notes(making: Making, before: Sequence[CollectionSpec]) -> list[str]:
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
