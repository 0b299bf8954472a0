"""Values that BSON cannot hold, told by the field that has them."""

from collections.abc import Callable, Iterator, Mapping
from decimal import DecimalException
from typing import Any, Final

import bson
from bson.errors import BSONError

from docstore.documents.codec.plain import encode_value
from docstore.errors import ValidationFailed

ENCODING_ERRORS: Final = (BSONError, OverflowError, UnicodeEncodeError)
"""What the driver raises for them, before anything is sent."""


def unstorable_value(collection: str, sent: Any) -> ValidationFailed | None:
    """The error for the first such value in what was to be sent: documents, fields by name, or lists of them."""
    return _first(collection, sent, lambda value: bson.encode({"": value}), ENCODING_ERRORS)


def unencodable_value(collection: str, values: Mapping[str, Any]) -> ValidationFailed | None:
    """The error for the first attribute of a document with a value of a type that nothing is known of."""
    return _first(collection, values, encode_value, (ValueError, DecimalException))


def _first(
    collection: str, values: Any, encode: Callable[[Any], Any], failures: tuple[type[Exception], ...]
) -> ValidationFailed | None:
    for path, kind, told, hint in _found(values, "", encode, failures):
        return ValidationFailed(
            f"{collection}.{path or '?'} holds {told}.", hint=hint, collection=collection, field=path, value_type=kind
        )
    return None


def _found(
    value: Any, path: str, encode: Callable[[Any], Any], failures: tuple[type[Exception], ...]
) -> Iterator[tuple[str, str, str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or "\0" in key:
                yield path, type(key).__name__, "a key that is no text, or has a NUL in it", "Use plain names as keys."
            else:
                yield from _found(inner, f"{path}.{key}".lstrip("."), encode, failures)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _found(inner, path, encode, failures)
    else:
        try:
            encode(value)
        except failures as error:
            yield path, type(value).__name__, *_told(error, type(value).__name__)
        except (ValueError, DecimalException):
            return


def _told(error: Exception, kind: str) -> tuple[str, str]:
    if isinstance(error, OverflowError):
        return "an int of more than 64 bits", "Store it as a str, or as a Decimal128."
    if isinstance(error, DecimalException):
        return "a Decimal of more than 34 digits, or out of range", "Round it before: value.quantize(Decimal('0.01'))."
    if isinstance(error, UnicodeEncodeError):
        return "a str with half a surrogate pair", "Decode the text properly: it is no valid Unicode."
    return f"a value of the type {kind}, for which BSON has none", "Store it as a str, a number or a document."
