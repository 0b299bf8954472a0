"""The outbox: events committed with the change they tell of, and published to a message broker afterwards.

Owns the rows, the relay that publishes them, and the inbox that lets a consumer act once. Knows a `Publisher`, not
Kafka. Promises: an event exists if and only if its change committed, and reaches the broker at least once, those of
one key in order.
"""

from docstore.outbox.entries import EntryStatus, Outbox, OutboxEntry
from docstore.outbox.inbox import InboxEntry, handle_once, was_handled
from docstore.outbox.relay import Relay, RelayReport

__all__ = [
    "EntryStatus",
    "InboxEntry",
    "Outbox",
    "OutboxEntry",
    "Relay",
    "RelayReport",
    "handle_once",
    "was_handled",
]
