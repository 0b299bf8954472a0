"""Outbox rows, and the event handler that writes them into the transaction of the change."""

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import uuid4

from pydantic import Field

from docstore.context import current_actor
from docstore.documents import (
    DocumentChanged,
    Event,
    Index,
    Json,
    NonEmpty,
    SystemDocument,
    UtcDateTime,
    index,
    translated,
    utc_now,
)

KEEP_PUBLISHED: Final = timedelta(days=7)
"""How long a published row stays, for looking back."""


class EntryStatus(StrEnum):
    """How far an event got. DEAD was refused by the broker too often; a person decides about it."""

    PENDING = "PENDING"
    PUBLISHED = "PUBLISHED"
    DEAD = "DEAD"


class OutboxEntry(SystemDocument):
    """One event on its way to the broker. `seq` orders the events of one topic and key.

    It is leased while `lease_until` is still to come; the field is never null, so that one range tells the free rows.
    """

    event_id: NonEmpty
    name: NonEmpty
    version: int
    source: str
    topic: NonEmpty
    key: str
    aggregate_id: str
    payload: dict[str, Json]
    headers: dict[str, str] = Field(default_factory=dict)
    seq: int
    status: EntryStatus = EntryStatus.PENDING
    attempts: int = 0
    next_attempt_at: UtcDateTime
    last_error: str | None = None
    published_at: UtcDateTime | None = None
    lease_owner: str | None = None
    lease_until: UtcDateTime

    sensitive: ClassVar[frozenset[str]] = frozenset({"payload"})
    indexes: ClassVar[Sequence[Index]] = (
        index("status", "next_attempt_at", serves="the relay: rows that are due; how many wait"),
        index("status", "key", serves="the relay: the rows of a key that wait"),
        index("aggregate_id", "seq", serves="the events of one document, in order"),
        # Rows that were never published have no such instant, so they stay.
        index(
            "published_at",
            serves="removing published rows after a while",
            expire_after=int(KEEP_PUBLISHED.total_seconds()),
        ),
    )


class Outbox:
    """The event handler: keeps every event as a row, in the ambient transaction when there is one."""

    async def __call__(self, events: Sequence[Event]) -> None:
        with translated(OutboxEntry.get_collection_name()):
            # One command for all of them, as raw rows: a bulk insert of documents has as many events.
            await OutboxEntry.get_pymongo_collection().insert_many([_row(event) for event in events])


def _row(event: Event) -> dict[str, Any]:
    now = utc_now()
    actor = current_actor()
    row = {
        "event_id": str(uuid4()),
        "name": event.name,
        "version": event.version,
        "source": f"docstore/{_collection(event)}",
        "topic": event.topic_name(),
        "key": event.key(),
        "aggregate_id": str(event.aggregate_id),
        "payload": event.body(),
        "headers": {"ce_requestid": actor.request_id} if actor and actor.request_id else {},
        "seq": _next_seq(),
        "status": EntryStatus.PENDING.value,
        "attempts": 0,
        "next_attempt_at": now,
        "last_error": None,
        "published_at": None,
        "lease_owner": None,
        "lease_until": now,
        "created_at": now,
        "updated_at": now,
    }
    return {OutboxEntry.stored_name(name): value for name, value in row.items()}


def _collection(event: Event) -> str:
    return event.changed_collection if isinstance(event, DocumentChanged) else event.collection


class _Sequence:
    """Numbers that only grow: nanoseconds of the clock, pushed on where it stands still or steps back.

    Two transactions that write one document cannot overlap, so the later one takes its numbers later, and rows are
    found by their status, so one that commits late is not passed over.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return self._last


_next_seq = _Sequence().next
