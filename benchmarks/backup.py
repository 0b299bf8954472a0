"""``python -m benchmarks.backup``: backup and restore beside the bare PyMongo loops that do the same, in one run.

The loops are what one would write by hand: raw batches into a gzip file, and a file's documents into `insert_many`.
They hash nothing, verify nothing and keep no journal. Each side runs in a process of its own, against the same embedded
server, in turn; told are documents a second, their ratio, and the most memory that a side took.
"""

import argparse
import asyncio
import gzip
import importlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from docstore.embedded import EmbeddedServers

_BATCH = 1_000
_SIDES = ("bare backup", "docstore backup", "bare restore", "docstore restore")


def fill(url: str, documents: int) -> None:
    """The source: small documents, as of a counter or a vote."""
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](url) as client:
        client.drop_database("benchmark")
        for start in range(0, documents, 5_000):
            client["benchmark"]["Small"].insert_many(
                [
                    {"_id": number, "title": f"document {number}", "views": number % 977, "tags": ["a", "b"]}
                    for number in range(start, min(start + 5_000, documents))
                ]
            )


def bare_backup(url: str, folder: Path) -> None:
    """Raw batches into a gzip file."""
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](url) as client, gzip.open(folder / "bare.bson.gz", "wb", compresslevel=6) as file:
        for batch in client["benchmark"]["Small"].find_raw_batches({}):
            file.write(batch)


def bare_restore(url: str, folder: Path) -> None:
    """A gzip file's documents into `insert_many`, undecoded."""
    from bson import decode_file_iter
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](url) as client, gzip.open(folder / "bare.bson.gz", "rb") as file:
        collection = client["bare"].get_collection("Small", codec_options=CodecOptions(document_class=RawBSONDocument))
        batch = []
        for document in decode_file_iter(file, CodecOptions(document_class=RawBSONDocument)):
            batch.append(document)
            if len(batch) == _BATCH:
                collection.insert_many(batch)
                batch = []
        if batch:
            collection.insert_many(batch)


async def docstore_backup(url: str, folder: Path) -> None:
    """What `docstore backup create` does."""
    from pymongo import AsyncMongoClient

    from docstore.operations.backup import create_backup, open_place

    async with AsyncMongoClient[dict[str, Any]](url, tz_aware=True) as client:
        await create_backup(client["benchmark"], open_place(str(folder / "backups")))


async def docstore_restore(url: str, folder: Path) -> None:
    """What `docstore backup restore` does, the verification before it included."""
    from pymongo import AsyncMongoClient

    from docstore.operations.backup import open_backup, open_place, restore_backup

    async with AsyncMongoClient[dict[str, Any]](url, tz_aware=True) as client:
        await restore_backup(open_backup(open_place(str(folder / "backups")), "latest"), client["restored"])


def one_side(side: str, url: str, folder: Path) -> None:
    """Run one side, and print its seconds and its memory; what it imports is not counted."""
    for module in ("pymongo", "bson.raw_bson") if side.startswith("bare") else ("docstore.operations.backup",):
        importlib.import_module(module)
    start = time.perf_counter()
    if side.startswith("bare"):
        (bare_backup if side == "bare backup" else bare_restore)(url, folder)
    else:
        asyncio.run((docstore_backup if side == "docstore backup" else docstore_restore)(url, folder))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def in_process(side: str, url: str, folder: Path) -> dict[str, float]:
    """Run one side in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.backup", "--side", side, "--url", url, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def drop(url: str, *names: str) -> None:
    """Drop databases between the rounds."""
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](url) as client:
        for name in names:
            client.drop_database(name)


async def compare(documents: int, rounds: int) -> None:
    """All sides in turn, and the table."""
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        async with EmbeddedServers(services=("mongodb",), durable=False) as servers:
            url = servers.urls["mongodb"]
            await asyncio.to_thread(fill, url, documents)
            for _ in range(rounds):
                shutil.rmtree(folder / "backups", ignore_errors=True)
                await asyncio.to_thread(drop, url, "bare", "restored")
                for side in _SIDES:
                    seen = await asyncio.to_thread(in_process, side, url, folder)
                    if side not in best or seen["seconds"] < best[side]["seconds"]:
                        best[side] = seen | {"rss_mib": max(seen["rss_mib"], best.get(side, seen)["rss_mib"])}
    print(f"{documents:,} documents, the best of {rounds} rounds")
    for work in ("backup", "restore"):
        bare, ours = best[f"bare {work}"], best[f"docstore {work}"]
        print(
            f"{work:8} bare {documents / bare['seconds']:9,.0f}/s {bare['rss_mib']:5.0f} MiB   "
            f"docstore {documents / ours['seconds']:9,.0f}/s {ours['rss_mib']:5.0f} MiB   "
            f"{bare['seconds'] / ours['seconds']:.0%} of the bare loop"
        )


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backup", description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000, help="documents (200000)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of which the best is told (2)")
    parser.add_argument("--side", choices=_SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        one_side(arguments.side, arguments.url, arguments.folder)
    else:
        asyncio.run(compare(arguments.documents, arguments.rounds))


if __name__ == "__main__":
    main()
