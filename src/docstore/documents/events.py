"""Domain events: what a model says has happened, within the transaction in which it happened.

Owns the Event base class and the seam through which a store listens. Where events go (the outbox) is not known here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

from docstore.documents.ids import DocumentId


class Event(BaseModel):
    """Something that happened to one document, told once its change is committed.

    Subclass it with a `name` such as ``post.published``, a `version` that grows when the fields change, and fields
    that are JSON. `aggregate_id` is the key under which consumers see the events of one document in order.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    name: ClassVar[str]
    version: ClassVar[int] = 1
    collection: ClassVar[str]
    topic: ClassVar[str] = ""

    aggregate_id: DocumentId | str

    def topic_name(self) -> str:
        """The topic it is published to: the class's `topic`, else its `name`."""
        return self.topic or self.name

    def key(self) -> str:
        """The partition key, under which events keep their order: the aggregate's id unless a contract differs."""
        return str(self.aggregate_id)

    def not_before(self) -> datetime | None:
        """When it is published at the earliest, on the database's clock; at once when None.

        One that is held back needs a key of its own: whatever waits under its key waits with it.
        """
        return None

    def body(self) -> dict[str, JsonValue]:
        """The published JSON, camelCase; override it where other services dictate the shape."""
        return self.model_dump(mode="json", by_alias=True)


class EventHandler(Protocol):
    """Receives every emitted event inside the emitting transaction; raising aborts it."""

    async def __call__(self, events: Sequence[Event]) -> None: ...


_handlers: list[EventHandler] = []


def add_event_handler(handler: EventHandler) -> None:
    """Hand every event emitted from now on to `handler`."""
    _handlers.append(handler)


def remove_event_handler(handler: EventHandler) -> None:
    """Stop handing events to `handler`; one that was never added is ignored."""
    if handler in _handlers:
        _handlers.remove(handler)


async def emit(*events: Event) -> None:
    """Say that something happened. Inside a transaction the event exists if and only if it commits."""
    if events:
        for handler in tuple(_handlers):
            await handler(events)
