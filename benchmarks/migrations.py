"""``python -m benchmarks.migrations``: a backfill beside the loop that one would write with PyMongo alone.

Both read the documents that lack a field and write it, a thousand at a time: the loop with the driver's own write
concern, docstore in transactions that a majority has on disk. docstore writes besides where it is and what the way back
needs, in the same transaction as each batch. Each contender runs in a process of its own, in turns on one embedded
server and on the same collection, each with a field of its own. Where a machine is busy with other things the rates
say little; the server's processor time for a document says how much more work the same change is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pymongo import AsyncMongoClient, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from docstore.embedded import EmbeddedServers
from docstore.schema.migrations import JOURNAL, MigrationRunner

Database = AsyncDatabase[dict[str, Any]]

_BATCH = 1000
_FILLED = 10_000


async def fill(uri: str, documents: int) -> None:
    """Put so many small documents there."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    for first in range(0, documents, _FILLED):
        numbers = range(first, min(first + _FILLED, documents))
        rows = [{"slug": f"tag-{number}", "number": number, "isDeleted": number % 9 == 0} for number in numbers]
        await client["benchmarks"]["Tag"].insert_many(rows, ordered=False)
    await client.close()


async def bare_value(database: Database, field: str) -> None:
    """The same value for all, in a loop."""
    await _loop(database, field, {}, lambda _: 7)


async def bare_function(database: Database, field: str) -> None:
    """A value made from each document, in a loop."""
    await _loop(database, field, {"slug": 1, "number": 1}, lambda row: f"{row['slug']}-{row['number']}")


async def docstore_value(database: Database, field: str) -> None:
    """The same value for all, in a migration."""
    await _migrate(database, f'await m.backfill("Tag", "{field}", 7)')


async def docstore_function(database: Database, field: str) -> None:
    """A value made from each document, in a migration."""
    made = "lambda row: f\"{row['slug']}-{row['number']}\""
    await _migrate(database, f'await m.backfill("Tag", "{field}", function={made})')


CONTENDERS: dict[str, Callable[[Database, str], Awaitable[None]]] = {
    "bare value": bare_value,
    "docstore value": docstore_value,
    "bare function": bare_function,
    "docstore function": docstore_function,
}


async def _loop(database: Database, field: str, fields: dict[str, int], make: Callable[[Any], Any]) -> None:
    updates: list[UpdateOne] = []
    async for row in database["Tag"].find({field: None}, {"_id": 1, **fields}):
        updates.append(UpdateOne({"_id": row["_id"]}, {"$set": {field: make(row)}}))
        if len(updates) >= _BATCH:
            await database["Tag"].bulk_write(updates, ordered=False)
            updates = []
    if updates:
        await database["Tag"].bulk_write(updates, ordered=False)


async def _migrate(database: Database, line: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        number = time.time_ns()
        text = f'description = "backfill"\n\nasync def up(m):\n    {line}\n\nasync def down(m):\n    pass\n'
        Path(directory, f"{number}_backfill.py").write_text(text)  # noqa: ASYNC240 - a line, before anything is measured
        runner = MigrationRunner(database, Path(directory))
        await runner.up()
        await database[JOURNAL].delete_many({})  # the next one comes from a directory of its own


async def _once(name: str, uri: str, field: str, documents: int) -> dict[str, float]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    spent, start = time.process_time(), time.perf_counter()
    await CONTENDERS[name](client["benchmarks"], field)
    seconds = time.perf_counter() - start
    cpu = time.process_time() - spent
    assert await client["benchmarks"]["Tag"].find_one({field: None}) is None
    await client.close()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rate": documents / seconds, "cpu": cpu / documents * 1e6, "megabytes": megabytes}


async def run(documents: int, rounds: int, changes: Sequence[str]) -> None:
    """Fill a server, and let the contenders take turns."""
    contenders = [name for name in CONTENDERS if name.split()[1] in changes]
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    async with EmbeddedServers(services=("mongodb",), durable=False) as servers:
        uri = servers.urls["mongodb"]
        await fill(uri, documents)
        for number in range(rounds):
            for name in contenders[:: 1 if number % 2 else -1]:
                field = f"{name.replace(' ', '_')}_{number}"
                command = [sys.executable, "-m", "benchmarks.migrations", "--once", name, uri, field, str(documents)]
                spent = _processor_seconds(servers.pids["mongodb"])
                ran = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
                spent = _processor_seconds(servers.pids["mongodb"]) - spent
                measured[name].append({**json.loads(ran.stdout), "server": spent / documents * 1e6})
                told = ", ".join(f"{key} {value:,.1f}" for key, value in measured[name][-1].items())
                print(f"round {number + 1}, {name}: {told}", flush=True)
    print(f"\n{documents:,} documents, median of {rounds} rounds")
    for name, results in measured.items():
        others = measured[f"bare {name.split()[1]}"]
        ratio = median(mine["rate"] / other["rate"] for mine, other in zip(results, others, strict=True))
        work = median(other["server"] / mine["server"] for mine, other in zip(results, others, strict=True))
        rate, cpu, server = (median(each[key] for each in results) for key in ("rate", "cpu", "server"))
        largest = max(each["megabytes"] for each in results)
        print(
            f"{name:18} {rate:10,.0f}/s  {ratio:.2f} of bare  {cpu:5.1f} µs CPU  {largest:4.0f} MB  "
            f"server {server:5.0f} µs, {work:.2f} of bare"
        )


def _processor_seconds(pid: int) -> float:
    """What a process has had of the processor so far, where the system tells."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.migrations", description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000, help="documents of the collection (200000)")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of which the median is told (1)")
    parser.add_argument("--change", choices=("value", "function"), help="only this one; both when left out")
    parser.add_argument("--once", nargs=4, metavar=("NAME", "URI", "FIELD", "DOCUMENTS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        name, uri, field, documents = arguments.once
        print(json.dumps(asyncio.run(_once(name, uri, field, int(documents)))))
        return
    changes = (arguments.change,) if arguments.change else ("value", "function")
    asyncio.run(run(arguments.documents, arguments.rounds, changes))


if __name__ == "__main__":
    main()
