"""The rows of messages that were given up, and the events that tell of them."""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

import bson
from pydantic import Field, JsonValue

from docstore.documents import DocumentId, Event, Index, NonEmpty, StrList, SystemDocument, UtcDateTime, index
from docstore.outbox.writing import body_bytes
from docstore.workers.messages import Message

KEEP_SETTLED: Final = timedelta(days=30)
"""How long letters stay that were handled or passed over in the end. Those that wait stay until somebody decides."""


LARGEST_KEPT: Final = 15 * 2**20
"""The most bytes of a message that are kept: MongoDB's documents end at 16 MB."""


class DeadLetterOutcome(StrEnum):
    """How it ended: the message was HANDLED at another try, or a person decided that it is SKIPPED."""

    HANDLED = "HANDLED"
    SKIPPED = "SKIPPED"


class DeadLetter(SystemDocument):
    """A message a consumer gave up on, and why. It waits for a person as long as `settled_at` is empty.

    The id follows from the consumer and the message, so that one that comes again is not kept twice. `retries` counts
    the tries since it was given up; `note` is the reason of whoever passed over it. `left_out` names the parts of a
    message that no document can hold: then `size` has the bytes of all its parts, `sha256` is that of its value, and
    `error` says so, too.
    """

    consumer: NonEmpty
    topic: NonEmpty
    partition: int
    offset: int
    event_id: str | None = None
    key: bytes | None = None
    value: bytes
    headers: dict[str, str] = Field(default_factory=dict)
    error: str
    left_out: StrList = Field(default_factory=list)
    size: int | None = None
    sha256: str | None = None
    retries: int = 0
    outcome: DeadLetterOutcome | None = None
    settled_at: UtcDateTime | None = None
    note: str | None = None

    sensitive: ClassVar[frozenset[str]] = frozenset({"key", "value"})
    indexes: ClassVar[Sequence[Index]] = (
        index("consumer", "-created_at", serves="what a consumer gave up on, newest first"),
        # Letters that wait have no such instant, so they stay.
        index(
            "settled_at",
            serves="what waits for a person; removing what was settled after a while",
            expire_after=int(KEEP_SETTLED.total_seconds()),
        ),
    )

    @classmethod
    def of(cls, consumer: str, message: Message, error: str) -> Self:
        """The dead letter of a message."""
        parts: dict[str, Any] = {"value": message.value, "headers": message.headers, "key": message.key}
        sizes = {name: len(bson.encode({name: part})) for name, part in parts.items()}
        left_out: list[str] = []
        for name in parts:
            if sum(sizes[each] for each in parts if each not in left_out) > LARGEST_KEPT:
                left_out.append(name)
        kept = {"value": b"", **{name: part for name, part in parts.items() if name not in left_out}}
        if left_out:
            size, digest = sum(sizes.values()), hashlib.sha256(message.value).hexdigest()
            kept |= {"size": size, "sha256": digest, "left_out": left_out}
            error = f"{error.removesuffix('.')}. {_not_kept(message, left_out, size, digest)}"
        return cls(
            id=_id_of(consumer, message),
            consumer=consumer,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            event_id=message.event_id[:_LONGEST_EVENT_ID] if message.event_id else None,
            error=error,
            **kept,
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
        """The event of a dead letter. Key and value are base64: nobody could read them."""
        original: dict[str, JsonValue] = {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "eventId": letter.event_id,
            "key": base64.b64encode(letter.key).decode() if letter.key is not None else None,
            "headers": dict(letter.headers),
            "value": base64.b64encode(letter.value).decode(),
        }
        original |= dict.fromkeys(letter.left_out)
        # What fills a message by itself does not fit into another one; the row has it whole.
        for part in ("value", "headers", "key"):
            if len(body_bytes(original)) < _LONGEST_ORIGINAL:
                break
            original[part] = None
        assert letter.id is not None
        return cls(aggregate_id=DocumentId(letter.id), consumer=letter.consumer, original=original, error=letter.error)

    def topic_name(self) -> str:
        """``dead.<consumer>``; what no topic's name may hold is a hyphen in it."""
        return "dead." + re.sub(r"[^A-Za-z0-9._-]", "-", self.consumer)[:200]

    def key(self) -> str:
        """The original topic and partition."""
        return f"{self.original['topic']}/{self.original['partition']}"


_LONGEST_ORIGINAL = 900_000
_LONGEST_EVENT_ID = 1_000


def _not_kept(message: Message, left_out: Sequence[str], size: int, digest: str) -> str:
    return (
        f"With {size:,} bytes the message is more than a document holds: its {', '.join(left_out)} "
        f"{'was' if len(left_out) == 1 else 'were'} not kept. It stands in topic {message.topic}, partition "
        f"{message.partition}, offset {message.offset}, for as long as that keeps it; its value's SHA-256 is {digest}."
    )


def _id_of(consumer: str, message: Message) -> DocumentId:
    # The relay may send an event twice, to two offsets; what has no event id is told by its place. The value is in it
    # too, lest a producer that gives the same id to everything hides a message behind another.
    place = f"{message.topic}\0{message.partition}\0{message.offset}"
    told = f"{consumer}\0{message.event_id or place}\0".encode() + message.value
    return DocumentId(hashlib.sha256(told).digest()[:12])
