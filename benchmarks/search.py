"""``python -m benchmarks.search``: a reindex beside a bare loop, its memory, and how long live sync lags behind.

The loop is what one would write: read, look up authors and tags, `save_objects` of Algolia's own client, same batches,
same server. Memory is measured against a server that counts records and keeps none, so that a million fit.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from benchmarks.scaling import resident_megabytes
from benchmarks.search_live import WAYS, live
from benchmarks.search_posts import fill
from docstore.clients import get_write_client
from docstore.embedded import EmbeddedServers
from docstore.search import POSTS, Progress, ReindexOptions, push_settings, reindex
from docstore.search.reading import VALUES_AT_ONCE
from docstore.search.records import BATCH, instant
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import OutboxChanges


async def bare_loop(store: Store, name: str) -> int:
    """What one would write: no checks, no marks, no temporary index, no replay; `name` is filled as it stands."""
    client = get_write_client(store.settings)
    database, task, saved = store.database, 0, 0
    batch: list[dict[str, Any]] = []

    async def among(collection: str, field: str, values: list[Any]) -> list[Any]:
        # By the hundred, as docstore: five hundred at once take the embedded engine three times as long.
        parts = (values[start : start + VALUES_AT_ONCE] for start in range(0, len(values), VALUES_AT_ONCE))
        return [row for part in parts for row in await database[collection].find({field: {"$in": part}}).to_list()]

    async def save() -> None:
        nonlocal task, saved
        authors = {each["_id"]: each for each in await among("Author", "_id", _ids(batch, "authorId"))}
        links = await among("TagOnPost", "postId", [each["_id"] for each in batch])
        tags = {each["_id"]: each for each in await among("Tag", "_id", _ids(links, "tagId"))}
        slugs: dict[Any, list[str]] = {}
        for link in links:
            slugs.setdefault(link["postId"], []).append(tags[link["tagId"]]["slug"])
        records = [
            {
                "objectID": str(each["_id"]),
                "title": each["title"],
                "excerpt": each["excerpt"],
                "tags": sorted(slugs.get(each["_id"], ())),
                "authorName": authors[each["authorId"]]["name"],
                "postUrl": each["postUrl"],
                "publishDate": instant(each["publishDate"]),
                "contentType": each["contentType"],
                "featured": each.get("featured", False),
            }
            for each in batch
        ]
        answers = await client.save_objects(name, records, batch_size=BATCH)
        task, saved = answers[-1].task_id, saved + len(records)
        batch.clear()

    async for row in database["Post"].find({"status": "PUBLISHED", "deletedAt": None}).batch_size(BATCH):
        batch.append(row)
        if len(batch) == BATCH:
            await save()
    if batch:
        await save()
    await client.wait_for_task(name, task)
    return saved


def _ids(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return list({each[name] for each in rows})


async def reindex_rows(store: Store, posts: int, rounds: int) -> None:
    """Records a second of both, taking turns, and what this process's processor did for each record."""
    index, database = await store.search_index(), store.database
    await fill(store, posts)
    await push_settings(index, ["posts"])
    name = f"{store.settings.index_prefix}bare"
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for title in ("bare loop", "reindex")[:: 1 if number % 2 else -1]:
            began, spent = time.perf_counter(), time.process_time()
            if title == "reindex":
                report = await reindex(index, POSTS, OutboxChanges(), database)
                assert report.records == posts, report
            else:
                assert await bare_loop(store, name) == posts
            taken, cpu = time.perf_counter() - began, time.process_time() - spent
            if title == "bare loop":
                await get_write_client(store.settings).delete_index(name)
            if number:  # the first round warms up
                rates.setdefault(title, []).append(posts / taken)
                costs.setdefault(title, []).append(cpu / posts * 1e6)
    share = statistics.median(a / b for a, b in zip(rates["reindex"], rates["bare loop"], strict=True))
    for title in rates:
        rate, cost = statistics.median(rates[title]), statistics.median(costs[title])
        print(f"{title:<10} {rate:8,.0f} records/s {cost:6.0f} µs of this process for each")
    print(f"a reindex of {posts:,} records makes {share:.0%} of the bare loop's rate (median of {rounds} rounds)")


async def memory(store: Store, posts: int) -> None:
    """How much this process holds while so many records go by."""
    index = await store.search_index()
    held: dict[int, float] = {}
    began = time.perf_counter()
    await fill(store, posts, tags_each=0, indexes=False)  # a reindex reads by id
    print(f"{posts:,} posts are there after {time.perf_counter() - began:,.0f} s")

    def note(at: Progress) -> None:
        if at.stage == "building":
            held.setdefault(at.done * 20 // posts, resident_megabytes())

    began = time.perf_counter()
    options = ReindexOptions(lease_s=600)
    report = await reindex(index, POSTS, OutboxChanges(), store.database, options=options, on_progress=note)
    taken = time.perf_counter() - began
    assert report.records == posts, report
    print(f"{posts:,} records in {taken:,.0f} s ({posts / taken:,.0f}/s) against a server that counts them")
    print("resident, in MB, at each twentieth: " + " ".join(f"{each:.0f}" for each in held.values()))


@asynccontextmanager
async def sink() -> AsyncIterator[str]:
    """The address of a server that counts records."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.search_sink", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


def _settings(servers: EmbeddedServers, **more: str) -> Settings:
    name = f"bench{uuid4().hex[:6]}"
    return Settings(db_method="LOCAL", database_name=name, audit=False, **{**servers.settings_overrides(), **more})


async def run(options: argparse.Namespace) -> None:
    """What was asked for, on servers of its own."""
    if options.live:
        for command, bare in WAYS:
            async with EmbeddedServers(services=("mongodb", "algolia", "kafka"), durable=False) as servers:
                settings = _settings(servers)
                async with Store(settings) as store:
                    await live(settings, store, command, options.live, options.rate, bare=bare)
    async with EmbeddedServers(services=("mongodb", "algolia"), durable=False) as servers, sink() as counting:
        if options.rounds:
            async with Store(_settings(servers)) as store:
                await reindex_rows(store, options.documents, options.rounds)
        if options.memory:
            # The embedded database collects a million documents before it answers with the first of them.
            patient = {"algolia_hosts": counting, "mongo_socket_timeout_ms": "600000"}
            async with Store(_settings(servers, **patient)) as store:
                await memory(store, options.memory)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000, help="posts of a reindex")
    parser.add_argument("--rounds", type=int, default=3, help="0 leaves the comparison out")
    parser.add_argument("--live", type=float, default=20, metavar="SECONDS", help="0 leaves live sync out")
    parser.add_argument("--rate", type=int, default=200, help="changes a second of live sync")
    parser.add_argument("--memory", type=int, default=0, metavar="POSTS", help="such as 1000000; takes minutes")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
