"""Backups at any address that fsspec reaches: object stores, SFTP, memory. Needs the extra ``backup``.

Object stores cannot rename a folder, so files go where they belong at once. The mark of an unfinished backup is
written first and removed after the manifest, which is written last: without manifest, or with the mark, it is none.
"""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, cast

from docstore._masking import mask_url
from docstore.errors import BackupError, MissingExtra
from docstore.operations.backup.naming import UNFINISHED_MARK

_LONGEST_BACKUP: Final = timedelta(hours=24)


class RemotePlace:
    """See `Place`. Credentials are those that fsspec finds by itself, such as AWS_* in the environment."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise MissingExtra("backup", "a backup at a URL") from error
        self.told = mask_url(url)
        try:
            self._system, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            # Its message tells which package the scheme needs, and quotes no more than the scheme.
            raise BackupError(
                f"{self.told} cannot be reached: {type(error).__name__}.",
                hint="Check the scheme, and install the package of fsspec that brings it, such as s3fs or gcsfs.",
            ) from error
        self._root = str(root).rstrip("/")
        self._mine: set[str] = set()

    def folders(self) -> list[str]:
        """See `Place`."""
        self._refresh()
        if not self._system.exists(self._root or "/"):
            return []
        found = self._system.ls(self._root or "/", detail=True)
        return sorted(_last(each["name"]) for each in found if each["type"] == "directory")

    def files(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        self._refresh()
        base = self._at(folder)
        found = cast("dict[str, dict[str, Any]]", self._system.find(base, detail=True))
        start = len(base.lstrip("/")) + 1
        return {path.lstrip("/")[start:]: int(each["size"]) for path, each in sorted(found.items())}

    def exists(self, path: str) -> bool:
        """See `Place`."""
        self._refresh()
        return bool(self._system.exists(self._at(path)))

    def read(self, path: str) -> BinaryIO:
        """See `Place`."""
        return cast("BinaryIO", self._system.open(self._at(path), "rb"))

    def write(self, path: str) -> BinaryIO:
        """See `Place`."""
        target = self._at(path)
        self._system.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
        return cast("BinaryIO", self._system.open(target, "wb"))

    def begin(self, name: str) -> str:
        """See `Place`."""
        self._system.makedirs(self._at(name), exist_ok=True)
        who = {"started": datetime.now(UTC).isoformat(), "by": f"{socket.gethostname()}:{os.getpid()}"}
        self._system.pipe_file(self._at(f"{name}/{UNFINISHED_MARK}"), json.dumps(who).encode())
        self._mine.add(name)
        return name

    def commit(self, working: str, name: str) -> None:
        """See `Place`."""
        self._system.rm_file(self._at(f"{working}/{UNFINISHED_MARK}"))
        self._mine.discard(working)

    def is_unfinished(self, folder: str) -> bool:
        """See `Place`."""
        return self.exists(f"{folder}/{UNFINISHED_MARK}")

    def is_being_written(self, folder: str) -> bool | None:
        """See `Place`. Nobody sees another machine at work here: only a mark of long ago tells that it is not."""
        if folder in self._mine:
            return True
        try:
            mark = json.loads(self._system.cat_file(self._at(f"{folder}/{UNFINISHED_MARK}")))
            age = datetime.now(UTC) - datetime.fromisoformat(mark["started"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        return None if age < _LONGEST_BACKUP else False

    def remove(self, folder: str) -> None:
        """See `Place`."""
        # The mark first: half a removal must not look like a backup.
        self._system.pipe_file(self._at(f"{folder}/{UNFINISHED_MARK}"), b"{}")
        for path in self.files(folder):
            if path != UNFINISHED_MARK:
                self._system.rm_file(self._at(f"{folder}/{path}"))
        self._system.rm(self._at(folder), recursive=True)
        self._mine.discard(folder)

    def _at(self, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise BackupError(f"{path!r} leads out of the place of backups.")
        return f"{self._root}/{path}".rstrip("/")

    def _refresh(self) -> None:
        # Listings are kept by some systems; another machine may have written since.
        self._system.invalidate_cache()


def _last(path: str) -> str:
    return PurePosixPath(path).name
