"""Where backups are kept. A local folder here; whatever fsspec reaches in `remote`.

A place is synchronous: it is used in threads. A backup is a folder of the place. While it is written it bears a mark,
and on a local disk another name; `commit` takes both away, in one step that either happened or did not.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Protocol

from docstore._masking import mask_url
from docstore.errors import BackupError
from docstore.operations.backup.naming import UNFINISHED_MARK

UNFINISHED_SUFFIX: Final = ".unfinished"


class Place(Protocol):
    """A folder of backups. Paths are relative to it, with ``/`` between their parts."""

    @property
    def told(self) -> str:
        """Its address, for people: without secrets."""

    def folders(self) -> list[str]:
        """The names of what may be backups, sorted."""

    def files(self, folder: str) -> dict[str, int]:
        """Every file below a folder, relative to it, with its size in bytes."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""

    def read(self, path: str) -> BinaryIO:
        """Open a file to read."""

    def write(self, path: str) -> BinaryIO:
        """Open a new file to write; closing it makes it durable."""

    def begin(self, name: str) -> str:
        """Make the folder in which the backup `name` is written, marked as unfinished; gives its present name."""

    def commit(self, working: str, name: str) -> None:
        """Make what was begun a backup of that name."""

    def is_unfinished(self, folder: str) -> bool:
        """Whether it bears the mark of one that was begun and not committed."""

    def is_being_written(self, folder: str) -> bool | None:
        """Whether somebody writes it at this moment; None when the place cannot tell."""

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it."""


class LocalPlace:
    """A folder on this machine. A backup in the making is called ``<name>.unfinished`` and locked by its writer."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._locks: dict[str, int] = {}

    @property
    def told(self) -> str:
        """The folder's path."""
        return str(self._root)

    def folders(self) -> list[str]:
        """See `Place`."""
        if not self._root.is_dir():
            return []
        return sorted(each.name for each in self._root.iterdir() if each.is_dir())

    def files(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        base = self._at(folder)
        return {
            each.relative_to(base).as_posix(): each.stat().st_size for each in sorted(base.rglob("*")) if each.is_file()
        }

    def exists(self, path: str) -> bool:
        """See `Place`."""
        return self._at(path).exists()

    def read(self, path: str) -> BinaryIO:
        """See `Place`."""
        return self._at(path).open("rb", buffering=0)

    def write(self, path: str) -> BinaryIO:
        """See `Place`."""
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return _Durable(target)

    def begin(self, name: str) -> str:
        """See `Place`."""
        working = f"{name}{UNFINISHED_SUFFIX}"
        self._root.mkdir(parents=True, exist_ok=True)
        self._at(working).mkdir()
        # The lock ends with this process, however it ends.
        self._locks[working] = _locked(self._at(f"{working}/{UNFINISHED_MARK}"))
        return working

    def commit(self, working: str, name: str) -> None:
        """See `Place`."""
        folder = self._at(working)
        (folder / UNFINISHED_MARK).unlink()
        for each in (*(below for below in folder.rglob("*") if below.is_dir()), folder):
            _sync_folder(each)
        self._unlock(working)
        folder.rename(self._at(name))
        _sync_folder(self._root)

    def is_unfinished(self, folder: str) -> bool:
        """See `Place`."""
        return folder.endswith(UNFINISHED_SUFFIX)

    def is_being_written(self, folder: str) -> bool | None:
        """See `Place`."""
        if folder in self._locks:
            return True
        with contextlib.suppress(FileNotFoundError):
            return _is_locked(self._at(f"{folder}/{UNFINISHED_MARK}"))
        return False

    def remove(self, folder: str) -> None:
        """See `Place`."""
        self._unlock(folder)
        target = self._at(folder)
        if not self.is_unfinished(folder):
            # Half a removal must not look like a backup.
            doomed = target.with_name(f"{target.name}{UNFINISHED_SUFFIX}")
            target.rename(doomed)
            target = doomed
        shutil.rmtree(target)

    def _at(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if PurePosixPath(path).is_absolute() or ".." in parts:
            raise BackupError(f"{path!r} leads out of the place of backups.")
        return self._root.joinpath(*parts)

    def _unlock(self, folder: str) -> None:
        if (descriptor := self._locks.pop(folder, None)) is not None:
            os.close(descriptor)


def open_place(url: str) -> Place:
    """The place at a path or URL: ``backups``, ``/srv/backups``, ``file:///srv/backups``, ``s3://bucket/folder``.

    Raises:
        MissingExtra: the URL needs the extra ``backup``.
        BackupError: nothing knows how to reach such a URL.
    """
    scheme, found, path = url.partition("://")
    if not found:
        return LocalPlace(Path(url).expanduser())
    if scheme == "file":
        return LocalPlace(Path(path))
    from docstore.operations.backup.remote import RemotePlace

    return RemotePlace(url)


@contextlib.contextmanager
def told_problems(place: Place, doing: str) -> Iterator[None]:
    """A block in which what the disk or the store refuses becomes a BackupError."""
    try:
        yield
    except OSError as error:
        reason = mask_url(error.strerror or str(error) or type(error).__name__)
        raise BackupError(
            f"{doing} failed at {place.told}: {reason}.",
            hint="Check the address, the rights there and the space left.",
        ) from error


class _Durable(io.FileIO):
    """A new file that is on disk once it is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "xb")

    def close(self) -> None:
        if not self.closed:
            try:
                os.fsync(self.fileno())
            finally:
                super().close()


def _locked(path: Path) -> int:
    import fcntl

    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _is_locked(path: Path) -> bool:
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
