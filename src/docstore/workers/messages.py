"""What a worker is given, and what it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from docstore.errors import ValidationFailed


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One message of a topic.

    Attributes:
        value: empty where the message has none (a tombstone).
        headers: as sent, names in lower case; CloudEvents attributes begin with ``ce_``.
        partition: where it was read, -1 when it was not.
        offset: where in the partition.
    """

    topic: str
    value: bytes
    key: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    partition: int = -1
    offset: int = -1

    @classmethod
    def from_record(cls, record: Any) -> Message:
        """The message of a driver's consumer record."""
        return cls(
            topic=record.topic,
            value=record.value or b"",
            key=record.key,
            headers={_name(name): (value or b"").decode("utf-8", "replace") for name, value in record.headers},
            partition=record.partition,
            offset=record.offset,
        )

    @property
    def event_id(self) -> str | None:
        """The event's id, the same however often it is delivered; None from services that send none."""
        return self.headers.get("ce_id") or None

    @property
    def version(self) -> int:
        """The version of the event's fields, 1 from services that send none.

        Raises:
            ValidationFailed: the header is no number.
        """
        told = self.headers.get("ce_dataversion", "1")
        if not told.isdecimal():
            raise ValidationFailed(f"a message of topic {self.topic} has a ce_dataversion that is no number.")
        return int(told)

    def json(self) -> dict[str, Any]:
        """The value, a JSON object.

        Raises:
            ValidationFailed: it is none.
        """
        try:
            value = json.loads(self.value)
        except ValueError as error:
            raise ValidationFailed(f"a message of topic {self.topic} is not JSON.") from error
        if not isinstance(value, dict):
            raise ValidationFailed(
                f"a message of topic {self.topic} is no JSON object.", value_type=type(value).__name__
            )
        return value


def _name(header: str) -> str:
    # Any producer may send any name; one that no document can hold would keep its message out of the dead letters.
    return header.lower().replace("\0", "\N{REPLACEMENT CHARACTER}")


@runtime_checkable
class Worker(Protocol):
    """Handles the messages of some topics, each possibly several times with the effect of once."""

    @property
    def group(self) -> str:
        """The consumer group's name."""
        ...

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads."""
        ...

    async def handle(self, message: Message) -> None:
        """Let the effect follow. It is lasting when this returns.

        Raises:
            ValidationFailed: the message can never be handled.
            DocstoreError: not now.
        """
        ...


@runtime_checkable
class BatchWorker(Worker, Protocol):
    """A worker that does better with many messages at a time."""

    async def handle_many(self, messages: Sequence[Message]) -> None:
        """As `handle`, for messages of one partition in their order."""
        ...
