"""How long it takes from a change's commit until a search finds it."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from benchmarks.search_posts import fill
from docstore.clients import SearchIndex
from docstore.documents.filters import In
from docstore.models import Post
from docstore.search import POSTS, ReindexOptions, reindex
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import OutboxChanges

_TOGETHER = 10
_POSTS = 500


async def lag(store: Store, index: SearchIndex, seconds: float, rate: int, *, bare: bool) -> list[float]:
    """Seconds from a change's commit until a search engine's reader sees it; of one in ten of so many a second.

    Ten documents are changed at once: each is a change, an event and a record of its own. `bare`: by a program that
    writes past docstore, which spares the database the transactions, and the measurement their time.
    """
    ids = [each.id for each in await Post.find(Post.title != "").limit(_POSTS).to_list()]
    posts = store.database["Post"]
    waiting: dict[str, tuple[int, float]] = {}
    lags: list[float] = []
    done, at_once = False, asyncio.Semaphore(8)

    async def look() -> None:
        while not done or waiting:
            for key, record in (await index.get_objects("posts", list(waiting), attributes=["title"])).items():
                number, since = waiting[key]
                if int(str(record["title"]).split()[1]) >= number:  # a later one will do
                    lags.append(time.perf_counter() - since)
                    del waiting[key]
            await asyncio.sleep(0.02)

    async def change(number: int) -> None:
        chosen = [ids[(number * _TOGETHER + each) % len(ids)] for each in range(_TOGETHER)]
        async with at_once:
            if bare:
                await posts.update_many({"_id": {"$in": chosen}}, {"$set": {"title": f"Change {number}"}})
            else:
                await Post.find(In(Post.id, chosen)).update({"$set": {Post.title: f"Change {number}"}})
            waiting[str(chosen[number % _TOGETHER])] = number, time.perf_counter()

    looking, began = asyncio.create_task(look()), time.perf_counter()
    at_work: set[asyncio.Task[None]] = set()
    for number in range(round(seconds * rate / _TOGETHER)):
        await asyncio.sleep(max(0.0, began + number * _TOGETHER / rate - time.perf_counter()))
        task = asyncio.create_task(change(number))
        at_work.add(task)
        task.add_done_callback(at_work.discard)
    await asyncio.gather(*at_work)
    taken = time.perf_counter() - began
    done = True
    async with asyncio.timeout(60):
        await looking
    print(f"  {round(seconds * rate) / taken:.0f} changes/s were committed", flush=True)
    return lags


@asynccontextmanager
async def following(settings: Settings, *command: str) -> AsyncIterator[None]:
    """`docstore` with a command, as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "docstore", *command, env={**os.environ, **environment_of(settings)}
    )
    try:
        await asyncio.sleep(6)  # until it follows
        yield
    finally:
        process.terminate()
        await process.wait()


def environment_of(settings: Settings) -> Mapping[str, str]:
    """What leads another process to the same servers."""
    return {
        "DB_METHOD": "LOCAL",
        "DATABASE_NAME": settings.database_name,
        "DATABASE_URL_LOCAL": settings.mongo_uri.get_secret_value(),
        "KAFKA_SERVICE_URI": ",".join(settings.kafka_bootstrap),
        "ALGOLIA_HOSTS": ",".join(settings.algolia_host_urls),
        "ALGOLIA_APP_ID": settings.algolia_app_id or "",
        "ALGOLIA_WRITE_API_KEY": "local-write-key",
        "ALGOLIA_SEARCH_API_KEY": "local-search-key",
        "ALGOLIA_INDEX_PREFIX": settings.algolia_index_prefix,
        "AUDIT": "false",
    }


WAYS = ((("search", "watch"), True), (("search", "watch"), False), (("worker", "relay", "search"), False))
"""What follows the changes, and whether they are made past docstore."""


async def live(
    settings: Settings, store: Store, command: tuple[str, ...], seconds: float, rate: int, *, bare: bool
) -> None:
    """One way of following changes."""
    index = await store.search_index()
    await fill(store, _POSTS)
    await reindex(index, POSTS, OutboxChanges(), store.database, options=ReindexOptions(force=True))
    async with following(settings, *command):
        lags = sorted(await lag(store, index, seconds, rate, bare=bare))
    told = ", ".join(f"p{p} {lags[min(len(lags) - 1, len(lags) * p // 100)]:.2f} s" for p in (50, 95, 99))
    how = "bare writes" if bare else "docstore's writes"
    print(f"docstore {' '.join(command)}, {how}: {told}, most {lags[-1]:.2f} s of {len(lags)} changes", flush=True)
