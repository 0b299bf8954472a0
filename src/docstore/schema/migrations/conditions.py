"""Filters and fields put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def top_level(*paths: str) -> tuple[str, ...]:
    """The top-level fields of some paths."""
    return tuple(dict.fromkeys(path.split(".")[0] for path in paths))


def filter_any(*conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Documents that meet one of some conditions."""
    return dict(conditions[0]) if len(conditions) == 1 else {"$or": [dict(each) for each in conditions]}
