"""The hashes that bind entries together.

An entry's hash covers who, when and where, the hash of the document's entry before it, and a commitment to its diff: a
salted hash, so that the values can be erased later while every hash stays as it was, and none can be guessed back.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bson import ObjectId, encode
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions

_OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)
_COVERED: Final = (
    *("collection", "documentId", "seq", "operation", "at", "actor", "requestId", "reason", "touched"),
    *("commitment", "previous"),
)
_SEAL_COVERED: Final = ("_id", "kind", "at", "actor", "entries", "digest", "through", "upTo", "previous")


def entry_id(collection: str, document_id: Any, seq: int) -> str:
    """The id of an entry: there is one entry of a document with a number, and ids sort as its chain runs.

    Documents whose ids look alike, 1 and "1", have different ones.
    """
    return f"{collection}:{_told(document_id)}:{seq:010d}"


def _told(document_id: Any) -> str:
    if isinstance(document_id, str):
        return repr(str(document_id))
    if isinstance(document_id, ObjectId) or (isinstance(document_id, int) and not isinstance(document_id, bool)):
        return str(document_id)
    return hashlib.sha256(encode({"_id": document_id}, codec_options=_OPTIONS)).hexdigest()[:32]


def written(diff: Any) -> bytes:
    """A diff as it is stored."""
    return encode({"diff": diff}, codec_options=_OPTIONS)


def commitment(diff: Any, salt: bytes) -> str:
    """The salted hash of a diff."""
    return committed(written(diff), salt)


def committed(body: bytes, salt: bytes) -> str:
    """The salted hash of a diff as it is stored."""
    return hashlib.sha256(salt + body).hexdigest()


def entry_hash(entry: Mapping[str, Any]) -> str:
    """The hash of a stored entry, from what it holds but for its diff and its seal."""
    covered = {name: entry.get(name) for name in _COVERED}
    return hashlib.sha256(encode(covered, codec_options=_OPTIONS)).hexdigest()


def seal_hash(seal: Mapping[str, Any], key: bytes | None) -> str:
    """The hash of a stored seal; with a key nobody without it can make one."""
    covered = encode({name: seal.get(name) for name in _SEAL_COVERED}, codec_options=_OPTIONS)
    if key:
        return hmac.new(key, covered, hashlib.sha256).hexdigest()
    return hashlib.sha256(covered).hexdigest()


class Digest:
    """One hash over many, in the order given."""

    def __init__(self, hashes: Iterable[str] = ()) -> None:
        self._running = hashlib.sha256()
        for each in hashes:
            self.add(each)

    def add(self, one: str) -> None:
        """Take in one more."""
        self._running.update(one.encode())

    def hexdigest(self) -> str:
        """The hash over those so far."""
        return self._running.hexdigest()
