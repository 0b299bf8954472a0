"""How long values are kept, in seconds, and how lifetimes are spread."""

from __future__ import annotations

import random
from typing import Final

SHORT: Final = 300.0
MEDIUM: Final = 1_800.0
LONG: Final = 3_600.0
VERY_LONG: Final = 86_400.0

NEGATIVE: Final = 60.0
"""How long "there is none" is remembered."""

JITTER: Final = 0.1
"""The most that is taken off a lifetime, as a share: values stored together do not expire together."""


def spread(ttl: float, jitter: float = JITTER) -> float:
    """A lifetime of at most `ttl` seconds, and at least ``ttl * (1 - jitter)``."""
    return ttl * (1.0 - jitter * random.random())  # noqa: S311  # no secret
