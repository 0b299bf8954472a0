"""What may be asked of Redis, or of another store of bytes by key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class KeyValue(Protocol):
    """Bytes under string keys, with expiry. Times are in seconds."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None when the key is absent or expired."""
        ...

    async def set(self, key: str, value: bytes, *, ttl: float | None = None, only_if_absent: bool = False) -> bool:
        """Store a value and say whether it was stored.

        Args:
            key: the whole key.
            value: the bytes to store.
            ttl: seconds until it expires, to the millisecond; None keeps it for good.
            only_if_absent: leave an existing value alone and return False.
        """
        ...

    async def delete(self, *keys: str) -> int:
        """Remove the keys; how many existed. No keys: 0."""
        ...

    async def get_many(self, *keys: str) -> list[bytes | None]:
        """The values in the order of the keys, as of one moment; None where `get` says so. No keys: an empty list."""
        ...

    async def set_many(self, values: Mapping[str, bytes], *, ttl: float, only_if_present: bool = False) -> None:
        """Store several values in one round trip, each for `ttl` seconds.

        Args:
            values: by their whole keys.
            ttl: seconds until they expire.
            only_if_present: leave absent keys absent.
        """
        ...

    async def set_if_unchanged(self, key: str, value: bytes, *, ttl: float, seen: Mapping[str, bytes | None]) -> bool:
        """Store a value only while other keys still hold what was seen there, atomically; whether it was stored.

        Args:
            key: the whole key.
            value: the bytes to store.
            ttl: seconds until it expires.
            seen: the value of each other key, None for an absent one.
        """
        ...

    async def exists(self, key: str) -> bool:
        """Whether the key holds a value now."""
        ...

    async def increment(self, key: str, by: int = 1, *, ttl: float | None = None) -> int:
        """Add to a counter atomically (an absent one counts as 0); the new value.

        Args:
            key: the whole key.
            by: how much; negative to subtract.
            ttl: seconds until the counter expires, counted from its first increment; None keeps it for good.
        """
        ...

    async def expire(self, key: str, ttl: float) -> bool:
        """Let the key expire in `ttl` seconds; False when it is absent."""
        ...

    async def ttl(self, key: str) -> float | None:
        """Seconds until the key expires; None when it is absent or never expires."""
        ...

    def scan(self, prefix: str) -> AsyncIterator[str]:
        """Every key that starts with `prefix`, at least once, in no order: for operations, not requests."""
        ...

    async def delete_if_equal(self, key: str, value: bytes) -> bool:
        """Remove the key only while it holds exactly `value`, atomically: how a lock is released."""
        ...

    async def expire_if_equal(self, key: str, value: bytes, ttl: float) -> bool:
        """Let the key expire in `ttl` seconds if it holds exactly `value`, atomically: how a lock is renewed."""
        ...
