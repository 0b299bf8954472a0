"""A circuit breaker: after some failures in a row nothing is asked for a while, then one call tries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3
OPEN_SECONDS: Final = 5.0


class Breaker:
    """Closed it lets every call through; open, none; half open, one. See Nygard, *Release It!*, "Circuit Breaker".

    Args:
        failures: how many in a row open it.
        open_seconds: how long it stays open before one call may try.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        failures: int = FAILURES,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._failed = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused now."""
        return self._failed >= self._limit and self._clock() < self._until

    def allows(self) -> bool:
        """Whether a call may be made now. When the time is up, the first who asks tries for all."""
        if self._failed < self._limit:
            return True
        if self._clock() < self._until:
            return False
        self._until = self._clock() + self._open_seconds
        return True

    def succeeded(self) -> None:
        """A call got its answer: closed."""
        self._failed = 0

    def failed(self) -> bool:
        """A call failed; whether that opened it."""
        self._failed += 1
        if self._failed < self._limit:
            return False
        self._until = self._clock() + self._open_seconds
        return self._failed == self._limit
