"""Values of any kind as BSON takes them: what is plain is passed on, the rest is left to Beanie's encoder."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from beanie import PydanticObjectId
from bson import Binary, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex

from docstore.documents.encoders import stored_value

AS_THEY_ARE: Final = frozenset(
    {
        *(type(None), str, int, float, bool, datetime),
        *(ObjectId, PydanticObjectId, Int64, Binary, Decimal128, DBRef, MaxKey, MinKey, Regex),
    }
)
"""Exact types that Beanie's encoder and the driver take as they are."""


def encode_value(value: Any) -> Any:
    """A value as Beanie's encoder gives it; containers are new, so that the result does not change with the value.

    Raises:
        ValueError: nothing is known of its type.
    """
    kind = type(value)
    if kind in AS_THEY_ARE:
        return value
    encode = _BY_TYPE.get(kind)
    return encode(value) if encode is not None else stored_value(value)


def _encode_dict(value: dict[Any, Any]) -> Any:
    encoded = {key: encode_value(nested) for key, nested in value.items() if type(key) is str}
    return encoded if len(encoded) == len(value) else stored_value(value)


def _encode_list(value: list[Any] | tuple[Any, ...]) -> list[Any]:
    return [encode_value(nested) for nested in value]


_BY_TYPE: Final[dict[type, Callable[[Any], Any]]] = {
    dict: _encode_dict,
    list: _encode_list,
    tuple: _encode_list,
    UUID: Binary.from_uuid,
}
