"""``python -m benchmarks.schema``: checking existing documents, beside what one would write with PyMongo alone.

The bare loop reads every document and looks at none, so the ratio is the whole price of a check. Each contender runs in
a process of its own, in turns on one embedded server; told are documents a second, the client's processor time, and
the largest resident size of the process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from docstore.embedded import EmbeddedServers
from docstore.models import Tag
from docstore.schema import check_documents, validator_of

Database = AsyncDatabase[dict[str, Any]]

_BATCH = 10_000


async def fill(uri: str, documents: int) -> None:
    """Put so many small documents there, one in a thousand of them wrong."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    now = datetime.now(UTC)
    for first in range(0, documents, _BATCH):
        await client["benchmarks"]["Tag"].insert_many(
            [
                {
                    "slug": f"tag-{number}",
                    "description": "what is told about it" if number % 1000 else 5,
                    "imageUrl": None,
                    "createdAt": now,
                    "updatedAt": now,
                    "deletedAt": None,
                    "isDeleted": False,
                    "deletedBy": None,
                    "deletionId": None,
                }
                for number in range(first, min(first + _BATCH, documents))
            ],
            ordered=False,
        )
    await client.close()


async def bare(database: Database) -> int:
    """Read them all."""
    read = 0
    async for _ in database["Tag"].find({}):
        read += 1
    return read


async def docstore(database: Database) -> int:
    """`docstore schema check`."""
    report = await check_documents(database, [Tag], on_progress=lambda _: None)
    assert report.failing == len(range(0, report.documents, 1000))
    return report.documents


async def server(database: Database) -> int:
    """Ask the server for those that do not match, and count the rest as read."""
    async for _ in database["Tag"].find({"$nor": [validator_of(Tag)]}, {"_id": 1}):
        pass
    return await database["Tag"].estimated_document_count()


CONTENDERS: dict[str, Callable[[Database], Awaitable[int]]] = {"bare": bare, "docstore": docstore, "server": server}


async def _once(name: str, uri: str) -> dict[str, float]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    spent, start = time.process_time(), time.perf_counter()
    documents = await CONTENDERS[name](client["benchmarks"])
    seconds = time.perf_counter() - start
    cpu = time.process_time() - spent
    await client.close()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rate": documents / seconds, "cpu": cpu / documents * 1e6, "megabytes": megabytes}


async def run(documents: int, rounds: int, names: list[str]) -> None:
    """Fill a server, and let the contenders take turns."""
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    async with EmbeddedServers(services=("mongodb",), durable=False) as servers:
        uri = servers.urls["mongodb"]
        await fill(uri, documents)
        for number in range(rounds):
            for name in names if number % 2 else reversed(names):
                command = [sys.executable, "-m", "benchmarks.schema", "--once", name, uri]
                ran = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
                measured[name].append(json.loads(ran.stdout))
                told = ", ".join(f"{key} {value:,.1f}" for key, value in measured[name][-1].items())
                print(f"round {number + 1}, {name}: {told}", flush=True)
    print(f"\n{documents:,} documents, median of {rounds} rounds")
    for name, results in measured.items():
        ratio = median(mine["rate"] / other["rate"] for mine, other in zip(results, measured["bare"], strict=True))
        rate, cpu = (median(each[key] for each in results) for key in ("rate", "cpu"))
        largest = max(each["megabytes"] for each in results)
        print(f"{name:9} {rate:10,.0f}/s  {ratio:.2f} of bare  {cpu:5.1f} µs CPU  {largest:4.0f} MB")


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schema", description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000, help="documents of the collection (200000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median is told (3)")
    parser.add_argument("--without-server", action="store_true", help="leave out the server's own verdict")
    parser.add_argument("--once", nargs=2, metavar=("NAME", "URI"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(asyncio.run(_once(*arguments.once))))
        return
    names = [name for name in CONTENDERS if name != "server" or not arguments.without_server]
    asyncio.run(run(arguments.documents, arguments.rounds, names))


if __name__ == "__main__":
    main()
