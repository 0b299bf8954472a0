"""An outbox row as a message: CloudEvents 1.0, binary mode for Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from docstore.clients.protocols import OutgoingMessage
from docstore.outbox.writing import body_bytes


def envelope(row: Mapping[str, Any]) -> OutgoingMessage:
    """The message of a stored row: the payload as JSON, everything about it in ``ce_…`` headers.

    `ce_id` is the same each time the row is sent, so consumers tell repeats by it. `ce_sequence` (the extension
    "sequence") orders the events of one subject.
    """
    occurred: datetime = row["createdAt"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": row["eventId"],
        "ce_type": row["name"],
        "ce_source": row["source"],
        "ce_subject": row["aggregateId"],
        "ce_time": occurred.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_dataversion": str(row["version"]),
        "ce_sequence": f"{row['seq']:020d}",
        "content-type": "application/json",
        **row["headers"],
    }
    return OutgoingMessage(
        topic=row["topic"],
        key=row["key"].encode(),
        value=body_bytes(row["payload"]),
        headers=tuple((name, value.encode()) for name, value in headers.items()),
    )
