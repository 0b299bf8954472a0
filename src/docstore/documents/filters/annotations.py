"""Type annotations taken apart: what a field may hold, without the rules that judge new values."""

import dataclasses
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, is_typeddict
from uuid import UUID

from annotated_types import BaseMetadata, GroupedMetadata
from beanie import BackLink, Link
from bson import ObjectId
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import TypeAliasType

_LISTS = (list, tuple, set, frozenset, deque)
_KEYS = (
    *(int, float, Decimal, UUID, date, time, ObjectId, PurePath),
    *(IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network),
)
"""Types of keys that are stored as their text, and read from it."""


def members(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The alternatives of an annotation, None among them as NoneType, each without its constraints.

    A bound such as ``ge=1`` says which values may be written; a query may ask for what lies beyond.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        yield from members(inner, (*marks, *metadata))
    elif origin in (Union, UnionType):
        for alternative in get_args(annotation):
            yield from members(alternative, metadata if alternative is not NoneType else ())
    elif isinstance(annotation, TypeAliasType):
        yield from members(annotation.__value__, metadata)
    elif isinstance(annotation, NewType):
        yield from members(annotation.__supertype__, metadata)
    elif origin is Literal and None in get_args(annotation):
        others = tuple(each for each in get_args(annotation) if each is not None)
        yield from members(Literal[others], metadata) if others else ()
        yield NoneType
    else:
        kept = tuple(mark for mark in metadata if not _is_constraint(mark))
        yield Annotated[annotation, *kept] if kept and annotation is not NoneType else annotation


def bare(annotation: Any) -> Any:
    """The annotation without what annotates it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def element_of(annotation: Any) -> Any:
    """The annotation of a list's elements, PydanticUndefined for what is no list."""
    plain = bare(annotation)
    origin = get_origin(plain) or plain
    if not (origin is Sequence or (isinstance(origin, type) and issubclass(origin, _LISTS))):
        return PydanticUndefined
    arguments = [each for each in get_args(plain) if each is not ...]
    return Union[tuple(arguments)] if arguments else Any  # noqa: UP007 - built from a tuple


def mapping_value_of(annotation: Any) -> Any:
    """The annotation of a dict's values, PydanticUndefined for what is no dict."""
    plain = bare(annotation)
    origin = get_origin(plain) or plain
    if not (isinstance(origin, type) and issubclass(origin, Mapping)) or is_typeddict(plain):
        return PydanticUndefined
    arguments = get_args(plain)
    return arguments[1] if len(arguments) == 2 else Any


def keys_become_text(annotation: Any) -> bool:
    """Whether an annotation is that of a dict with numbers, ids, dates and the like as keys, stored as their text."""
    plain = bare(annotation)
    if mapping_value_of(plain) is PydanticUndefined or not get_args(plain):
        return False
    keys = bare(get_args(plain)[0])
    return isinstance(keys, type) and issubclass(keys, _KEYS) and not issubclass(keys, Enum)


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """The model an annotation embeds, if it does."""
    plain = bare(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def is_pattern(annotation: Any) -> bool:
    """Whether an annotation is that of a compiled pattern, which is stored as one."""
    plain = bare(annotation)
    return (get_origin(plain) or plain) is re.Pattern


def is_link(annotation: Any) -> bool:
    """Whether an annotation is one of Beanie's links, which are stored as DBRefs."""
    plain = bare(annotation)
    origin = get_origin(plain) or plain
    return isinstance(origin, type) and issubclass(origin, Link | BackLink)


def is_free(annotation: Any) -> bool:
    """Whether an annotation says nothing about what is stored: Any, a dataclass, a type variable."""
    plain = bare(annotation)
    origin = get_origin(plain) or plain
    if plain is Any or plain is object or is_typeddict(plain) or dataclasses.is_dataclass(plain):
        return True
    return not isinstance(origin, type) and origin is not Literal


def allows_none(info: FieldInfo) -> bool:
    """Whether a stored document may lack the field, or hold null there."""
    return not info.is_required() or NoneType in members(info.annotation)


def _is_constraint(mark: Any) -> bool:
    return isinstance(mark, BaseMetadata | GroupedMetadata | FieldInfo)
