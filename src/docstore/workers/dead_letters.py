"""Messages that could not be handled, kept for a person to look at instead of blocking those behind them."""

import base64
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, JsonValue

from docstore.documents import DocumentId, Event, Index, NonEmpty, SystemDocument, index
from docstore.workers.messages import Message


class DeadLetter(SystemDocument):
    """A message a consumer gave up on, and why."""

    consumer: NonEmpty
    topic: NonEmpty
    partition: int
    offset: int
    event_id: str | None = None
    key: bytes | None = None
    value: bytes
    headers: dict[str, str] = Field(default_factory=dict)
    error: str

    sensitive: ClassVar[frozenset[str]] = frozenset({"key", "value"})
    indexes: ClassVar[Sequence[Index]] = (
        index("consumer", "-created_at", serves="what a consumer gave up on, newest first"),
    )

    @classmethod
    def of(cls, consumer: str, message: Message, error: str) -> Self:
        """The dead letter of a message."""
        return cls(
            consumer=consumer,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            event_id=message.event_id,
            key=message.key,
            value=message.value,
            headers=message.headers,
            error=error,
        )

    def message(self) -> Message:
        """The message as it was read."""
        return Message(self.topic, self.value, self.key, self.headers, self.partition, self.offset)


class DeadLettered(Event):
    """A consumer gave a message up; published to ``dead.<consumer>``, with the message in it."""

    name: ClassVar[str] = "message.dead"
    collection: ClassVar[str] = "DeadLetter"

    consumer: str
    original: dict[str, JsonValue]
    error: str

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """The event of a dead letter. Its value is base64: nobody could read it."""
        original: dict[str, JsonValue] = {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "eventId": letter.event_id,
            "key": base64.b64encode(letter.key).decode() if letter.key is not None else None,
            "headers": dict(letter.headers),
        }
        value = base64.b64encode(letter.value).decode()
        # What fills a message by itself does not fit into another one; the row has it whole.
        original["value"] = value if len(value) < _LONGEST_VALUE else None
        assert letter.id is not None
        return cls(aggregate_id=DocumentId(letter.id), consumer=letter.consumer, original=original, error=letter.error)

    def topic_name(self) -> str:
        """``dead.<consumer>``."""
        return f"dead.{self.consumer}"

    def key(self) -> str:
        """The original topic and partition."""
        return f"{self.original['topic']}/{self.original['partition']}"


_LONGEST_VALUE = 900_000
