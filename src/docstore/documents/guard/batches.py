"""A cursor that hands out the documents of an answer as the bytes they came in, some at a time.

PyMongo's own raw batch cursor wraps each document in an object on its way to the same bytes, which takes longer than to
decode it. This one cuts the batch out of the reply as it is. A reply of another build than expected goes PyMongo's way.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions

from docstore.documents.guard.cursor import GuardedRawBatchCursor

Reply = bytes | memoryview

_INT32: Final = Struct("<i")
_EMPTY_ARRAY: Final = b"\x05\x00\x00\x00\x00"
_DOCUMENT, _ARRAY = 3, 4
_LONGEST_NAME: Final = 64
_SIZES: Final = {1: 8, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16}
"""Bytes of the values of fixed size, by BSON's type number."""


@dataclass(frozen=True, slots=True)
class Array:
    """A BSON array of documents, as it stands in a reply."""

    view: memoryview


class BatchCursor(GuardedRawBatchCursor):
    """Iterates over batches, each a BSON array of documents; `documents_in` takes them out."""

    def _unpack_response(
        self,
        response: Any,
        cursor_id: int | None,
        codec_options: CodecOptions[Any],
        user_fields: Any = None,
        legacy_response: bool = False,
    ) -> Any:
        reply = cut_out(response.payload_document) if hasattr(response, "payload_document") else None
        if reply is None:
            return super()._unpack_response(response, cursor_id, codec_options, user_fields, legacy_response)
        return [reply]


def cut_out(reply: Reply) -> dict[str, Any] | None:
    """A decoded reply whose batch is a list of one BSON array, or empty; None for a reply that holds no batch.

    Args:
        reply: a server's reply to find or getMore, in BSON.
    """
    try:
        cursor = _find(reply, 0, {b"cursor": _DOCUMENT})
        batch = _find(reply, cursor[1], {b"firstBatch": _ARRAY, b"nextBatch": _ARRAY}) if cursor else None
    except (KeyError, IndexError, struct.error):
        return None
    if cursor is None or batch is None:
        return None
    start, stop = batch[1], batch[1] + _size(reply, batch[1])
    array = memoryview(reply)[start:stop]
    shorter = stop - start - len(_EMPTY_ARRAY)
    rest = bytearray(b"".join((reply[:start], _EMPTY_ARRAY, reply[stop:])))
    for each in (0, cursor[1]):
        _INT32.pack_into(rest, each, _size(reply, each) - shorter)
    decoded: dict[str, Any] = bson.decode(rest)
    decoded["cursor"][batch[0].decode()] = [Array(array)] if shorter else []
    return decoded


def documents_in(array: Array, count: int) -> Iterator[bytes]:
    """The documents of a batch, `count` at a time: their bytes, one after the other.

    Raises:
        ValueError: the array is not numbered as BSON has it.
    """
    view, end, size = array.view, len(array.view) - 1, _INT32.unpack_from
    position, number, digits, more_digits = 4, 0, 1, 10
    while position < end:
        few: list[memoryview] = []
        add, last = few.append, number + count
        while position < end and number < last:
            if number == more_digits:
                digits, more_digits = digits + 1, more_digits * 10
            start = position + 2 + digits  # behind its type and its number, which ends in a zero
            if view[start - 1]:
                raise ValueError("a batch whose documents are not numbered")
            (length,) = size(view, start)
            position = start + length
            add(view[start:position])
            number += 1
        yield b"".join(few)


def _find(reply: Reply, document: int, wanted: dict[bytes, int]) -> tuple[bytes, int] | None:
    """The name of the first wanted field of the document at a position, and where its value starts."""
    position, end = document + 4, document + _size(reply, document) - 1
    while position < end:
        kind = reply[position]
        name = bytes(reply[position + 1 : position + _LONGEST_NAME]).partition(b"\0")[0]
        value = position + len(name) + 2
        if wanted.get(name) == kind:
            return name, value
        position = value + _length(reply, kind, value)
    return None


def _length(reply: Reply, kind: int, value: int) -> int:
    if kind in (_DOCUMENT, _ARRAY):
        return _size(reply, value)
    if kind == 2:  # text: its length, then it
        return 4 + _size(reply, value)
    if kind == 5:  # binary: its length, its subtype, then it
        return 5 + _size(reply, value)
    return _SIZES[kind]


def _size(reply: Reply, position: int) -> int:
    size: int = _INT32.unpack_from(reply, position)[0]
    return size
