"""Values as bytes and back: JSON by pydantic, never pickle."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from bson import ObjectId
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, from_json, to_json


class ValueCodec(Protocol):
    """How values of one kind are written and read."""

    def write(self, value: Any) -> bytes:
        """The value's bytes.

        Raises:
            ValueError: it has no such form.
        """
        ...

    def read(self, payload: bytes) -> Any:
        """The value of some bytes.

        Raises:
            ValueError: they are not of this kind (any more).
        """
        ...


class JsonCodec:
    """Any value that pydantic writes as JSON; read as `kind`, or as plain JSON without one."""

    def __init__(self, kind: Any = None) -> None:
        self._adapter: TypeAdapter[Any] | None = TypeAdapter(kind) if kind is not None else None

    def write(self, value: Any) -> bytes:
        if self._adapter is None or value is None:
            return to_json(value, fallback=_other)
        try:
            return self._adapter.dump_json(value, by_alias=True, round_trip=True, warnings="error", fallback=_other)
        except PydanticSerializationError:  # which tells the value
            raise ValueError(f"a {type(value).__name__} is not of the type that was promised") from None

    def read(self, payload: bytes) -> Any:
        if self._adapter is None or payload == b"null":
            return from_json(payload)
        # From JSON, not from Python objects: a strict model takes a date written as text.
        return self._adapter.validate_json(payload)


@lru_cache(maxsize=512)
def json_codec(kind: Any = None) -> JsonCodec:
    """The shared codec of a kind."""
    return JsonCodec(kind)


def _other(value: Any) -> str:
    if isinstance(value, ObjectId):
        return str(value)
    raise ValueError(f"a {type(value).__name__} cannot be written as JSON; cache what it consists of")
