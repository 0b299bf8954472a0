"""Reading a backup from end to end: is it what was written?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from docstore.errors import BackupError, CorruptBackup
from docstore.operations.backup.catalog import CollectionSpec
from docstore.operations.backup.contents import Backup, StoredFile
from docstore.operations.backup.framing import Framer
from docstore.operations.backup.naming import MANIFEST, PRELUDE, DumpName, Kind, taken_apart
from docstore.operations.backup.places import told_problems


@dataclass(frozen=True, slots=True)
class VerifyProgress:
    """A file that is read through, the `number`-th of `total`."""

    file: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was read, and what is wrong with it.

    Args:
        files, documents, bytes: how many were read; bytes as they are stored.
        counts: the documents of each collection that was read.
        problems: one for each damaged file; none when all is well.
        sealed: whether the contents could not be looked at for want of a key; hashes were checked all the same.
    """

    files: int
    documents: int
    bytes: int
    seconds: float
    counts: dict[str, int]
    problems: tuple[CorruptBackup, ...]
    sealed: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


async def verify_backup(
    backup: Backup,
    only: Collection[str] = (),
    *,
    parallel: int = 2,
    on_progress: Callable[[VerifyProgress], None] | None = None,
) -> VerifyReport:
    """Read the files of a backup: sizes, hashes, compression, encryption, the frames of documents, counts.

    An encrypted backup without its key is held against its hashes alone.

    Args:
        backup: opened.
        only: these collections; all when empty.
        parallel: how many files at once.
        on_progress: called before each file.

    Raises:
        BackupError: the place cannot be read.
    """
    start = time.perf_counter()
    chosen = [file for file in backup.files.values() if not only or backup.collection_of(file) in only]
    opened = backup.seal is not None and backup.seal.can_read
    sealed = any(file.name.sealed for file in chosen) and not opened
    free = asyncio.Semaphore(parallel)
    told = iter(range(1, len(chosen) + 1))

    async def one(file: StoredFile) -> tuple[StoredFile, int, CorruptBackup | None]:
        async with free:
            if on_progress is not None:
                on_progress(VerifyProgress(file.path, next(told), len(chosen)))
            return await asyncio.to_thread(_read_through, backup, file, sealed)

    seen = await asyncio.gather(*(one(file) for file in chosen))
    problems = [problem for _, _, problem in seen if problem is not None]
    return VerifyReport(
        files=len(chosen),
        documents=sum(documents for _, documents, _ in seen),
        bytes=sum(backup.sizes.get(file.path, 0) for file in chosen),
        seconds=time.perf_counter() - start,
        counts={backup.collection_of(file): documents for file, documents, _ in seen if file.name.kind is Kind.DATA},
        problems=(*problems, *_unknown_files(backup)),
        sealed=sealed,
    )


def _read_through(backup: Backup, file: StoredFile, sealed: bool) -> tuple[StoredFile, int, CorruptBackup | None]:
    try:
        return file, _documents_of(backup, file, sealed), None
    except CorruptBackup as problem:
        return file, 0, problem


def _documents_of(backup: Backup, file: StoredFile, sealed: bool) -> int:
    entry = file.entry
    if file.path not in backup.sizes:
        raise CorruptBackup(f"{file.path} is missing.", file=file.path)
    if entry is not None and (size := backup.sizes[file.path]) < entry.bytes:
        raise CorruptBackup(
            f"{file.path} is cut off: it ends at byte {size} of {entry.bytes}.", file=file.path, offset=size
        )
    if sealed:
        _expect_hash(backup, file)
        return 0
    try:
        documents = _contents(backup, file)
    except CorruptBackup as problem:
        if problem.offset is None and entry is not None:
            _expect_hash(backup, file)  # which knows where
        raise
    said = backup.entry_of(file)
    if said is not None and file.name.kind is Kind.DATA and documents != said.documents:
        raise CorruptBackup(
            f"{file.path} holds {documents:,} documents; the manifest says {said.documents:,}.", file=file.path
        )
    return documents


def _contents(backup: Backup, file: StoredFile) -> int:
    framer, text = Framer(file.path), bytearray()
    with told_problems(backup.place, f"reading {file.path}"), backup.reader(file) as reader:
        for piece in reader:
            if file.name.kind is Kind.DATA:
                framer.feed(piece)
            else:
                text += piece
        if file.entry is not None:
            reader.expect(file.entry)
    if file.name.kind is Kind.METADATA:
        CollectionSpec.from_metadata(bytes(text), file=file.path, name=file.collection)
    framer.finish()
    return framer.documents


def _expect_hash(backup: Backup, file: StoredFile) -> None:
    assert file.entry is not None
    as_stored = StoredFile(file.path, DumpName(file.name.stem, file.name.kind, gzip=False, sealed=False))
    with told_problems(backup.place, f"reading {file.path}"), backup.reader(as_stored) as stored:
        stored.expect(file.entry)


def _unknown_files(backup: Backup) -> list[CorruptBackup]:
    """What lies beside the files of the manifest, and would be restored by mongorestore."""
    if backup.manifest is None:
        return []
    own = {MANIFEST, PRELUDE, f"{PRELUDE}.gz", *backup.files}
    return [
        CorruptBackup(f"{path} is not in the manifest: the backup did not write it.", file=path)
        for path in sorted(backup.sizes)
        if path not in own and taken_apart(path.rpartition("/")[2]) is not None
    ]


def raise_problems(report: VerifyReport, name: str) -> None:
    """Nothing for a sound backup.

    Raises:
        CorruptBackup: the first problem, with how many there are.
        BackupError: it is encrypted and was not opened.
    """
    if report.problems:
        first = report.problems[0]
        more = len(report.problems) - 1
        raise CorruptBackup(
            first.message + (f" {more} more of its files are damaged." if more else ""),
            file=first.file,
            offset=first.offset,
            hint=first.hint or f"Nothing was written. Take another; `docstore backup verify {name}` tells all.",
        )
    if report.sealed:
        raise BackupError(
            "the backup is encrypted, and there is no key to open it.",
            hint="Set BACKUP_IDENTITY to the secret key of one of its recipients.",
        )
