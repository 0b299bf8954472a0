"""Ranges of numbers as visitors pick them: ``1M-10M``, ``100K+``, ``<10K``, ``4.5+``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from docstore.errors import ValidationFailed

_UNITS: Final = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_NUMBER: Final = r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMB]?)"
_LARGEST: Final = 1e300
_FORMS: Final = (
    (re.compile(rf"{_NUMBER}\s*(?:-|–|TO)\s*{_NUMBER}"), "between"),
    (re.compile(rf"{_NUMBER}\s*\+"), "from"),
    (re.compile(rf">=?\s*{_NUMBER}"), "from"),
    (re.compile(rf"<=?\s*{_NUMBER}"), "to"),
    (re.compile(_NUMBER), "is"),
)


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers from `low` to `high`, both included; None is without end."""

    low: float | None = None
    high: float | None = None

    def conditions(self, attribute: str) -> list[str]:
        """The range as numeric filters of an attribute."""
        ends = ((">=", self.low), ("<=", self.high))
        return [f"{attribute} {sign} {_written(end)}" for sign, end in ends if end is not None]


def parse_range(value: object, field: str) -> NumberRange:
    """A range from what was picked: text, a number, or a pair of numbers or None.

    In text K, M and B stand for thousands, millions and billions, in either case; ``<`` and ``>`` include their number.

    Raises:
        ValidationFailed: it is none, or its ends are the wrong way round; names the field.
    """
    found = _parsed(value)
    if found is None:
        raise ValidationFailed(
            f"filter {field!r} is no range of numbers.",
            hint='Write it as "1M-10M", "100K+", "<10K" or "42", or give (low, high).',
            field=field,
            value_type=type(value).__name__,
        )
    if found.low is not None and found.high is not None and found.low > found.high:
        raise ValidationFailed(f"filter {field!r} ends before it begins.", hint="Turn its ends round.", field=field)
    return found


def _parsed(value: object) -> NumberRange | None:
    match value:
        case NumberRange(low, high) | (low, high):
            ends = [_end(low), _end(high)]
            return None if any(map(_is_nan, ends)) else NumberRange(ends[0], ends[1])
        case int() | float():
            end = _end(value)
            return None if _is_nan(end) else NumberRange(end, end)
        case str():
            return _read(value.strip().upper())
        case _:
            return None


def _read(text: str) -> NumberRange | None:
    for pattern, kind in _FORMS:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        groups = found.groups()
        first = _number(groups[0], groups[1])
        if kind == "between":
            return NumberRange(first, _number(groups[2], groups[3]))
        return {
            "from": NumberRange(first, None),
            "to": NumberRange(None, first),
            "is": NumberRange(first, first),
        }[kind]
    return None


def _number(digits: str, unit: str) -> float:
    return round(float(digits) * _UNITS[unit], 9)


def _end(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        return math.nan
    return float(value)


def _is_nan(value: float | None) -> bool:
    return value is not None and math.isnan(value)


def _written(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))
