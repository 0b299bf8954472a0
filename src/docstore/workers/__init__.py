"""Workers: what runs beside a backend and lets effects follow from events.

Owns consuming messages (manual commits, retries, dead letters) and one worker for each effect: newsletters, ratings,
search records, and the outbox's relay. A worker is handed what it needs and knows no Store.
"""

from docstore.workers.audiences import recipients_of
from docstore.workers.cache import CacheWorker
from docstore.workers.changes import OutboxChanges
from docstore.workers.consuming import Consumer, ConsumerHealth, ConsumerRunner, run_consumer
from docstore.workers.crawler import CrawlerWorker
from docstore.workers.dead_letters import (
    DeadLetter,
    DeadLetterOutcome,
    DeadLettersStatus,
    RetriedLetters,
    dead_letters_metrics,
    dead_letters_status,
    retry_dead_letters,
    skip_dead_letters,
)
from docstore.workers.deliveries import DeliveriesWorker, Delivery, DeliveryKind, apply_deliveries
from docstore.workers.identity import IdentityState, IdentityWorker
from docstore.workers.messages import BatchWorker, Message, Worker
from docstore.workers.newsletter import NewsletterWorker
from docstore.workers.publishing import PublishingWorker
from docstore.workers.ratings import RatingChanged, RatingsWorker
from docstore.workers.relay import RelayWorker
from docstore.workers.search import SearchWorker
from docstore.workers.search_backlog import SearchBacklog, search_backlog
from docstore.workers.search_watch import SearchWatcher
from docstore.workers.sending import SenderWorker

__all__ = [
    "BatchWorker",
    "CacheWorker",
    "Consumer",
    "ConsumerHealth",
    "ConsumerRunner",
    "CrawlerWorker",
    "DeadLetter",
    "DeadLetterOutcome",
    "DeadLettersStatus",
    "DeliveriesWorker",
    "Delivery",
    "DeliveryKind",
    "IdentityState",
    "IdentityWorker",
    "Message",
    "NewsletterWorker",
    "OutboxChanges",
    "PublishingWorker",
    "RatingChanged",
    "RatingsWorker",
    "RelayWorker",
    "RetriedLetters",
    "SearchBacklog",
    "SearchWatcher",
    "SearchWorker",
    "SenderWorker",
    "Worker",
    "apply_deliveries",
    "dead_letters_metrics",
    "dead_letters_status",
    "recipients_of",
    "retry_dead_letters",
    "run_consumer",
    "search_backlog",
    "skip_dead_letters",
]
