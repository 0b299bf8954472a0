"""The form in which a value is stored: a line of JSON about it, then the value's own bytes, compressed when long.

Version 2 of the form. What is stored in any other, or cannot be read, is None: a cache may forget.
"""

from __future__ import annotations

import json
import math
import re
import time
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic_core import from_json

COMPRESS_OVER: Final = 4_096
"""Bytes from which a value is compressed."""

_MAGIC: Final = b"d2"
_PLAIN, _COMPRESSED = b".", b"z"
_LEVEL: Final = 1
_COUNTER: Final = re.compile(rb"-?(?:0|[1-9][0-9]{0,18})")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class Entry(NamedTuple):
    """A cached value.

    Args:
        payload: the value's bytes.
        made_at: when it was made, in seconds since 1970.
        fresh_until: from when on it is stale, likewise.
        tags: the generation of each tag when it was made.
    """

    payload: bytes
    made_at: float
    fresh_until: float
    tags: Mapping[str, str] = MappingProxyType({})

    def is_fresh(self, now: float | None = None) -> bool:
        """Whether it is not stale yet."""
        return (time.time() if now is None else now) < self.fresh_until


def encode(entry: Entry, compress_over: int = COMPRESS_OVER) -> bytes:
    """The stored form of an entry."""
    about = json.dumps([round(entry.made_at, 3), round(entry.fresh_until, 3), dict(entry.tags)], separators=(",", ":"))
    flag, payload = _PLAIN, entry.payload
    if len(payload) > compress_over:
        packed = zlib.compress(payload, _LEVEL)
        if len(packed) < len(payload):
            flag, payload = _COMPRESSED, packed
    return b"".join((_MAGIC, flag, about.encode(), b"\n", payload))


def is_counter(payload: bytes) -> bool:
    """Whether this is an integer that a server counts with: one of 64 bits."""
    return _COUNTER.fullmatch(payload) is not None and _SMALLEST <= int(payload) <= _LARGEST


def decode(raw: bytes | None) -> Entry | None:
    """The entry of a stored form, or of a bare counter; None when it is neither."""
    if raw is None or raw[:2] != _MAGIC:
        return Entry(raw, 0.0, math.inf) if raw is not None and is_counter(raw) else None
    try:
        end = raw.index(b"\n")
        made_at, fresh_until, tags = from_json(raw[3:end])
        payload = raw[end + 1 :]
        if raw[2:3] == _COMPRESSED:
            payload = zlib.decompress(payload)
        return Entry(payload, float(made_at), float(fresh_until), dict(tags))
    except (ValueError, TypeError, OverflowError, zlib.error):
        return None
