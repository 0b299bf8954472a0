"""Words: how a text is cut into them, and when two of them are the same.

Case and accents are folded away; there is no typo tolerance, no stemming and no stop word list.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")


class Token(NamedTuple):
    """A word of a text: where it stands, and what it is compared as."""

    start: int
    end: int
    folded: str


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """The text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def tokenize(text: str) -> list[Token]:
    """The words of `text` in order; punctuation and underscores separate."""
    return [Token(m.start(), m.end(), fold(m.group())) for m in _WORD.finditer(text)]


def words(text: str) -> list[str]:
    """The folded words of `text` in order."""
    return [token.folded for token in tokenize(text)]
