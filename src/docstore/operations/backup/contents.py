"""Opening a backup: docstore's own by its manifest, mongodump's by what lies in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from docstore.errors import BackupError, CorruptBackup
from docstore.operations.backup.catalog import CollectionSpec
from docstore.operations.backup.files import DumpReader
from docstore.operations.backup.manifest import CollectionEntry, FileEntry, Manifest
from docstore.operations.backup.naming import BUCKETS_PREFIX, MANIFEST, DumpName, Kind, taken_apart
from docstore.operations.backup.places import Place, told_problems
from docstore.operations.backup.sealing import Seal

LATEST: Final = "latest"

_OPLOG: Final = "oplog.bson"
_LARGEST_METADATA: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class StoredFile:
    """A file of a dump: where it is, how it is wrapped, and how it must look where a manifest says so."""

    path: str
    name: DumpName
    entry: FileEntry | None = None

    @property
    def collection(self) -> str:
        """The collection it belongs to by its name; the file's stem when that was cut."""
        return (self.name.collection or self.name.stem).removeprefix(BUCKETS_PREFIX)


@dataclass(frozen=True)
class StoredCollection:
    """A collection of a dump, with as many documents as the manifest says; None where there is no manifest."""

    spec: CollectionSpec
    metadata: StoredFile | None
    data: StoredFile | None
    documents: int | None

    @property
    def name(self) -> str:
        """The collection."""
        return self.spec.name

    @property
    def in_buckets(self) -> bool:
        """Whether the data are the buckets of a time series."""
        return self.data is not None and (self.data.name.collection or "").startswith(BUCKETS_PREFIX)


@dataclass(frozen=True)
class Backup:
    """A backup, opened to be verified or restored.

    Args:
        place, folder: where it is.
        database: whose it is, by the name of the folder in it.
        manifest: None for a dump by mongodump.
        files: by path; those the manifest names, or all that there are.
        sizes: what is really there, by path.
        seal: what opens encrypted files.
        notes: what is to be known.
    """

    place: Place
    folder: str
    database: str
    manifest: Manifest | None
    files: Mapping[str, StoredFile]
    sizes: Mapping[str, int]
    seal: Seal | None
    notes: Sequence[str] = ()

    @property
    def id(self) -> str:
        """What tells it from every other backup."""
        return self.manifest.id if self.manifest is not None else f"{self.place.told}/{self.folder}"

    def reader(self, file: StoredFile) -> DumpReader:
        """Open one of its files.

        Raises:
            BackupError: it is encrypted, and there is no identity.
        """
        seal = None
        if file.name.sealed:
            if self.seal is None or not self.seal.can_read:
                raise BackupError(
                    "the backup is encrypted, and there is no key to open it.",
                    hint="Set BACKUP_IDENTITY to the secret key of one of its recipients.",
                )
            seal = self.seal
        with told_problems(self.place, f"reading {file.path}"):
            return DumpReader(self.place, self.folder, file.path, gzip=file.name.gzip, seal=seal)

    def entry_of(self, file: StoredFile) -> CollectionEntry | None:
        """What the manifest says of the collection that a file belongs to."""
        entries = self.manifest.collections if self.manifest is not None else ()
        return next((each for each in entries if file.entry in (each.metadata, each.data)), None)

    def collection_of(self, file: StoredFile) -> str:
        """The collection a file belongs to; of a cut name without manifest what there is of it."""
        entry = self.entry_of(file)
        return file.collection if entry is None else entry.name

    def collections(self) -> list[StoredCollection]:
        """The collections, with their metadata read; blocking, for threads.

        Raises:
            CorruptBackup: a metadata file is damaged.
        """
        pairs: dict[str, dict[Kind, StoredFile]] = {}
        for file in self.files.values():
            pairs.setdefault(file.name.stem.removeprefix(BUCKETS_PREFIX), {})[file.name.kind] = file
        return [self._collection(pairs[stem]) for stem in sorted(pairs)]

    def _collection(self, pair: Mapping[Kind, StoredFile]) -> StoredCollection:
        metadata, data = pair.get(Kind.METADATA), pair.get(Kind.DATA)
        any_file = metadata or data
        assert any_file is not None
        if metadata is None:
            spec = CollectionSpec(any_file.collection)
        else:
            spec = CollectionSpec.from_metadata(
                self._small(metadata), file=metadata.path, name=metadata.name.collection
            )
        entry = self.entry_of(any_file)
        return StoredCollection(spec, metadata, data, None if entry is None else entry.documents)

    def _small(self, file: StoredFile) -> bytes:
        with self.reader(file) as reader:
            text = bytearray()
            for piece in reader:
                text += piece
                if len(text) > _LARGEST_METADATA:
                    raise CorruptBackup(f"{file.path} is too large to be metadata.", file=file.path)
            if file.entry is not None:
                reader.expect(file.entry)
        return bytes(text)


