"""``python -m benchmarks.seeding``: documents a second of a load, beside a bare ``insert_many`` of the same documents.

The bare one has the easier task: its documents are made already, valid or not, and nobody asks which are there. Both
write into collections with the same indexes, on one server, in turns.
"""

import argparse
import asyncio
import time
from statistics import median
from typing import Any

from pymongo import WriteConcern

from docstore import Store
from docstore.documents import declared_indexes
from docstore.embedded import EmbeddedServers
from docstore.operations import seed
from docstore.operations.seeding import LOADS
from docstore.settings import Settings


async def _with_indexes(store: Store) -> None:
    for load in LOADS:
        wanted = [each.to_index_model(load.model) for each in declared_indexes(load.model)]
        await store.database[load.model.get_collection_name()].create_indexes(wanted)


async def _read(store: Store) -> dict[str, list[dict[str, Any]]]:
    names = [load.model.get_collection_name() for load in LOADS]
    return {name: await store.database[name].find().to_list() for name in names}


async def _loaded(settings: Settings, scale: int) -> tuple[float, dict[str, list[dict[str, Any]]]]:
    async with Store(settings) as store:
        await _with_indexes(store)
        await seed(store)
        start = time.perf_counter()
        await seed(store, scale=scale)
        spent = time.perf_counter() - start
        rows = await _read(store)
        await store.client.drop_database(store.database.name)
    return spent, rows


async def _bare(settings: Settings, rows: dict[str, list[dict[str, Any]]], batch: int) -> float:
    async with Store(settings) as store:
        await _with_indexes(store)
        start = time.perf_counter()
        for name, documents in rows.items():
            collection = store.database[name].with_options(write_concern=WriteConcern(1))
            for first in range(0, len(documents), batch):
                await collection.insert_many(documents[first : first + batch], ordered=False)
        spent = time.perf_counter() - start
        await store.client.drop_database(store.database.name)
    return spent


async def run(scale: int, rounds: int) -> None:
    """Measure and tell."""
    async with EmbeddedServers(services=("mongodb",), durable=False) as servers:
        settings = Settings(db_method="LOCAL", database_name="seeding", **servers.settings_overrides())
        ours, bare, count = [], [], 0
        for _ in range(rounds):
            spent, rows = await _loaded(settings, scale)
            count = sum(map(len, rows.values()))
            ours.append(count / spent)
            bare.append(count / await _bare(settings, rows, 500))
        ratio = median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
        print(f"{count:,} documents, median of {rounds}")
        print(f"docstore seed --scale {scale}  {median(ours):8,.0f} documents a second  {ratio:.2f} x bare")
        print(f"insert_many, made already {median(bare):8,.0f} documents a second")


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeding", description=__doc__)
    parser.add_argument("--scale", type=int, default=1, help="thousands of posts (1)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median is told (3)")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.scale, arguments.rounds))


if __name__ == "__main__":
    main()
