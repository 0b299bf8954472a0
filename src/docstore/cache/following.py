"""Cached documents follow committed changes: at once in the process that made them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from docstore.cache.documents import CachedDocuments
from docstore.documents import DocumentChanged, Event, current_transaction
from docstore.errors import DocstoreError

_log = logging.getLogger("docstore.cache")


class ChangeFollower:
    """An event handler: after the commit, what was changed is dropped from the cache.

    It spares readers the way through the outbox, which is what guarantees it: a process may die in between, and the
    cache may be away. So it never fails, never holds a writer up for more than two seconds, and not at all while the
    cache is known to be away.

    Args:
        documents: the cached ones.
    """

    def __init__(self, documents: CachedDocuments) -> None:
        self._documents = documents

    async def __call__(self, events: Sequence[Event]) -> None:
        changed: defaultdict[str, list[object]] = defaultdict(list)
        for event in events:
            if isinstance(event, DocumentChanged):
                changed[event.changed_collection].append(event.aggregate_id)
        if not changed:
            return

        async def drop() -> None:
            await self._drop(changed)

        running = current_transaction()
        if running is None:
            await drop()
        elif running.owned:
            running.after_commit(drop)

    async def _drop(self, changed: dict[str, list[object]]) -> None:
        try:
            done = await self._documents.changed_now(changed)
        except DocstoreError as error:  # the cache could not be opened
            _log.info("Cached documents are dropped later, by the cache worker: %s", type(error).__name__)
        else:
            if not done:
                _log.info("Cached documents are dropped later, by the cache worker: the cache is away.")
