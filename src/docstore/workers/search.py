"""Search: records follow the documents they are made of, and ratings as they are recomputed."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import JsonValue

from docstore.clients.protocols import SearchIndex
from docstore.documents import DocumentChanged
from docstore.errors import ValidationFailed
from docstore.search import ACCOUNTS, apply_changes
from docstore.workers.events import event_in
from docstore.workers.messages import Message
from docstore.workers.ratings import RatingChanged


class SearchWorker:
    """Consumes ``document.changed`` and ``new-review-algolia-update``.

    Records are built from the documents as they are now, so repeats do no harm, and of many changes to a document
    one record comes. A record that cannot be written is parked with its reason and holds up no other.

    Args:
        index: the search engine.
    """

    group: ClassVar[str] = "docstore-search"
    topics: ClassVar[tuple[str, ...]] = (DocumentChanged.name, RatingChanged.topic)

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    async def handle(self, message: Message) -> None:
        """Bring the records that a message is about up to date.

        Raises:
            ValidationFailed: the message cannot be read.
        """
        await self.handle_many([message])

    async def handle_many(self, messages: Sequence[Message]) -> None:
        """As `handle`, with one look at each document and one write to each index."""
        changes: set[tuple[str, str]] = set()
        ratings: dict[str, dict[str, JsonValue]] = {}
        for message in messages:
            if message.topic == RatingChanged.topic:
                object_id, attributes = _rating_in(message)
                ratings[object_id] = attributes
            else:
                event = event_in(message, DocumentChanged)
                changes.add((event.changed_collection, str(event.aggregate_id)))
        if changes:
            await apply_changes(self._index, changes)
        if ratings:
            await self._index.partial_update_many(ACCOUNTS.index, ratings)


def _rating_in(message: Message) -> tuple[str, dict[str, JsonValue]]:
    value = message.json()
    object_id = value.get("objectID")
    if not isinstance(object_id, str) or not object_id:
        raise ValidationFailed(f"a message of topic {message.topic} needs objectID, a string.", field="objectID")
    # A text in the place of a number would spoil the order of the replicas, and every search that finds the record.
    for name in ("rating", "reviewCount"):
        given = value.get(name)
        if isinstance(given, bool) or not isinstance(given, int | float | None):
            raise ValidationFailed(
                f"a message of topic {message.topic} needs numbers.", field=name, value_type=type(given).__name__
            )
    return object_id, {name: value[name] for name in ("rating", "reviewCount") if name in value}
