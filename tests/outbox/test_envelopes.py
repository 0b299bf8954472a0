"""A row as a CloudEvents message."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from docstore.outbox.entries import OutboxEntry
from docstore.outbox.envelopes import envelope
from docstore.store import Store


async def test_the_envelope_is_binary_cloudevents(store: Store) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
    entry = OutboxEntry(
        event_id="e-1",
        name="post.published",
        version=2,
        source="docstore/Post",
        topic="posts",
        key="k",
        bucket=3,
        aggregate_id="65f",
        payload={"title": "Überall"},
        headers={"ce_requestid": "r"},
        seq=1,
        next_attempt_at=moment,
        created_at=moment,
    )
    message = envelope({entry.stored_name(name): value for name, value in entry.model_dump().items()})
    assert (message.topic, message.key) == ("posts", b"k")
    assert json.loads(message.value) == {"title": "Überall"}
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_type": b"post.published",
        "ce_source": b"docstore/Post",
        "ce_subject": b"65f",
        "ce_time": b"2026-03-01T12:30:15.250Z",
        "ce_dataversion": b"2",
        "ce_sequence": b"00000000000000000001",
        "content-type": b"application/json",
        "ce_requestid": b"r",
    }
