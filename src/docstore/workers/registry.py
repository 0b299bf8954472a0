"""Every worker there is, by name. To add one: its module beside this one, and a line here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from docstore.cache import CachedDocuments
from docstore.clients.kafka_consumer import PartitionListener
from docstore.clients.mail import make_mail_provider
from docstore.clients.metrics import Metrics
from docstore.clients.protocols import KeyValue, Publisher, SearchIndex
from docstore.settings import Settings
from docstore.workers.cache import CacheWorker
from docstore.workers.consuming import Consumer
from docstore.workers.crawler import CrawlerWorker
from docstore.workers.deliveries import DeliveriesWorker
from docstore.workers.identity import IdentityWorker
from docstore.workers.messages import Worker
from docstore.workers.newsletter import NewsletterWorker
from docstore.workers.publishing import PublishingWorker
from docstore.workers.ratings import RatingsWorker
from docstore.workers.relay import RelayWorker
from docstore.workers.search import SearchWorker
from docstore.workers.sending import SenderWorker


class Resources(Protocol):
    """What workers are made of; an open Store has it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def cached_documents(self) -> CachedDocuments: ...

    async def publisher(self) -> Publisher: ...

    async def key_value(self) -> KeyValue: ...

    async def search_index(self) -> SearchIndex: ...

    def make_consumer(
        self, group: str, topics: Sequence[str], *, listener: PartitionListener | None = None
    ) -> AbstractAsyncContextManager[Consumer]: ...


class LoopWorker(Protocol):
    """A worker that reads no topic: it looks for work itself."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what has begun."""
        ...


AnyWorker = Worker | LoopWorker


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """A worker by name: what it does, in a line, how it is made, and its consumer group where it reads topics."""

    name: str
    summary: str
    make: Callable[[Resources, Metrics], Awaitable[AnyWorker]]
    group: str | None = None


async def _relay(resources: Resources, metrics: Metrics) -> AnyWorker:
    return RelayWorker(await resources.publisher(), metrics=metrics)


async def _newsletter(resources: Resources, metrics: Metrics) -> AnyWorker:
    return NewsletterWorker(from_email=resources.settings.newsletter_from)


async def _sender(resources: Resources, metrics: Metrics) -> AnyWorker:
    settings = resources.settings
    return SenderWorker(make_mail_provider(settings), unsubscribe_url=settings.newsletter_unsubscribe_url)


async def _deliveries(resources: Resources, metrics: Metrics) -> AnyWorker:
    return DeliveriesWorker()


async def _ratings(resources: Resources, metrics: Metrics) -> AnyWorker:
    return RatingsWorker(await resources.key_value())


async def _search(resources: Resources, metrics: Metrics) -> AnyWorker:
    return SearchWorker(await resources.search_index())


async def _cache(resources: Resources, metrics: Metrics) -> AnyWorker:
    await resources.key_value()
    return CacheWorker(resources.cached_documents)


async def _publisher(resources: Resources, metrics: Metrics) -> AnyWorker:
    return PublishingWorker(metrics=metrics)


async def _identity(resources: Resources, metrics: Metrics) -> AnyWorker:
    return IdentityWorker()


async def _crawler(resources: Resources, metrics: Metrics) -> AnyWorker:
    return CrawlerWorker(metrics=metrics)


_KINDS: Final = (
    WorkerKind("relay", "publishes the outbox to Kafka", _relay),
    WorkerKind("publisher", "publishes scheduled posts when they are due", _publisher),
    WorkerKind("newsletter", "writes the deliveries of published newsletters", _newsletter, NewsletterWorker.group),
    WorkerKind("sender", "hands newsletters to the mail provider", _sender, SenderWorker.group),
    WorkerKind("deliveries", "lets records follow what the mail provider reports", _deliveries, DeliveriesWorker.group),
    WorkerKind("ratings", "recomputes the ratings of accounts after reviews", _ratings, RatingsWorker.group),
    WorkerKind("identity", "lets users follow the identity provider", _identity, IdentityWorker.group),
    WorkerKind("search", "keeps the search engine up to date", _search, SearchWorker.group),
    WorkerKind("cache", "drops cached documents that were changed", _cache, CacheWorker.group),
    WorkerKind("crawler", "fetches the pages of crawler jobs", _crawler),
)

WORKERS: Final[Mapping[str, WorkerKind]] = {kind.name: kind for kind in _KINDS}
"""Every worker by its name."""