def open_backup(place: Place, name: str, *, seal: Seal | None = None, database: str | None = None) -> Backup:
    """Open a backup at a place; blocking, for threads.

    Args:
        place: where backups are.
        name: of its folder; ``latest`` for the newest whole one with a manifest (of `database`, where given).
        seal: what opens it when it is encrypted.
        database: which of several databases in a dump by mongodump.

    Raises:
        BackupError: there is no such backup, it is unfinished, or it holds several databases.
        CorruptBackup: its manifest is damaged.
    """
    with told_problems(place, "opening the backup"):
        folder = latest_folder(place, database) if name == LATEST else name
        if not place.exists(folder):
            known = ", ".join(place.folders()[-5:]) or "none"
            raise BackupError(f"there is no backup {name!r} at {place.told}.", hint=f"The newest there: {known}.")
        if place.is_unfinished(folder):
            raise BackupError(
                f"the backup {folder} was never finished: it was interrupted, or is being written.",
                hint="Take another; `docstore backup prune` removes unfinished ones.",
            )
        sizes = place.files(folder)
        if MANIFEST in sizes:
            return _own(place, folder, sizes, seal)
        return _foreign(place, folder, sizes, seal, database)


def read_manifest(place: Place, folder: str) -> Manifest:
    """The manifest of a backup.

    Raises:
        CorruptBackup: it is damaged.
    """
    with place.read(f"{folder}/{MANIFEST}") as file:
        pieces = []
        while piece := file.read(1024 * 1024):
            pieces.append(piece)
    return Manifest.from_json(b"".join(pieces))


def latest_folder(place: Place, database: str | None) -> str:
    """The newest whole backup.

    Raises:
        BackupError: there is none.
    """
    found = []
    for folder in place.folders():
        if not place.is_unfinished(folder) and place.exists(f"{folder}/{MANIFEST}"):
            manifest = read_manifest(place, folder)
            if database is None or manifest.database == database:
                found.append((manifest.started, folder))
    if not found:
        raise BackupError(f"there is no whole backup at {place.told}.", hint="Make one: docstore backup create.")
    return max(found)[1]


def _own(place: Place, folder: str, sizes: Mapping[str, int], seal: Seal | None) -> Backup:
    manifest = read_manifest(place, folder)
    files = {}
    for entry in manifest.files():
        name = taken_apart(entry.path.rpartition("/")[2])
        if name is None or entry.path != f"{manifest.database}/{entry.path.rpartition('/')[2]}":
            raise CorruptBackup(f"{MANIFEST} names {entry.path!r}, which is no file of a dump.", file=MANIFEST)
        files[entry.path] = StoredFile(entry.path, name, entry)
    return Backup(place, folder, manifest.database, manifest, files, sizes, seal, manifest.notes)


def _foreign(place: Place, folder: str, sizes: Mapping[str, int], seal: Seal | None, database: str | None) -> Backup:
    """A dump by mongodump: ``<folder>/<database>/*``, or the folder of one database itself."""
    found: dict[str, dict[str, StoredFile]] = {}
    for path in sizes:
        parts = path.split("/")
        name = taken_apart(parts[-1])
        if name is not None and len(parts) <= 2 and parts[-1] != _OPLOG and not name.stem.startswith("$"):
            within = parts[0] if len(parts) == 2 else folder.rpartition("/")[2]
            found.setdefault(within, {})[path] = StoredFile(path, name)
    if not found:
        raise BackupError(f"{folder} at {place.told} holds neither a manifest nor a dump by mongodump.")
    if database is None and len(found) > 1:
        raise BackupError(
            f"{folder} holds several databases: {', '.join(sorted(found))}.", hint="Say which one with --from."
        )
    chosen = database if database is not None else next(iter(found))
    if chosen not in found:
        raise BackupError(f"{folder} holds no database {chosen!r}.", hint=f"It holds {', '.join(sorted(found))}.")
    notes = ["made by mongodump, without hashes: damage that leaves the format whole is not seen"]
    if _OPLOG in sizes:
        notes.append("its oplog.bson is not replayed: what was written during the dump may be missing")
    return Backup(place, folder, chosen, None, found[chosen], sizes, seal, notes)
