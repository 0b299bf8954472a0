"""What a cache did, counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class CacheStats:
    """Counts since the cache was made.

    Attributes:
        hits: answers that were there and fresh.
        misses: answers that were not there.
        stale: answers that were past their time and given while a fresh one was made.
        loads: calls of a loader.
        stores: values written.
        outdated: loaded values that were not written, because what they were made of changed meanwhile.
        errors: commands that failed or timed out.
        skipped: commands that were not tried, because the breaker was open.
    """

    hits: int = 0
    misses: int = 0
    stale: int = 0
    loads: int = 0
    stores: int = 0
    outdated: int = 0
    errors: int = 0
    skipped: int = 0

    @property
    def hit_rate(self) -> float:
        """The share of answers that came from the cache, stale ones included; 0 before the first."""
        asked = self.hits + self.stale + self.misses
        return (self.hits + self.stale) / asked if asked else 0.0

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)
