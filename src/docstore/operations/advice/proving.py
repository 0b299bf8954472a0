"""Proving an advice: the query measured on a copy of its collection, without and with the index."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, IndexModel, WriteConcern

from docstore.operations.advice.facts import CollectionFacts, Database, draw_sample, read_facts
from docstore.operations.advice.filling import sample_query
from docstore.operations.advice.findings import Advice, Kind, Measurement, Proof
from docstore.operations.querylog import explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PREFIX: Final = "docstore_prove_"
_PROPOSED: Final = "proposed"
_BATCH: Final = 1_000
_RUNS: Final = 5
_LEFT_OVER_S: Final = 6 * 3600
_LIMIT_MS: Final = 60_000


async def prove(
    database: Database,
    advice: Advice,
    *,
    most_documents: int = 200_000,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Advice:
    """The advice of a missing index, with a proof where its query can be made up.

    The collection is copied into a database of its own on the same server, with its indexes; the query is explained and
    run there without the new index and with it. The copy is dropped however it ends.

    Args:
        database: the raw database.
        advice: of kind MISSING; others come back as they are.
        most_documents: copied at most.
        on_progress: called with the collection, the documents copied, and how many there are to copy.
    """
    if advice.kind is not Kind.MISSING or not advice.shapes:
        return advice
    facts = (await read_facts(database, [advice.collection], [])).get(advice.collection)
    if facts is None:
        return advice
    await draw_sample(database, facts)
    query = next((found for shape in advice.shapes if (found := sample_query(shape, facts)) is not None), None)
    if query is None:
        return advice
    async with _scratch(database) as copy:
        documents = await _copy(database, copy, facts, most_documents, on_progress)
        before = await _measure(copy, query)
        await copy[facts.name].create_indexes([IndexModel(list(advice.keys), name=_PROPOSED)])
        after = await _measure(copy, query)
        forced = _PROPOSED not in after.plan
        if forced:  # the planner leaves it aside, as the embedded server's does behind the guard's conditions
            after = await _measure(copy, {**query, "hint": _PROPOSED})
    fewer = (after.examined or 0) < (before.examined or 0)
    sorted_no_more = "SORT" in before.plan.split(", ") and "SORT" not in after.plan.split(", ")
    return replace(advice, proof=Proof(documents, before, after, fewer or sorted_no_more, forced))


async def drop_leftovers(client: AsyncMongoClient[dict[str, Any]]) -> list[str]:
    """Drop the copies that killed runs left behind more than six hours ago; returns their names."""
    old = [
        name for name in await client.list_database_names() if name.startswith(PREFIX) and _age_s(name) > _LEFT_OVER_S
    ]
    for name in old:
        await client.drop_database(name)
    return old


@asynccontextmanager
async def _scratch(database: Database) -> AsyncIterator[Database]:
    copy = database.client[f"{PREFIX}{int(time.time())}_{uuid4().hex[:8]}"]
    try:
        yield copy
    finally:
        # To the end, also when the block was cancelled.
        await asyncio.shield(asyncio.ensure_future(database.client.drop_database(copy.name)))


async def _copy(
    database: Database,
    copy: Database,
    facts: CollectionFacts,
    most: int,
    on_progress: Callable[[str, int, int], None] | None,
) -> int:
    source = database[facts.name].with_options(
        codec_options=database.codec_options.with_options(document_class=RawBSONDocument)
    )
    target = copy[facts.name].with_options(write_concern=WriteConcern(1))
    total, copied = min(most, facts.documents), 0
    batch: list[Any] = []
    async with source.find({}, limit=most, batch_size=_BATCH) as found:
        async for document in found:
            batch.append(document)
            if len(batch) == _BATCH:
                copied += await _write(target, batch)
                if on_progress is not None:
                    on_progress(facts.name, copied, total)
    copied += await _write(target, batch)
    indexes = [index for index in facts.built if index.name != "_id_" and not index.unique]
    if indexes:
        options = [{"partialFilterExpression": dict(index.partial)} if index.partial else {} for index in indexes]
        models = [
            IndexModel(list(index.keys), name=index.name, sparse=index.sparse, **each)
            for index, each in zip(indexes, options, strict=True)
        ]
        await target.create_indexes(models)
    return copied


async def _write(target: Any, batch: list[Any]) -> int:
    if not batch:
        return 0
    await target.insert_many(batch, ordered=False)
    written = len(batch)
    batch.clear()
    return written


async def _measure(copy: Database, query: dict[str, Any]) -> Measurement:
    plan = await explain(copy, query, limit_ms=_LIMIT_MS)
    durations = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        options = {name: query[name] for name in ("sort", "limit", "hint") if name in query}
        cursor = copy[query["find"]].find(query["filter"], **options)
        await cursor.to_list()
        durations.append((time.perf_counter() - start) * 1000)
    return Measurement(
        plan.summary if plan else "unknown",
        plan.examined if plan else None,
        plan.returned if plan else None,
        round(median(durations), 3),
    )


def _age_s(name: str) -> float:
    made = name.removeprefix(PREFIX).partition("_")[0]
    return time.time() - int(made) if made.isdigit() else 0.0
