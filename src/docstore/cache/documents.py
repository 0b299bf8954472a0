"""Cached documents, behind `Model.cached`: as MongoDB stores them, dropped when a committed change says so.

How stale a document can be: until the change's event is handled (at once after the commit in the process that made it,
and again by the cache worker, through the outbox), and never longer than its lifetime.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions

from docstore.cache.core import Cache
from docstore.cache.helper import CacheHelper
from docstore.cache.lifetimes import MEDIUM
from docstore.cache.namespaces import namespace_of
from docstore.cache.slots import Life, Lives, Slots
from docstore.documents import current_transaction

Stored = Mapping[str, Any]

_OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True, uuid_representation=bson.UuidRepresentation.STANDARD
)
_NONE: Final = b"null"


def document_tag(collection: str, document_id: object) -> str:
    """The tag of what is made of one document: it counts as absent once a change of it is committed."""
    return f"{collection}:{document_id}"


def collection_tag(collection: str) -> str:
    """The tag of what is made of any document of a collection."""
    return collection


class BsonCodec:
    """Stored documents, in MongoDB's own form: nothing is lost or reinterpreted."""

    def write(self, value: Mapping[str, Any] | None) -> bytes:
        return _NONE if value is None else bson.encode(value, codec_options=_OPTIONS)

    def read(self, payload: bytes) -> dict[str, Any] | None:
        if payload == _NONE:
            return None
        try:
            return bson.decode(payload, codec_options=_OPTIONS)
        except bson.InvalidBSON as error:
            raise ValueError("no document") from error


async def _drop(cache: Cache, collection: str, ids: Iterable[object]) -> None:
    tags = [document_tag(collection, each) for each in ids]
    slots = Slots(cache, namespace_of(collection))
    await slots.drop([slots.key(tag) for tag in tags])
    await slots.invalidate([collection_tag(collection), *tags])


class CachedDocuments:
    """`docstore.documents.ReadThrough` on a cache.

    Args:
        provider: opens the cache; None when there is none.
        ttl: seconds a document is kept, less up to a tenth at random.
    """

    def __init__(self, provider: Callable[[], Awaitable[Cache | None]], *, ttl: float = MEDIUM) -> None:
        self._provider = provider
        self._lives = Lives(ttl)
        self._codec = BsonCodec()

    async def get(
        self, collection: str, document_id: object, fetch: Callable[[], Awaitable[Stored | None]]
    ) -> Stored | None:
        """The stored document, from the cache or fetched; None when there is none."""
        cache = await self._provider()
        if cache is None:
            return await fetch()
        helper, tag = CacheHelper(cache, namespace_of(collection)), document_tag(collection, document_id)
        found: Stored | None = await helper.load(tag, fetch, self._codec, self._lives)
        return found

    async def get_many(
        self, collection: str, ids: Sequence[object], fetch: Callable[[list[object]], Awaitable[list[Stored]]]
    ) -> dict[object, Stored]:
        """The stored documents by id: the cached ones in one round trip, and the others fetched together."""
        cache = await self._provider()
        if cache is None or current_transaction() is not None:
            return {each["_id"]: each for each in await fetch(list(ids))}
        found, missing = await self._cached(cache, collection, ids)
        if missing:
            found |= await self._fetched(cache, collection, missing, fetch)
        return found

    async def changed(self, collection: str, ids: Iterable[object]) -> None:
        """Drop these documents, and what bears their tags or their collection's.

        Raises:
            ServerUnavailable, OperationTimeout, ServiceError: it was not done; the old values may be served until they
                expire.
        """
        cache = await self._provider()
        if cache is not None:
            await _drop(cache, collection, ids)

    async def changed_now(self, changed: Mapping[str, Sequence[object]]) -> bool:
        """As `changed`, by collection, for who cannot wait: within two seconds, and not at all while the cache is away.

        Whether it was done; the old values may be served until `changed` is called, or they expire.
        """
        cache = await self._provider()
        if cache is None:
            return True
        here = cache
        here.forget_flights()  # in this process nobody is given what was read before, whatever the server does

        async def drop() -> bool:
            for collection, ids in changed.items():
                await _drop(here, collection, ids)
            return True

        return await here.ask(drop, False, commands=2)

    async def _cached(
        self, cache: Cache, collection: str, ids: Sequence[object]
    ) -> tuple[dict[object, Stored], list[object]]:
        """What is cached, and the ids about which nothing is known."""
        helper = CacheHelper(cache, namespace_of(collection))
        keys = [document_tag(collection, each) for each in ids]
        entries = await helper.entries(keys)
        found: dict[object, Stored] = {}
        missing: list[object] = []
        for wanted, entry in zip(ids, entries, strict=True):
            try:
                stored = self._codec.read(entry.payload) if entry is not None else None
            except ValueError:
                entry = stored = None
            if entry is None:
                missing.append(wanted)
            elif stored is not None:
                found[wanted] = stored
        cache.stats.hits += len(ids) - len(missing)
        cache.stats.misses += len(missing)
        return found, missing

    async def _fetched(
        self,
        cache: Cache,
        collection: str,
        ids: list[object],
        fetch: Callable[[list[object]], Awaitable[list[Stored]]],
    ) -> dict[object, Stored]:
        helper, by_id = CacheHelper(cache, namespace_of(collection)), dict[object, Stored]()

        async def fetch_missing() -> dict[str, bytes]:
            by_id.update({each["_id"]: each for each in await fetch(ids)})
            return {document_tag(collection, each): self._codec.write(stored) for each, stored in by_id.items()}

        await helper.fill([document_tag(collection, each) for each in ids], fetch_missing, Life(self._lives.ttl))
        return by_id
