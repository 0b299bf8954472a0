"""The outbox: events committed with the change they tell of, and published to a message broker afterwards.

Owns the rows, the relay that publishes them, what operators do with them, and the inbox that lets a consumer act once.
Knows a `Publisher`, not Kafka. Promises: an event exists if and only if its change committed, and reaches the broker at
least once, those of one key in order.
"""

from docstore.outbox.buckets import LEASE_SECONDS, OutboxLease
from docstore.outbox.entries import KEEP_PUBLISHED, EntryStatus, OutboxEntry
from docstore.outbox.inbox import InboxEntry, handle_once, was_handled
from docstore.outbox.operating import (
    OutboxStatus,
    outbox_metrics,
    outbox_status,
    replay_entries,
    retry_entries,
    skip_copied_entries,
    skip_entries,
)
from docstore.outbox.relay import Relay, RelayReport
from docstore.outbox.writing import MAX_EVENT_BYTES, Outbox

__all__ = [
    "KEEP_PUBLISHED",
    "LEASE_SECONDS",
    "MAX_EVENT_BYTES",
    "EntryStatus",
    "InboxEntry",
    "Outbox",
    "OutboxEntry",
    "OutboxLease",
    "OutboxStatus",
    "Relay",
    "RelayReport",
    "handle_once",
    "outbox_metrics",
    "outbox_status",
    "replay_entries",
    "retry_entries",
    "skip_copied_entries",
    "skip_entries",
    "was_handled",
]
