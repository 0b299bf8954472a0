"""Messages that could not be handled, kept for a person to look at instead of blocking those behind them."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from docstore.documents import Index, NonEmpty, SystemDocument, index


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
