"""Cutting a stream of BSON documents at their lengths, without decoding them."""

from __future__ import annotations

from struct import Struct
from typing import Final

from docstore.errors import CorruptBackup

LARGEST_DOCUMENT: Final = 16 * 1024 * 1024 + 16 * 1024
"""What a server hands out at most: 16 MiB for the user, and a little for itself."""
SMALLEST_DOCUMENT: Final = 5

_LENGTH: Final = Struct("<i")


class Framer:
    """Takes a stream in pieces of any size, and gives back whole documents; `file` is what errors name."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._rest = b""
        self._offset = 0
        self.documents = 0

    @property
    def offset(self) -> int:
        """Where in the stream the first document that is not given back yet starts."""
        return self._offset

    def feed(self, piece: bytes) -> list[bytes]:
        """The documents that are whole by now.

        Raises:
            CorruptBackup: a length is impossible, or a document does not end where it says.
        """
        data = self._rest + piece if self._rest else piece
        documents = []
        at, end = 0, len(data)
        unpack = _LENGTH.unpack_from
        while end - at >= 4:
            (length,) = unpack(data, at)
            if not SMALLEST_DOCUMENT <= length <= LARGEST_DOCUMENT:
                raise self._damaged(at, f"a document claims to be {length} bytes long")
            if end - at < length:
                break
            if data[at + length - 1]:
                raise self._damaged(at, "a document does not end where its length says")
            documents.append(data[at : at + length])
            at += length
        self._rest = data[at:]
        self._offset += at
        self.documents += len(documents)
        return documents

    def finish(self) -> None:
        """Say that the stream is over.

        Raises:
            CorruptBackup: it ended inside a document.
        """
        if self._rest:
            raise self._damaged(0, f"the data ends inside a document, {len(self._rest)} bytes after its start")

    def _damaged(self, at: int, what: str) -> CorruptBackup:
        offset = self._offset + at
        return CorruptBackup(
            f"{self._file} is damaged: at byte {offset} of its data (document {self.documents + 1}) {what}.",
            file=self._file,
            offset=offset,
        )


def count_documents(batch: bytes) -> int:
    """How many documents a server's raw batch holds; it is trusted to be well formed."""
    count, at, end = 0, 0, len(batch)
    unpack = _LENGTH.unpack_from
    while at < end:
        at += unpack(batch, at)[0]
        count += 1
    return count
