"""``python -m benchmarks.cache``: a cache hit beside a bare redis-py ``get`` and ``json.loads``."""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis

from docstore.cache import Cache, CacheHelper
from docstore.clients import RedisKeyValue, close_redis
from docstore.embedded import EmbeddedServers
from docstore.settings import Settings

VALUE = {
    "id": "6740f1c2a5b3c4d5e6f70819",
    "title": "A post of the usual length",
    "tags": ["python", "mongodb", "cache"],
    "author": {"name": "Ada", "handle": "ada"},
    "counts": {"views": 1234, "likes": 56},
    "excerpt": "What a reader sees before the rest of it. " * 15,
}


async def run(rounds: int, calls: int, redis: str) -> dict[str, dict[str, float]]:
    """CPU microseconds of this process per call, median of the rounds, contenders taking turns."""
    async with EmbeddedServers(services=("redis",), redis=redis) as servers:
        settings = Settings(db_method="LOCAL", database_url_local="mongodb://unused", redis_url=servers.urls["redis"])
        bare = Redis.from_pool(BlockingConnectionPool.from_url(servers.urls["redis"], max_connections=50, timeout=5))
        helper = CacheHelper(Cache(RedisKeyValue(settings)), "bench")
        await helper.set("k", VALUE, 3600)
        await bare.set("bare", json.dumps(VALUE))

        async def bare_get() -> Any:
            return json.loads(await bare.get("bare"))

        async def get() -> Any:
            return await helper.get("k")

        async def make() -> Any:
            raise AssertionError("the value is there")

        async def get_or_set() -> Any:
            return await helper.get_or_set("k", make)

        assert await get() == await bare_get() == await get_or_set() == VALUE
        contenders = {"redis-py get + json": bare_get, "CacheHelper.get": get, "get_or_set": get_or_set}
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        walls: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, call in contenders.items():
                cpu, wall = await _time(call, calls)
                taken[name].append(cpu)
                walls[name].append(wall)
        await bare.aclose()
        await close_redis(settings)
    return {name: {"cpu": statistics.median(taken[name]), "wall": statistics.median(walls[name])} for name in taken}


async def _time(call: Callable[[], Awaitable[Any]], calls: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        await call()
    return (time.process_time() - cpu) / calls * 1e6, (time.perf_counter() - wall) / calls * 1e6


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--redis", default="auto", help="auto, server or fake")
    arguments = parser.parse_args()
    measured = asyncio.run(run(arguments.rounds, arguments.calls, arguments.redis))
    base = measured["redis-py get + json"]
    for name, each in measured.items():
        ratios = f"{each['cpu'] / base['cpu']:.2f} x CPU, {each['wall'] / base['wall']:.2f} x time"
        print(f"{name:<22} {each['cpu']:7.1f} µs CPU {each['wall']:7.1f} µs  {ratios}")


if __name__ == "__main__":
    main()
