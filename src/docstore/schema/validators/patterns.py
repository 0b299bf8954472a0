"""Patterns of models in a spelling that every server reads the same way, or none at all.

Pydantic's engine knows all of Unicode by ``\\d`` and ``\\w``, MongoDB's only ASCII. A validator must let pass whatever
the model lets pass, so such a class becomes one that holds all beyond ASCII; what has no such spelling is left out.
"""

from __future__ import annotations

import re
from typing import Final

_BEYOND: Final = "\u0080-\U0010ffff"
_WIDE: Final = {
    "d": f"0-9{_BEYOND}",
    "w": f"A-Za-z0-9_{_BEYOND}",
    "s": f" \\t\\n\\r\\f\\x0b{_BEYOND}",
}
_ASCII: Final = {"d": "0-9", "w": "A-Za-z0-9_", "s": " \\t\\n\\r\\f\\x0b"}
_PUNCTUATION: Final = frozenset("\\.+*?()|[]{}^$-/#&~,:;=!@%'\"<> _`")
_CONTROLS: Final = frozenset("nrtf")
_TOKEN: Final = re.compile(r"\\x[0-9A-Fa-f]{2}|\\.|\(\?P<\w+>|\(\?:|\(\?|\[\^?\]?|.", re.S)


class _Untranslatable(Exception):
    """The pattern holds what engines read in different ways."""


def portable(pattern: str) -> str | None:
    """A pattern that matches at least what `pattern` does, on every server; None when there is none to be had."""
    try:
        translated = "".join(_outside(pattern))
        re.compile(translated)
    except (_Untranslatable, re.error):
        return None
    return translated


def _outside(pattern: str) -> list[str]:
    out: list[str] = []
    place = 0
    while place < len(pattern):
        found = _TOKEN.match(pattern, place)
        assert found is not None
        part, place = found.group(), found.end()
        if part.startswith("["):
            text, place = _bracket(pattern, found.start())
            out.append(text)
        elif part.startswith("\\"):
            out.append(_escape(part))
        elif part == "(?" or pattern.startswith("{,", found.start()):
            raise _Untranslatable
        else:
            out.append(part)
    return out


def _escape(part: str) -> str:
    letter = part[1]
    if letter in _WIDE:
        return f"[{_WIDE[letter]}]"
    if letter.lower() in _ASCII and letter.isupper():
        return f"[^{_ASCII[letter.lower()]}]"
    return _plain(part)


def _plain(part: str) -> str:
    if len(part) == 4 or part[1] in _PUNCTUATION or part[1] in _CONTROLS:
        return part
    raise _Untranslatable


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    """A class in brackets, and where it ends."""
    opening = "[^" if pattern.startswith("[^", start) else "["
    place, out = start + len(opening), [opening]
    classes = _ASCII if opening == "[^" else _WIDE  # what is not in the narrow class holds what is not in the wide one
    while place < len(pattern) and pattern[place] != "]":
        found = _TOKEN.match(pattern, place)
        assert found is not None
        part = found.group()
        if part.startswith("\\") and part[1] in classes:
            out.append(classes[part[1]])
        elif part.startswith("\\"):
            out.append(_plain(part))
        elif part.startswith("[") or pattern[place : place + 2] in ("&&", "--", "~~", "||"):
            raise _Untranslatable
        else:
            part = pattern[place]
            out.append(part)
        place += len(part)
    if place >= len(pattern) or place == start + len(opening):
        raise _Untranslatable
    return "".join([*out, "]"]), place + 1
