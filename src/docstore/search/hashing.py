"""Records and objectIDs as short numbers: to compare the ones, and to know a million of the others."""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

# What an engine adds to a record that it returns.
_ADDED = ("_highlightResult", "_snippetResult", "_rankingInfo", "_distinctSeqID")


def content_hash(record: Mapping[str, Any]) -> bytes:
    """The same for records of the same content, whatever their attributes' order and the kind of whole numbers."""
    told = {name: _plain(value) for name, value in record.items() if name not in _ADDED}
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


class Fingerprints:
    """A set of texts in eight bytes each. Two of them may share one, once in ten million sets of a million."""

    def __init__(self) -> None:
        self._numbers = array("Q")

    def add(self, text: str) -> None:
        """Put a text in."""
        self._numbers.append(_number(text))

    def sort(self) -> None:
        """From now on it is asked, and nothing put in any more."""
        self._numbers = array("Q", sorted(self._numbers))

    def __contains__(self, text: str) -> bool:
        number = _number(text)
        at = bisect_left(self._numbers, number)
        return at < len(self._numbers) and self._numbers[at] == number


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
