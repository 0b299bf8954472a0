"""Durations as people write them: ``90s``, ``15m``, ``6h``, ``3d``, ``2w``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from docstore.errors import SettingsError

_FORM: Final = re.compile(r"^(\d{1,6})\s*([smhdw])$")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """What a text such as ``6h`` says.

    Raises:
        SettingsError: it is not of that form, or nothing.
    """
    found = _FORM.match(text.strip().lower())
    if not found or not int(found[1]):
        raise SettingsError(f"{text!r} is no duration.", hint="A number and a unit, such as 90s, 15m, 6h, 3d or 2w.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
