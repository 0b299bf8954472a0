"""The search server as a process of its own; see `docstore.embedded.lifeline` for what it owes its parent."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from docstore.embedded.algolia.call import Limits
from docstore.embedded.algolia.server import LocalAlgolia
from docstore.embedded.lifeline import Lifeline, fail, make_parser
from docstore.errors import EmbeddedServerError


def main() -> None:
    """Serve until SIGTERM, Ctrl-C or, with ``--exit-on-stdin-eof``, the end of stdin."""
    options = _options()
    lifeline = Lifeline(watch_stdin=options.exit_on_stdin_eof)
    if not options.exit_on_stdin_eof:
        # Started by hand there is no supervisor to end it.
        signal.signal(signal.SIGINT, lambda *_: lifeline.end())
    try:
        asyncio.run(_serve(options, lifeline))
    except EmbeddedServerError as error:
        fail(str(error))


async def _serve(options: argparse.Namespace, lifeline: Lifeline) -> None:
    server = LocalAlgolia(
        host=options.host,
        port=options.port,
        state=options.state,
        limits=Limits(record_bytes=options.max_record_bytes),
        task_delay=options.task_delay,
        allow_faults=options.allow_faults,
    )
    async with server:
        lifeline.ready(server.port)
        await asyncio.to_thread(lifeline.wait)


def _options() -> argparse.Namespace:
    parser = make_parser("algolia")
    parser.add_argument("--state", type=Path, default=None, help="file to keep the indexes in")
    parser.add_argument("--allow-faults", action="store_true", help="serve /_faults, for tests")
    parser.add_argument("--max-record-bytes", type=int, default=100_000, help="largest record taken")
    parser.add_argument("--task-delay", type=float, default=0.0, help="seconds until a task is published")
    options: argparse.Namespace = parser.parse_args()
    return options


if __name__ == "__main__":
    main()
