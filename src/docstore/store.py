"""The Store: connects, wires and closes. The only place that knows every mechanism.

What runs when, at a glance: entering connects MongoDB, binds the models and starts keeping their events in the outbox;
Kafka, Redis and the search engine are reached when they are first asked for. Publishing, search sync and the like run
as workers, which are handed what this module opens. `_store_tenancy` says whose turn it is among several Stores of a
process, `_store_servers` which servers a Store starts for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from docstore._store_servers import StoreServers
from docstore._store_tenancy import CACHED_DOCUMENTS, Tenancy
from docstore.cache import Cache, CachedDocuments, CacheHelper, use_cache
from docstore.clients import (
    KafkaPublisher,
    KeyValue,
    MongoProbe,
    PartitionListener,
    Ping,
    Probe,
    Publisher,
    RedisKeyValue,
    SearchIndex,
    connect_mongo,
    ensure_topic,
    make_kafka_consumer,
)
from docstore.documents import (
    DeletionStep,
    bind,
    declared_indexes,
    unbind,
)
from docstore.documents.audit import AUDIT_MODELS
from docstore.errors import DocstoreError, NotBound, SettingsError
from docstore.jobs import JobTicket
from docstore.models import ALL
from docstore.outbox import InboxEntry, OutboxEntry, OutboxLease
from docstore.search import SearchObject, SearchParked, SearchReindex, SearchWatch, use_search_index
from docstore.settings import DbMethod, Settings
from docstore.workers import Consumer, DeadLetter, IdentityState

if TYPE_CHECKING:
    from docstore.clients.algolia import AlgoliaIndex
    from docstore.operations.querylog import QueryRecorder

Client = AsyncMongoClient[dict[str, Any]]
Database = AsyncDatabase[dict[str, Any]]

SYSTEM_MODELS: Final[tuple[type[Any], ...]] = (
    OutboxEntry,
    OutboxLease,
    InboxEntry,
    DeadLetter,
    JobTicket,
    IdentityState,
    SearchObject,
    SearchParked,
    SearchReindex,
    SearchWatch,
    DeletionStep,
    *AUDIT_MODELS,
)
"""The rows that mechanisms keep for themselves; every Store binds them."""


class Store:
    """A deployment, opened: ``async with Store.from_env() as store: ...``.

    Entering needs MongoDB alone. Models are bound for the whole process; of several open Stores the one entered last
    has them, and hands them back when it is left.

    Indexes are built by `docstore indexes sync`, not here, but for the MongoDB that a Store with DB_METHOD=EMBEDDED
    starts empty for itself: it has the declared ones from the start.

    Args:
        settings: those of the environment when None.
        models: the documents to bind: `docstore.models.ALL` unless you add yours, ``(*ALL, Mine)``.
    """

    def __init__(self, settings: Settings | None = None, *, models: Sequence[type[Any]] = ALL) -> None:
        self._servers = StoreServers(settings if settings is not None else Settings.from_env())
        self._models = (*models, *(each for each in SYSTEM_MODELS if each not in models))
        self._opened: AsyncExitStack | None = None
        self._client: Client | None = None
        self._tenancy = Tenancy(self._bind, lambda: unbind(self._models), lambda: self.settings)
        self._query_log: QueryRecorder | None = None
        self._cache: Cache | None = None

    @classmethod
    def from_env(cls, env_file: Path | None = None, *, models: Sequence[type[Any]] = ALL) -> Self:
        """A Store on the settings of the environment and, where given, of a file of ``NAME=value`` lines.

        Raises:
            SettingsError: settings are missing, malformed or contradict each other.
        """
        return cls(Settings.from_env(env_file), models=models)

    async def __aenter__(self) -> Self:
        """Open: see the class.

        Raises:
            ServerUnavailable: MongoDB does not answer; names the host, the setting and what to check.
            ServiceError: it refuses the login.
            MissingExtra, EmbeddedServerError: DB_METHOD=EMBEDDED, and its server does not start.
        """
        if self._opened is not None:
            raise DocstoreError("This Store is open already.", hint="Make another Store.")
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._servers.close)
            settings = await self._servers.need("mongodb")
            stack.push_async_callback(self._tenancy.close_clients)
            self._client = await connect_mongo(settings)
            stack.push_async_callback(self._leave)
            await self._tenancy.begin()
            if self._servers.is_temporary("mongodb"):
                await self._build_indexes()
            if settings.query_log:
                self._query_log = await stack.enter_async_context(self._make_query_log())
            self._opened = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack, self._opened = self._opened, None
        if stack is not None:
            await _to_the_end(stack.aclose())
            self._client = None

    @property
    def settings(self) -> Settings:
        """The settings, with the addresses of embedded servers that are in use."""
        return self._servers.settings

    @property
    def models(self) -> tuple[type[Any], ...]:
        """Every bound model: the given ones, then the mechanisms' own rows (`SYSTEM_MODELS`)."""
        return self._models

    @property
    def client(self) -> Client:
        """The raw client, as `get_mongo_client` hands it out: unguarded.

        Raises:
            NotBound: the Store is not open.
        """
        if self._client is None:
            raise NotBound("This Store is not open.", hint="Use it inside `async with store: ...`.")
        return self._client

    @property
    def database(self) -> Database:
        """The raw database: unguarded, for migrations, backup and operations.

        Raises:
            NotBound: the Store is not open.
        """
        return self.client[self.settings.effective_database_name]

    @property
    def query_log(self) -> QueryRecorder | None:
        """What keeps the query log, with its counts; None when QUERY_LOG is off."""
        return self._query_log

    async def publisher(self) -> Publisher:
        """Kafka, for sending; connects with the first message.

        Raises:
            NotBound: the Store is not open.
        """
        return await self._kafka()

    async def key_value(self) -> KeyValue:
        """Redis; connects with the first command. Raises as `publisher`."""
        return await self._redis()

    async def search_index(self) -> SearchIndex:
        """The search engine; connects with the first request. Raises as `publisher`."""
        return await self._algolia()

    async def cache(self, namespace: str = "cache") -> CacheHelper:
        """A cache in Redis whose keys begin with ``<namespace>-``. Raises as `publisher`."""
        return CacheHelper(await self._open_cache(), namespace)

    @property
    def cached_documents(self) -> CachedDocuments:
        """The cache behind `Model.cached`."""
        return CACHED_DOCUMENTS

    @asynccontextmanager
    async def make_consumer(
        self,
        group: str,
        topics: Sequence[str],
        *,
        listener: PartitionListener | None = None,
        session_timeout_s: float = 10.0,
    ) -> AsyncIterator[Consumer]:
        """A started Kafka consumer for the length of the block, for `run_consumer`.

        Topics that are missing are created. Offsets are committed by hand alone; a new group starts at the earliest
        message.

        Args:
            group: the consumer group.
            topics: what it reads.
            listener: is told when partitions move, such as a `ConsumerRunner`.
            session_timeout_s: after how many seconds without a sign of life its partitions are given to others.

        Raises:
            ServerUnavailable: no broker answers.
            ServiceError: a topic is missing and cannot be created.
        """
        settings = await self._need("kafka")
        for topic in topics:
            await ensure_topic(topic, settings=settings)
        async with make_kafka_consumer(
            group, topics, settings, listener=listener, session_timeout_s=session_timeout_s
        ) as consumer:
            yield consumer

    def probes(self) -> tuple[Probe, ...]:
        """One probe for each server; asking it opens what it asks for."""
        return (
            _LazyProbe("mongodb", self._mongo),
            _LazyProbe("redis", self._redis),
            _LazyProbe("kafka", self._kafka),
            _LazyProbe("algolia", self._algolia),
        )

    def _make_query_log(self) -> QueryRecorder:
        from docstore.clients.command_events import ObservedClient
        from docstore.operations.querylog import QueryRecorder

        assert isinstance(self.client, ObservedClient)
        return QueryRecorder(self.database, self.client.command_events)

    async def _mongo(self) -> MongoProbe:
        return MongoProbe(await self._need("mongodb"))

    async def _redis(self) -> RedisKeyValue:
        return RedisKeyValue(await self._need("redis"))

    async def _kafka(self) -> KafkaPublisher:
        return KafkaPublisher(await self._need("kafka"))

    async def _algolia(self) -> AlgoliaIndex:
        from docstore.clients.algolia import AlgoliaIndex

        return AlgoliaIndex(await self._need("algolia"))

    async def _open_cache(self) -> Cache:
        key_value = await self._redis()
        if self._cache is None:
            # Branches share a server with what they were made from, and must not share its values.
            prefix = f"{self.settings.database_branch}:" if self.settings.db_method is DbMethod.BRANCH else ""
            self._cache = Cache(key_value, prefix=prefix)
        return self._cache

    async def _active_cache(self) -> Cache:
        """The cache for what follows from changes, and for documents: not worth starting a server for."""
        if self._cache is None and self.settings.redis_dsn is None:
            raise SettingsError("Redis is not configured.", hint="Set REDIS_URL.", field="REDIS_URL")
        return await self._open_cache()

    async def _need(self, service: str) -> Settings:
        _ = self.client  # says so when the Store is not open
        return await self._servers.need(service)

    async def _bind(self) -> None:
        settings = self.settings
        key = settings.cursor_key
        await bind(
            self.database,
            self._models,
            audit=settings.audit,
            cursor_key=key.get_secret_value().encode() if key is not None else None,
            strict_filters=settings.strict_filters,
        )
        use_cache(self._active_cache)
        use_search_index(self.search_index)

    async def _build_indexes(self) -> None:
        for model in self._models:
            declared = [each.to_index_model(model) for each in declared_indexes(model)]
            if declared:
                await self.database[model.get_collection_name()].create_indexes(declared)

    async def _leave(self) -> None:
        await self._tenancy.end()
        cache, self._cache = self._cache, None
        if cache is not None:
            await cache.close()


class _LazyProbe:
    """A probe of a server that is opened when it is asked."""

    def __init__(self, name: str, open_it: Callable[[], Awaitable[Probe]]) -> None:
        self.name = name
        self._open_it = open_it

    async def ping(self) -> Ping:
        return await (await self._open_it()).ping()


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` until it is done, also when cancelled meanwhile; a second cancellation ends it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
