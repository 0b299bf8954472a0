"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """``1 document``, ``12,345 documents``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
