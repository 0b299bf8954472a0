"""What a type checker knows of cached functions; mypy reads it (documents/include/test_typing.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from docstore.cache import cached


@cached(ttl=600)
async def by_arguments(slug: str, *, limit: int = 1) -> int | None:
    return limit if slug else None


@cached(key=lambda slug: slug, tags=lambda slug: [f"tag-{slug}"])
async def by_key(slug: str) -> Sequence[str]:
    return [slug]


async def calls() -> None:
    assert_type(await by_arguments("a", limit=2), int | None)
    assert_type(await by_key("a"), Sequence[str])
    await by_arguments(1)  # type: ignore[arg-type]  # an argument is what the function takes
