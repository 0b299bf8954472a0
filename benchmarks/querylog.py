"""``python -m benchmarks.querylog``: what the query log costs the client, by the processor time of a query.

Rounds of the same queries, with the log off, off again and on, take turns within one run on one server. What the log's
own task does (shaping, explaining, writing what was told) happens in the same process and is in the number: a round
ends when the log has nothing left to write. The second "off" shows how much of a ratio is chance.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from docstore import Store
from docstore.documents.filters import In
from docstore.embedded import EmbeddedServers
from docstore.models import Author, Post
from docstore.settings import Settings

DOCUMENTS = 1_000
CONTENDERS = {"off": False, "off again": False, "on": True}

Work = Callable[[int], Awaitable[None]]


async def by_id(queries: int) -> None:
    """One document by its id, again and again."""
    for number in range(queries):
        await Post.find_one({"_id": _ids[number % DOCUMENTS]})


async def twenty(queries: int) -> None:
    """Twenty documents."""
    for number in range(queries):
        first = number % (DOCUMENTS - 20)
        await Post.find(In(Post.id, _ids[first : first + 20])).to_list()


_ids: list[Any] = []


async def fill() -> None:
    """A thousand posts, in the Store that is open."""
    author = await Author(clerk_id="c", name="Ada", email="ada@example.com").insert()
    posts = [
        Post(title=f"Post {n}", content="x" * 500, post_url=f"post-{n}", author_id=author.id) for n in range(DOCUMENTS)
    ]
    await Post.insert_many(posts)
    _ids.extend(post.id for post in posts)


async def measure(settings: dict[bool, Settings], work: Work, queries: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds of processor time per query, by contender, one for each round."""
    spent: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    names = list(CONTENDERS)
    for number in range(rounds + 1):
        names = names[1:] + names[:1]
        for name in names:
            async with Store(settings[CONTENDERS[name]]) as store:
                await work(200)
                if store.query_log is not None:
                    await store.query_log.written()  # what every shape costs once in ten minutes
                start = time.process_time()
                await work(queries)
                if store.query_log is not None:
                    await store.query_log.written()
                if number:  # the first round warms up
                    spent[name].append((time.process_time() - start) / queries * 1e6)
    return spent


async def run(queries: int, rounds: int) -> None:
    """Measure and tell."""
    async with EmbeddedServers(services=("mongodb",), durable=False) as servers:
        plain = Settings(db_method="LOCAL", database_name="querylog", audit=False, **servers.settings_overrides())
        # On a busy machine many a query is slow, which is not what is measured.
        settings = {False: plain, True: plain.with_urls(query_log=True, query_log_slow_ms=5_000)}
        async with Store(plain):
            await fill()
        for title, work in (("one by id", by_id), ("find of 20", twenty)):
            spent = await measure(settings, work, queries, rounds)
            for name, times in spent.items():
                ratio = median(mine / off for mine, off in zip(times, spent["off"], strict=True))
                print(f"{title:<12} {name:<10} {median(times):7.1f} µs a query   {ratio:6.3f} x off", flush=True)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.querylog", description=__doc__)
    parser.add_argument("--queries", type=int, default=1500, help="queries of a round (1500)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of which the median is told (15)")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.queries, arguments.rounds))


if __name__ == "__main__":
    main()
