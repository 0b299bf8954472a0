"""What each number that docstore counts says; for those who read it on a dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "outbox_published": "Events that this relay sent.",
        "outbox_failed": "Attempts of this relay that sent nothing; the event waits for its next one.",
        "outbox_run_failures": "How often this relay could not even read or mark: the database or the broker is away.",
        "outbox_publish_seconds": "How long the broker took to acknowledge one wave of events.",
        "outbox_lease_steals": "Buckets taken over from relays whose leases ran out.",
        "outbox_pending": "Events that wait to be sent, by any relay.",
        "outbox_dead": "Events given up, which wait for a person.",
        "outbox_oldest_pending_seconds": "How long the oldest waiting event waits.",
        "outbox_relays": "Relays that hold leases.",
        "consumer_handled": "Messages whose handling came to its end.",
        "consumer_in_hand": "Messages fetched and not yet handled.",
        "consumer_waiting": "Messages in hand that failed, and are tried again later.",
        "consumer_dead_letters": "Messages that this consumer gave up since it started.",
        "dead_letters_waiting": "Messages given up, which wait for a person.",
        "dead_letters_oldest_seconds": "How long the oldest of them waits.",
        "worker_failures": "How often a worker ended with an error, and began again.",
        "publisher_published": "Posts published when they were due.",
        "publisher_failures": "Attempts to publish due posts that failed.",
        "search_saved": "Records written to the search engine by `search watch`.",
        "search_deleted": "Records removed from the search engine by `search watch`.",
        "search_parked": "Records that the search engine refused, kept with the reason.",
        "jobs_completed": "Jobs done.",
        "jobs_retried": "Attempts that failed, and will be made again.",
        "jobs_failed": "Jobs given up.",
        "server_answers": "Whether a server answers; while the database does not, its numbers are as they were last.",
        "event_loop_lag_seconds": "How late the event loop was lately; who blocks it loses partitions.",
    }
)
"""By name, without the prefix that the collecting side adds."""
