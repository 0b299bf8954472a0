"""``python -m benchmarks``: measure, print the table, write the results, the chart and the page."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from benchmarks import rows, scaling
from benchmarks.contenders import contenders
from benchmarks.measuring import Measured
from benchmarks.telling import as_json, beside_told, chart, into_page, machine, table
from docstore.embedded import EmbeddedServers

_HERE = Path(__file__).parent
_RESULTS = _HERE / "results.json"
_DOCS = _HERE.parent / "docs"


async def stream(documents: int) -> dict[str, Any]:
    """How memory grows over so many documents, on an embedded server of its own."""
    (ours,) = [each for each in contenders()[0] if each.name == "docstore"]
    async with EmbeddedServers(services=("mongodb",), durable=False) as servers:
        await ours.open(servers.urls["mongodb"], "benchmarks")
        try:
            return {**await scaling.stream(ours, documents), "date": machine()["date"]}
        finally:
            await ours.close()


async def run(documents: int, rounds: int) -> tuple[list[Measured], dict[str, str], dict[str, Any]]:
    """Everything, on an embedded server of its own.

    Returns:
        The rows, why contenders are missing, and what was measured beside the rows.
    """
    found, missing = contenders()
    for name, why in missing.items():
        print(f"{name} is left out: {why}")
    async with EmbeddedServers(services=("mongodb",), durable=False) as servers:
        for each in found:
            await each.open(servers.urls["mongodb"], "benchmarks")
        try:
            measured = await rows.writes(found, documents, rounds)
            measured = [
                *await rows.reads(found, documents, rounds),
                *measured,
                *await rows.by_id(found, rounds),
            ]
        finally:
            for each in found:
                await each.close()
        beside = {"include": await scaling.include(servers.urls["mongodb"], rounds)}
    return measured, missing, beside


def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    return kept


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--documents", type=int, default=5000, help="documents of a collection (5000)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of which the median is told (9)")
    parser.add_argument(
        "--stream",
        type=int,
        default=0,
        metavar="N",
        help="only stream N documents; the next run tells it too",
    )
    parser.add_argument(
        "--pages",
        metavar="URI",
        help="only ask the planner of this MongoDB server about keyset pages; makes a database",
    )
    parser.add_argument("--no-write", action="store_true", help="print only")
    arguments = parser.parse_args()
    if arguments.pages:
        for told in asyncio.run(scaling.pages(arguments.pages)):
            print(told)
        return
    if arguments.stream:
        streamed = asyncio.run(stream(arguments.stream))
        print(*beside_told({"stream": streamed}))
        if not arguments.no_write:
            _RESULTS.write_text(json.dumps({**_kept(), "stream": streamed}, indent=2) + "\n")
        return
    measured, missing, beside = asyncio.run(run(arguments.documents, arguments.rounds))
    beside |= {name: value for name, value in _kept().items() if name == "stream" and value}
    print(table(measured))
    for line in beside_told(beside):
        print(line)
    if not arguments.no_write:
        about = machine()
        _RESULTS.write_text(as_json(measured, about, missing, beside))
        (_DOCS / "benchmarks.svg").write_text(chart(measured))
        into_page(_DOCS / "benchmarks.md", measured, about, beside)


if __name__ == "__main__":
    main()
