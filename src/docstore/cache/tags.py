"""Tags by generation: who bears a tag is valid as long as the tag's generation is the one it was made under.

Invalidating a tag replaces its generation, a random word, whatever number of values bear it; nothing is searched for.
A generation that is absent (never made, expired, evicted) fits no value, so nothing comes back from the dead.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from docstore.cache.core import Cache

GENERATION_SECONDS: Final = 30 * 86_400.0
"""How long a generation lives without being replaced; a value that outlives it is a miss."""


class Generations:
    """The generations of a cache's tags.

    Args:
        cache: where they are kept.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def key(self, tag: str) -> str:
        """The whole key of a tag's generation."""
        return f"{self._cache.prefix}~tag-{tag}"

    async def read(self, tags: Iterable[str]) -> dict[str, str | None]:
        """The generation of each tag, None where it has none."""
        names = list(tags)
        held = await self._cache.held([self.key(tag) for tag in names])
        return {name: generation_in(raw) for name, raw in zip(names, held, strict=True)}

    async def create(self, tags: Iterable[str]) -> None:
        """Give a generation to tags that have none."""
        for tag in tags:
            fresh = _fresh()
            await self._cache.ask(
                lambda tag=tag, fresh=fresh: self._cache.key_value.set(  # type: ignore[misc]  # bound at once
                    self.key(tag), fresh, ttl=GENERATION_SECONDS, only_if_absent=True
                ),
                False,
            )

    async def replace(self, tags: Iterable[str]) -> None:
        """Invalidate tags. A tag without a generation needs none: nothing valid bears it.

        Raises:
            ServerUnavailable, OperationTimeout, ServiceError: the server did not do it; the old values may still be
                served until they expire.
        """
        values = {self.key(tag): _fresh() for tag in tags}
        await self._cache.key_value.set_many(values, ttl=GENERATION_SECONDS, only_if_present=True)


def fit(made_under: Mapping[str, str], now: Mapping[str, str | None]) -> bool:
    """Whether a value made under some generations is valid under those of now."""
    return all(now.get(tag) == generation for tag, generation in made_under.items())


def generation_in(raw: bytes | None) -> str | None:
    """The generation in what is stored for a tag."""
    return raw.decode(errors="replace") if raw is not None else None


def _fresh() -> bytes:
    return secrets.token_hex(6).encode()
