"""The cache: what was changed is dropped, also when the process that changed it could not."""

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from docstore.cache import CachedDocuments
from docstore.documents import DocumentChanged
from docstore.workers.events import event_in
from docstore.workers.messages import Message


class CacheWorker:
    """Consumes ``document.changed``, and drops what is cached of the documents. Repeats do no harm.

    Args:
        documents: the cached ones.
    """

    group: ClassVar[str] = "docstore-cache"
    topics: ClassVar[tuple[str, ...]] = (DocumentChanged.name,)

    def __init__(self, documents: CachedDocuments) -> None:
        self._documents = documents

    async def handle(self, message: Message) -> None:
        """Drop what is cached of the document that a message is about.

        Raises:
            ValidationFailed: the message cannot be read.
            ServerUnavailable, OperationTimeout: the cache is away; it is to be tried again.
        """
        await self.handle_many([message])

    async def handle_many(self, messages: Sequence[Message]) -> None:
        """As `handle`, collection by collection."""
        changed: defaultdict[str, list[object]] = defaultdict(list)
        for message in messages:
            event = event_in(message, DocumentChanged)
            changed[event.changed_collection].append(event.aggregate_id)
        for collection, ids in changed.items():
            await self._documents.changed(collection, ids)
