"""Outbox rows: events that were committed, and how far each got on its way to the broker."""

import zlib
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from docstore.documents import Index, Json, NonEmpty, SystemDocument, UtcDateTime, index

KEEP_PUBLISHED: Final = timedelta(days=7)
"""How long a published row stays, for looking back and for replays."""

BUCKETS: Final = 64
"""Into how many buckets keys are divided; relays share them. Rows hold their number, so it is fixed for good."""


class EntryStatus(StrEnum):
    """How far an event got. DEAD was refused by the broker too often; SKIPPED, a person decided, will never be sent."""

    PENDING = "PENDING"
    PUBLISHED = "PUBLISHED"
    DEAD = "DEAD"
    SKIPPED = "SKIPPED"


class OutboxEntry(SystemDocument):
    """One event on its way to the broker.

    `seq` grows from event to event of one aggregate, in the order of their commits; rows of one topic and key are sent
    by it. `fence` is the token of the relay that wrote the row last: an older one's word does not count any more.
    """

    event_id: NonEmpty
    name: NonEmpty
    version: int
    source: str
    topic: NonEmpty
    key: str
    bucket: int
    aggregate_id: str
    payload: dict[str, Json]
    headers: dict[str, str] = Field(default_factory=dict)
    seq: int
    status: EntryStatus = EntryStatus.PENDING
    attempts: int = 0
    next_attempt_at: UtcDateTime
    last_error: str | None = None
    published_at: UtcDateTime | None = None
    fence: int = 0

    sensitive: ClassVar[frozenset[str]] = frozenset({"payload"})
    indexes: ClassVar[Sequence[Index]] = (
        # Not the bucket first: one relay, or two, read the oldest rows of all or most buckets, whatever the backlog.
        index("status", "seq", "bucket", serves="the relay: the oldest rows of its buckets, in order"),
        index("status", "next_attempt_at", serves="the relay: rows that wait after a failure; how old the oldest is"),
        index("aggregate_id", "-seq", serves="the last event of a document, and all of them in order"),
        # Rows that were never published have no such instant, so they stay.
        index(
            "published_at",
            serves="removing published rows after a while; replays of a time",
            expire_after=int(KEEP_PUBLISHED.total_seconds()),
        ),
    )


def bucket_of(topic: str, key: str) -> int:
    """The bucket of all rows of one topic and key."""
    return zlib.crc32(f"{topic}\0{key}".encode()) % BUCKETS
