"""Temporary indexes: the one name that a reindex gives its own, and those that were left behind."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from docstore.clients.protocols import IndexInfo, SearchIndex

ABANDONED_AFTER: Final = timedelta(hours=1)
"""After how long without a change the temporary index of another tool counts as left behind."""


def temporary_name(index: str) -> str:
    """The name under which an index is built anew: always the same, so that none is forgotten."""
    return f"{index}__reindex"


async def leftovers(index: SearchIndex, name: str) -> list[IndexInfo]:
    """What reindexes of an index left behind: our own, and those of the engine's clients (``<index>_tmp_<number>``)."""
    theirs = re.compile(rf"{re.escape(name)}_tmp_\d+")
    return [
        each
        for each in await index.list_indexes()
        if each.primary is None
        and (each.name == temporary_name(name) or (theirs.fullmatch(each.name) and _is_abandoned(each)))
    ]


async def sweep(index: SearchIndex, name: str, *, keep: str | None = None) -> list[str]:
    """Delete what was left behind, but for `keep`; the names."""
    swept = [each.name for each in await leftovers(index, name) if each.name != keep]
    for each in swept:
        await index.delete_index(each)
    return swept


def _is_abandoned(info: IndexInfo) -> bool:
    try:
        changed = datetime.fromisoformat(info.updated_at.replace("Z", "+00:00"))
    except ValueError:
        return False
    if changed.tzinfo is None:
        changed = changed.replace(tzinfo=UTC)
    return datetime.now(UTC) - changed > ABANDONED_AFTER
