"""The manifest: what a backup holds and how each of its files must look. Written last, it makes a backup whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

from docstore.errors import CorruptBackup
from docstore.operations.backup.naming import MANIFEST

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file as it is stored: its size, its SHA-256, and the first half of the SHA-256 of each of its blocks.

    The blocks say where in a large file the damage is; `plain_bytes` is what it holds before compression and
    encryption.
    """

    path: str
    bytes: int
    sha256: str
    plain_bytes: int
    block_bytes: int
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """A collection or view: its documents, its files, and whether it was read at the snapshot."""

    name: str
    kind: str
    documents: int
    indexes: int
    metadata: FileEntry
    data: FileEntry | None = None
    at_snapshot: bool = True
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a whole backup says of itself.

    Args:
        id: of this backup, never the same twice.
        database: whose backup it is; the dump's folder bears its name.
        started, finished: in UTC.
        snapshot: the cluster time all was read at, as seconds and increment; None when the server has no snapshots.
        notes: what is to be known, such as why there is no snapshot, or what changed meanwhile.
        gzip, encrypted: how its files are wrapped.
    """

    id: str
    database: str
    started: datetime
    finished: datetime
    docstore: str
    server: str
    gzip: bool
    encrypted: bool
    snapshot: tuple[int, int] | None
    collections: tuple[CollectionEntry, ...]
    notes: tuple[str, ...] = ()

    @property
    def documents(self) -> int:
        """All documents in it."""
        return sum(each.documents for each in self.collections)

    @property
    def stored_bytes(self) -> int:
        """What its files take."""
        return sum(entry.bytes for entry in self.files())

    @property
    def is_consistent(self) -> bool:
        """Whether all of it was read at one moment."""
        return self.snapshot is not None and all(each.at_snapshot for each in self.collections)

    def files(self) -> tuple[FileEntry, ...]:
        """Every file that belongs to it."""
        both = ((each.metadata, each.data) for each in self.collections)
        return tuple(entry for pair in both for entry in pair if entry is not None)

    def to_json(self) -> bytes:
        """As the file's text."""
        said = {"format": FORMAT, **asdict(self)}
        return json.dumps(said, default=_iso, ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes, *, file: str = MANIFEST) -> Self:
        """Read the file's text.

        Raises:
            CorruptBackup: it is not such a text, or of a later format.
        """
        try:
            said = json.loads(text)
            if said.pop("format") != FORMAT:
                raise CorruptBackup(
                    f"{file} has a format that this docstore does not know.", file=file, hint="Update docstore."
                )
            said["started"], said["finished"] = (datetime.fromisoformat(said[name]) for name in ("started", "finished"))
            said["snapshot"] = tuple(said["snapshot"]) if said["snapshot"] else None
            said["collections"] = tuple(_collection(each) for each in said["collections"])
            said["notes"] = tuple(said["notes"])
            return cls(**said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptBackup(f"{file} is no manifest of docstore: {type(error).__name__}.", file=file) from error


def _collection(said: dict[str, Any]) -> CollectionEntry:
    data = said.pop("data")
    return CollectionEntry(**said | {"metadata": _file(said["metadata"])}, data=None if data is None else _file(data))


def _file(said: dict[str, Any]) -> FileEntry:
    return FileEntry(**said | {"blocks": tuple(said["blocks"])})


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} has no place in a manifest")
