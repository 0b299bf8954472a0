"""Looking at every document of a database, in constant memory: which would a validator refuse?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

import bson
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ExecutionTimeout, OperationFailure

from docstore._tasks import ended
from docstore.documents import translated
from docstore.errors import ServiceError, SettingsError
from docstore.schema.checking.bson_types import AS_STORED
from docstore.schema.checking.compiling import breaks
from docstore.schema.checking.report import CheckProgress, CheckReport, CollectionCheck
from docstore.schema.checking.rules import broken
from docstore.schema.collections import Database, existing_collections
from docstore.schema.specs import by_collection
from docstore.schema.validators import collection_validator

Listener = Callable[[CheckProgress], None]

_BATCH: Final = 2_000
_COUNTING_MS: Final = 1_000


async def check_documents(
    database: Database,
    models: Sequence[type[Any]],
    *,
    only: Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    samples: int = 5,
    on_progress: Listener | None = None,
) -> CheckReport:
    """Judge the documents of the models' collections, living and deleted, as their validators would.

    Documents are judged here rather than by the server, which is not slowed down and need not be the primary: the
    client's read preference holds.

    Args:
        database: the raw database.
        models: document classes, bound or not.
        only: names of collections; all when empty.
        limit: of each collection at most so many documents, in the order they are stored.
        sample: of each collection so many, drawn at random by the server.
        samples: how many ids to keep for each broken rule.
        on_progress: called after each batch.

    Raises:
        SettingsError: `only` names a collection that no model has.
        ServerUnavailable, ServiceError: the database does not answer, or refuses.
    """
    start = time.perf_counter()
    sharing = by_collection(models)
    if unknown := [name for name in only if name not in sharing]:
        raise SettingsError(
            f"No model has the collection {', '.join(unknown)}.", hint=f"There are {', '.join(sorted(sharing))}."
        )
    found = await existing_collections(database, list(sharing))
    listen = on_progress or (lambda _: None)
    checks = []
    for name, group in sharing.items():
        if name in found and (not only or name in only):
            schema = collection_validator(group)["$jsonSchema"]
            scan = _Scan(database[name], schema, limit, sample, samples)
            checks.append(await scan.run(listen))
    return CheckReport(tuple(checks), time.perf_counter() - start)


class _Scan:
    """One pass over one collection."""

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        schema: dict[str, Any],
        limit: int | None,
        sample: int | None,
        samples: int,
    ) -> None:
        self._collection = collection
        self._schema = schema
        self._breaks = breaks(schema)
        self._limit = limit
        self._sample = sample
        self._samples = samples

    async def run(self, listen: Listener) -> CollectionCheck:
        start = time.perf_counter()
        check = CollectionCheck(self._collection.name)
        with translated(check.collection):
            try:
                total = await self._total()
                listen(CheckProgress(check.collection, 0, total, 0))
                async with aclosing(self._batches()) as batches:
                    async for batch in batches:
                        self._judge(batch, check)
                        total = max(total, check.documents) if total is not None else None
                        listen(CheckProgress(check.collection, check.documents, total, check.failing))
            except OperationFailure as error:
                raise ServiceError(
                    f"the server refused to read {check.collection} with error code {error.code}.",
                    hint="The user needs the role read on the database.",
                    collection=check.collection,
                ) from error
        check.seconds = time.perf_counter() - start
        listen(CheckProgress(check.collection, check.documents, check.documents, check.failing))
        return check

    def _judge(self, batch: bytes, check: CollectionCheck) -> None:
        fails, schema, samples = self._breaks, self._schema, self._samples
        documents = bson.decode_all(batch, AS_STORED)
        check.documents += len(documents)
        for document in documents:
            if fails(document):
                check.note(document.get("_id"), broken(schema, document), samples)

    async def _total(self) -> int | None:
        """About how many documents there will be; None where the server would take long to say."""
        bounds = [each for each in (self._limit, self._sample) if each is not None]
        try:
            bounds.append(await self._collection.estimated_document_count(maxTimeMS=_COUNTING_MS))
        except ExecutionTimeout:
            return None
        return min(bounds)

    async def _batches(self) -> AsyncGenerator[bytes, None]:
        """The documents as the server sends them; the next batch is fetched while one is judged."""
        if self._sample is not None:
            pipeline = [{"$sample": {"size": self._sample}}]
            cursor: Any = await self._collection.aggregate_raw_batches(pipeline, batchSize=_BATCH)
        else:
            cursor = self._collection.find_raw_batches({}, batch_size=_BATCH, limit=self._limit or 0)
        async with cursor:
            coming = asyncio.ensure_future(anext(cursor, None))
            try:
                while (batch := await coming) is not None:
                    coming = asyncio.ensure_future(anext(cursor, None))
                    await asyncio.sleep(0)  # the request is on its way before this batch is judged
                    yield batch
            finally:
                await ended([coming])
