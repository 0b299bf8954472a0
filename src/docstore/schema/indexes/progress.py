"""How far the build of an index is, where the server tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from docstore._tasks import ended

_EVERY_S: Final = 1.0


@dataclass(frozen=True)
class IndexProgress:
    """One of the steps that are carried out, the `number`-th of `total`.

    `phase` is what is being done, in words; `done` of `size` documents or keys where the server tells, else None;
    `seconds` since the step began.
    """

    collection: str
    name: str
    number: int
    total: int
    phase: str = ""
    done: int | None = None
    size: int | None = None
    seconds: float = 0.0


Listener = Callable[[IndexProgress], None]


@asynccontextmanager
async def watched_build(
    collection: AsyncCollection[dict[str, Any]], at: IndexProgress, listen: Listener
) -> AsyncIterator[None]:
    """A block during which the build of an index is told of, each second."""
    watching = asyncio.create_task(_watch(collection, at, listen), name=f"progress of {at.name}")
    try:
        yield
    finally:
        await ended([watching])


async def _watch(collection: AsyncCollection[dict[str, Any]], at: IndexProgress, listen: Listener) -> None:
    start = time.monotonic()
    tells = True
    while True:
        await asyncio.sleep(_EVERY_S)
        told = at
        if tells:
            try:
                told = build_told(await _operations(collection), at)
            except PyMongoError:  # it may lack the right to see what others do: only the time is told then
                tells = False
        listen(replace(told, seconds=at.seconds + time.monotonic() - start))


async def _operations(collection: AsyncCollection[dict[str, Any]]) -> list[dict[str, Any]]:
    pipeline: list[dict[str, Any]] = [
        {"$currentOp": {"allUsers": True, "idleConnections": False}},
        {"$match": {"command.createIndexes": collection.name}},
    ]
    admin = collection.database.client.admin
    found = await (await admin.aggregate(pipeline)).to_list()
    database = collection.database.name
    return [each for each in found if each.get("command", {}).get("$db", database) == database]


def build_told(operations: Iterable[Mapping[str, Any]], at: IndexProgress) -> IndexProgress:
    """What a server's answer to ``$currentOp`` says about a build.

    Its `msg` repeats itself and ends in the counts: ``Index Build: scanning collection Index Build: scanning
    collection: 5/9 55%``.
    """
    for each in operations:
        names = [index.get("name") for index in each.get("command", {}).get("indexes", ())]
        progress = each.get("progress")
        if at.name in names and isinstance(progress, Mapping) and "total" in progress:
            phase = str(each.get("msg", "")).removeprefix("Index Build: ").partition(" Index Build:")[0]
            return replace(
                at, phase=phase.partition(":")[0], done=int(progress.get("done", 0)), size=int(progress["total"])
            )
    return at
