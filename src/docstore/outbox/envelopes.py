"""An outbox row as a message: CloudEvents 1.0, binary mode for Kafka."""

from __future__ import annotations

import json
from dataclasses import dataclass

from docstore.outbox.entries import OutboxEntry


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a `Publisher` is given."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def envelope(entry: OutboxEntry) -> Envelope:
    """The message of a row: the payload as JSON, everything about it in ``ce_…`` headers.

    `ce_id` is the same each time the row is sent, so consumers tell repeats by it.
    """
    occurred = entry.created_at or entry.next_attempt_at
    headers = {
        "ce_specversion": "1.0",
        "ce_id": entry.event_id,
        "ce_type": entry.name,
        "ce_source": entry.source,
        "ce_subject": entry.aggregate_id,
        "ce_time": occurred.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_dataversion": str(entry.version),
        "content-type": "application/json",
        **entry.headers,
    }
    return Envelope(
        topic=entry.topic,
        key=entry.key.encode(),
        value=json.dumps(entry.payload, ensure_ascii=False, separators=(",", ":")).encode(),
        headers=tuple((name, value.encode()) for name, value in headers.items()),
    )
