"""How long it takes from a change's commit until a search finds it."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from benchmarks.search_posts import fill
from docstore.clients import SearchIndex
from docstore.models import Post
from docstore.search import POSTS, reindex
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import OutboxChanges


async def lag(store: Store, index: SearchIndex, seconds: float, rate: int) -> list[float]:
    """Seconds from a change's commit until a search engine's reader sees it; of every tenth of so many a second."""
    posts = await Post.find(Post.title != "").limit(2_000).to_list()
    waiting: dict[str, tuple[str, float]] = {}
    lags: list[float] = []
    done = False

    async def look() -> None:
        while not done or waiting:
            for key, record in (await index.get_objects("posts", list(waiting), attributes=["title"])).items():
                title, since = waiting[key]
                if record.get("title") == title:
                    lags.append(time.perf_counter() - since)
                    del waiting[key]
            await asyncio.sleep(0.02)

    async def change(number: int) -> None:
        post = posts[number % len(posts)]
        post.title = f"Change {number} {random.random()}"
        await post.save()
        if number % 10 == 0:
            waiting[str(post.id)] = post.title, time.perf_counter()

    looking, began, at_work = asyncio.create_task(look()), time.perf_counter(), set()
    for number in range(round(seconds * rate)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        task = asyncio.create_task(change(number))
        at_work.add(task)
        task.add_done_callback(at_work.discard)
    await asyncio.gather(*at_work)
    taken = time.perf_counter() - began
    done = True
    await asyncio.wait_for(looking, 60)
    print(f"  {round(seconds * rate) / taken:.0f} changes/s were committed")
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


async def live(settings: Settings, store: Store, seconds: float, rate: int) -> None:
    """Both ways of following changes."""
    index = await store.search_index()
    for command in (("search", "watch"), ("worker", "relay", "search")):
        await fill(store, 2_000)
        await reindex(index, POSTS, OutboxChanges(), store.database)
        async with following(settings, *command):
            lags = sorted(await lag(store, index, seconds, rate))
        told = ", ".join(f"p{p} {lags[min(len(lags) - 1, len(lags) * p // 100)]:.2f} s" for p in (50, 95, 99))
        print(f"docstore {' '.join(command)}: {told}, most {lags[-1]:.2f} s of {len(lags)} changes at {rate}/s")
