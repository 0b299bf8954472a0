"""Cursors: opaque text that marks a place in one query's order, and is refused anywhere else.

A cursor holds the format's version, flags, a digest of the query it belongs to, a code that tells damage and (with a
key) forgery, and the place's values as BSON, so that every type comes back as it was. It is not encrypted.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from docstore.documents.pages.brackets import bracket_of
from docstore.documents.pages.order import Order, Place
from docstore.errors import InvalidCursor

_VERSION: Final = 1
_INCLUSIVE: Final = 1
_DIGEST_SIZE: Final = 8
_CODE_SIZE: Final = 16
_HEAD_SIZE: Final = 2 + _DIGEST_SIZE
_WRITING: Final[CodecOptions[dict[str, Any]]] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)
# Read back, a UUID stays the binary it is stored as: that is sent alike by clients of any UUID representation.
_READING: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an order; `inclusive` when the document at the place itself still belongs to what follows."""

    place: Place
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class CursorCodec:
    """Writes and reads the cursors of one query.

    Args:
        order: the query's order.
        digest: what the cursors are bound to, from `digest_of`.
        key: signs the cursors; without one they carry a checksum, which tells damage but not forgery.
        collection: for messages.
    """

    order: Order
    digest: bytes
    key: bytes | None
    collection: str

    def write(self, cursor: Cursor) -> str:
        """The cursor as text that is safe in an address."""
        head = bytes([_VERSION, _INCLUSIVE if cursor.inclusive else 0]) + self.digest
        values = bson.encode({"v": list(cursor.place)}, codec_options=_WRITING)
        raw = head + self._code(head + values) + values
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def read(self, text: Any) -> Cursor:
        """The cursor that `write` made text of.

        Raises:
            InvalidCursor: the text is none, is damaged or forged, or belongs to another query.
        """
        raw = self._decoded(text)
        head, code, values = raw[:_HEAD_SIZE], raw[_HEAD_SIZE : _HEAD_SIZE + _CODE_SIZE], raw[_HEAD_SIZE + _CODE_SIZE :]
        if len(code) < _CODE_SIZE or not hmac.compare_digest(code, self._code(head + values)):
            raise self._refused("is damaged, or was not made here")
        if head[0] != _VERSION:
            raise self._refused("comes from another version of this library")
        if head[2:] != self.digest:
            raise self._refused(
                "belongs to another query: its sort, its filter or its collection is not this one's",
                "Begin again without a cursor. A filter that holds the present moment is another one with every "
                "call: bind the cursors to a name instead, page(..., bound_to='due posts').",
            )
        return Cursor(self._place(values), bool(head[1] & _INCLUSIVE))

    def _decoded(self, text: Any) -> bytes:
        if not isinstance(text, str):
            raise self._refused(f"is text, not {type(text).__name__}")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._refused("is damaged, or was not made here") from error
        # One place, one text: what decodes alike but is written differently was not made here.
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
            raise self._refused("is damaged, or was not made here")
        return raw

    def _place(self, values: bytes) -> Place:
        try:
            found: Any = bson.decode(values, codec_options=_READING).get("v")
        except (BSONError, ValueError, OverflowError) as error:
            raise self._refused("is damaged, or was not made here") from error
        fits = isinstance(found, list) and len(found) == len(self.order)
        if not fits or any(bracket_of(value) is None for value in found) or found[-1] is None:
            raise self._refused("marks no place in this order")
        return tuple(found)

    def _code(self, message: bytes) -> bytes:
        if self.key is None:
            return hashlib.sha256(message).digest()[:_CODE_SIZE]
        return hmac.new(self.key, message, hashlib.sha256).digest()[:_CODE_SIZE]

    def _refused(self, why: str, hint: str = "Begin again without a cursor.") -> InvalidCursor:
        return InvalidCursor(
            f"the cursor for a page of {self.collection} {why}.", hint=hint, collection=self.collection
        )


def digest_of(order: Order, scope: str, bound_to: Any, collation: Any, collection: str) -> bytes:
    """What binds a cursor to its query, in few bytes.

    Args:
        order: the query's order.
        scope: which documents it sees.
        bound_to: the query's filter, or what stands for it.
        collation: how it compares text.
        collection: where it runs.
    """
    told: Mapping[str, Any] = {
        "c": collection,
        "s": scope,
        "o": [[key.field, key.ascending] for key in order],
        "f": bound_to,
        "l": getattr(collation, "document", collation),
    }
    return hashlib.sha256(bson.encode(told, codec_options=_WRITING)).digest()[:_DIGEST_SIZE]
