"""Types that Beanie's encoder has no form for, or none that could be read again: its own table is completed.

Every write and every query of Beanie's looks into that table, so what is said here holds on all routes. What reads
the values again is in `bson_types.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time
from enum import Enum
from typing import Any, Final

from beanie.odm.utils.encoder import DEFAULT_CUSTOM_ENCODERS, Encoder
from bson import Regex

_LETTERED: Final = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE
"""The flags of patterns of text that BSON has letters for. Unicode goes without saying, and means more elsewhere."""


def stored_value(value: Any) -> Any:
    """A value as Beanie's encoder gives it.

    Raises:
        ValueError: nothing is known of its type.
    """
    return Encoder(to_db=True).encode(value)


def check_expressible(pattern: re.Pattern[Any]) -> re.Pattern[Any]:
    """The pattern, when all of it can be stored.

    Raises:
        ValueError: it is of bytes, or has a flag that BSON has no letter for, such as ASCII.
    """
    if isinstance(pattern.pattern, bytes):
        raise ValueError("a pattern of bytes has no form in BSON: store its source as bytes")
    written_out = re.compile(pattern.pattern).flags  # (?a) within the pattern is stored with it
    lost = re.RegexFlag(pattern.flags & ~written_out & ~_LETTERED & ~re.UNICODE)
    if lost:
        raise ValueError(f"BSON has no letter for {lost.name}: write such flags into the pattern, as (?a)")
    return pattern


def _stored_pattern(pattern: re.Pattern[Any]) -> Regex[Any]:
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags & _LETTERED
    return Regex(pattern.pattern, flags)


def _stored_time(value: time) -> str:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise ValueError("a time in a zone whose offset depends on the day")
    return value.isoformat()


def _stored_member(member: Enum) -> Any:
    return stored_value(member.value)


_COMPLETED: Final[dict[type, Callable[[Any], Any]]] = {
    re.Pattern: _stored_pattern,
    time: _stored_time,
    Enum: _stored_member,
}
DEFAULT_CUSTOM_ENCODERS.update(_COMPLETED)
