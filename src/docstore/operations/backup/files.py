"""A dump's files, written and read: hashed as they are stored, compressed, and encrypted where asked.

Synchronous, used in threads. Nothing is ever held whole: pieces pass through.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol, Self

from docstore.errors import CorruptBackup
from docstore.operations.backup.manifest import FileEntry
from docstore.operations.backup.places import Place
from docstore.operations.backup.sealing import Seal

BLOCK_BYTES: Final = 8 * 1024 * 1024
"""How exactly damage without a trace in the format can be located."""
PIECE_BYTES: Final = 1024 * 1024

_GZIP_WINDOW: Final = 31
_BLOCK_DIGITS: Final = 32


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...

    def close(self) -> None: ...


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BlockHash:
    """The SHA-256 of a stream and of each of its blocks."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._block = hashlib.sha256()
        self._blocks: list[str] = []
        self.bytes = 0

    def update(self, data: bytes) -> None:
        """Take the next piece."""
        self._whole.update(data)
        view = memoryview(data)
        while view:
            room = BLOCK_BYTES - self.bytes % BLOCK_BYTES
            self._block.update(view[:room])
            self.bytes += len(view[:room])
            view = view[room:]
            if self.bytes % BLOCK_BYTES == 0:
                self._end_block()

    def sha256(self) -> str:
        """Of all of it, as hexadecimal digits."""
        return self._whole.hexdigest()

    def blocks(self) -> tuple[str, ...]:
        """Of each block, its first half; the last block may be short."""
        if self.bytes % BLOCK_BYTES:
            return (*self._blocks, self._block.hexdigest()[:_BLOCK_DIGITS])
        return tuple(self._blocks)

    def _end_block(self) -> None:
        self._blocks.append(self._block.hexdigest()[:_BLOCK_DIGITS])
        self._block = hashlib.sha256()


class DumpWriter:
    """Writes one file of a dump.

    Args:
        place: where.
        folder: the backup's present folder.
        path: the file, relative to that folder.
        gzip: the level of compression; None for none.
        seal: what to encrypt to; None for not at all.
    """

    def __init__(self, place: Place, folder: str, path: str, *, gzip: int | None, seal: Seal | None) -> None:
        self._path = path
        self._stored = _HashedSink(place.write(f"{folder}/{path}"))
        self._sink: _Sink = seal.writing(self._stored) if seal is not None else self._stored  # type: ignore[arg-type]  # a writer is all age asks for
        self._gzip = None if gzip is None else zlib.compressobj(gzip, zlib.DEFLATED, _GZIP_WINDOW)
        self._plain = 0

    def write(self, data: bytes) -> None:
        """Store a piece."""
        self._plain += len(data)
        packed = data if self._gzip is None else self._gzip.compress(data)
        if packed:
            self._sink.write(packed)

    def finish(self) -> FileEntry:
        """Complete the file, make it durable, and tell how it must look from now on."""
        if self._gzip is not None:
            self._sink.write(self._gzip.flush())
        if self._sink is not self._stored:
            self._sink.close()
        self._stored.close()
        seen = self._stored.hash
        return FileEntry(self._path, seen.bytes, seen.sha256(), self._plain, BLOCK_BYTES, seen.blocks())

    def abandon(self) -> None:
        """Let go of the file as it is."""
        for each in (self._sink, self._stored):
            try:
                each.close()
            except OSError:
                continue


class DumpReader:
    """Reads one file of a dump piece by piece: ``for piece in reader``. What it read it can hold against a manifest.

    Args:
        place: where.
        folder: the backup's folder.
        path: the file, relative to it.
        gzip, seal: how it is wrapped.
    """

    def __init__(self, place: Place, folder: str, path: str, *, gzip: bool, seal: Seal | None) -> None:
        self.path = path
        self._stored = _HashedSource(place.read(f"{folder}/{path}"))
        self._opened = seal.reading(self._stored, path) if seal is not None else None  # type: ignore[arg-type]  # a reader is all age asks for
        self._source: _Source = self._opened or self._stored
        self._gzip = gzip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """The plain bytes.

        Raises:
            CorruptBackup: the compression or the encryption is damaged or cut off.
        """
        yield from _unzipped(self._source, self.path) if self._gzip else _pieces(self._source)

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.close()
        self._stored.close()

    def expect(self, entry: FileEntry) -> None:
        """Hold the whole file, as it is stored, against its entry in the manifest; reads what is left of it.

        Raises:
            CorruptBackup: it is another; says from which byte on.
        """
        while self._stored.read(PIECE_BYTES):
            pass
        seen = self._stored.hash
        if seen.sha256() == entry.sha256:
            return
        raise _differing(entry, seen)


def _differing(entry: FileEntry, seen: BlockHash) -> CorruptBackup:
    first = next(
        (at for at, (was, now) in enumerate(zip(entry.blocks, seen.blocks(), strict=False)) if was != now),
        min(len(entry.blocks), len(seen.blocks())),
    )
    start = first * entry.block_bytes
    if seen.bytes < entry.bytes and start + entry.block_bytes >= seen.bytes:
        return CorruptBackup(
            f"{entry.path} is cut off: it ends at byte {seen.bytes} of {entry.bytes}.",
            file=entry.path,
            offset=seen.bytes,
        )
    end = min(start + entry.block_bytes, max(seen.bytes, entry.bytes))
    return CorruptBackup(
        f"{entry.path} is damaged between byte {start} and byte {end}: it is not what the backup wrote (SHA-256).",
        file=entry.path,
        offset=start,
    )


def _pieces(source: _Source) -> Iterator[bytes]:
    while piece := source.read(PIECE_BYTES):
        yield piece


def _unzipped(source: _Source, path: str) -> Iterator[bytes]:
    """The members of a gzip file, one after the other; damage is told by the packed file's offset."""
    unpack, inside, members = zlib.decompressobj(_GZIP_WINDOW), False, 0
    at, packed = 0, b""
    while True:
        packed = packed or source.read(PIECE_BYTES)
        given, inside = len(packed), inside or bool(packed)
        try:
            plain = unpack.decompress(packed, PIECE_BYTES)
        except zlib.error as error:
            reason = str(error).rpartition(": ")[2]
            raise CorruptBackup(
                f"{path} is damaged: its gzip data cannot be read on from byte {at} ({reason}).", file=path, offset=at
            ) from error
        packed = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
        at += given - len(packed)
        if plain:
            yield plain
        if unpack.eof:
            unpack, inside, members = zlib.decompressobj(_GZIP_WINDOW), False, members + 1
        elif not given and not plain:
            break
    if inside or not members:
        raise CorruptBackup(f"{path} is cut off: its gzip data ends at byte {at}.", file=path, offset=at)


class _HashedSink:
    """The stored file, whose bytes are hashed on their way."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.hash = BlockHash()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        view = memoryview(data)
        while view:
            # An unbuffered file may take a part only.
            view = view[self._raw.write(view) :]
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None:
        self._raw.close()


class _HashedSource:
    """The stored file, whose bytes are hashed on their way."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.hash = BlockHash()

    def read(self, size: int = PIECE_BYTES) -> bytes:
        data = self._raw.read(size) or b""
        self.hash.update(data)
        return data

    def close(self) -> None:
        self._raw.close()
