"""Settings before records: an index that the first record would make is made with what is declared for it."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from docstore.clients.protocols import SearchIndex
from docstore.search.settings import push_settings
from docstore.search.settings_files import declared_settings

# By engine, the indexes that are known to be there: they are asked for once.
_known: Final[WeakKeyDictionary[object, set[str]]] = WeakKeyDictionary()


async def made_with_settings(index: SearchIndex, name: str) -> None:
    """See to it that an index is there. One that nothing is declared for makes itself."""
    known = _known.setdefault(getattr(index, "unwrapped", index), set())
    if name in known:
        return
    if not await index.exists(name) and name in declared_settings():
        await push_settings(index, [name])
    known.add(name)
