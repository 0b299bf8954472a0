"""Process: a MongoDB-protocol server (SecantusDB), answering as a one-node replica set."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from docstore.embedded.lifeline import Lifeline, make_parser

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from secantus import SecantusDBServer
    from secantus.transactions import Transaction


_REAP_EVERY_S: Final = 5.0
_PANIC: Final = "WT_PANIC"


class _EndOnPanic(logging.Handler):
    """Ends the process when the storage has failed for good: a server that refuses everything looks like a riddle.

    The supervisor tells of the death, and of the last lines of the log, which have the reason.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _PANIC in str(error):
            sys.stderr.write(f"{error}: the storage has failed, so the server ends.\n")
            sys.stderr.flush()
            os._exit(1)


def release_pages_between_statements() -> None:
    """Let open transactions of this process hold no page of the storage while their clients think.

    The server leaves a transaction's cursors where its last statement put them, and a page under a cursor cannot be
    split. Once the page of the indexes is due to be (4 MB), every reader and writer tries first, in vain, and sleeps
    (`__wt_page_in_func`): as long as some transaction is always open, the server does a fifth of its work.
    """
    from secantus import commands

    run: Callable[..., dict[str, Any]] | None = getattr(commands, "_run_txn_statement", None)
    if run is None:  # another release: it may have no such fault
        return

    def run_and_release(transaction: Transaction, *arguments: object) -> dict[str, Any]:
        with transaction.mutex:
            try:
                return run(transaction, *arguments)
            finally:
                handle = transaction.handle
                for cursor in [] if handle is None or handle.closed else handle.cursors.values():
                    with contextlib.suppress(Exception):  # the statement's own error is what the client is to see
                        cursor.reset()

    commands._run_txn_statement = run_and_release


class _Reaper:
    """Ends transactions of clients that went away, once they are older than the server's limit.

    The server looks for them only when another transaction speaks. Until then, whoever drops a database in which an
    abandoned transaction wrote would hold the storage and wait for ever.
    """

    def __init__(self, server: SecantusDBServer) -> None:
        self._server = server
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="docstore-reaper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while not self._stopping.wait(_REAP_EVERY_S):
            self._server.transactions.prune_expired()


def _stop(server: SecantusDBServer) -> None:
    # Closing a listening socket does not wake the thread that sits in accept(): its stop() would wait two
    # seconds for it. A connection wakes it.
    address = server.address
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    while stopping.is_alive():
        with contextlib.suppress(OSError):
            socket.create_connection(address, timeout=0.1).close()
        stopping.join(0.05)


def main() -> None:
    """Serve until the supervisor says otherwise or goes away; then write a last checkpoint."""
    parser = make_parser("mongodb")
    parser.add_argument("--data", required=True, help="directory of the data files")
    parser.add_argument("--durable", action="store_true", help="a commit is on disk before it is acknowledged")
    parser.add_argument(
        "--transaction-lifetime",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="a transaction that says nothing for so long is rolled back (default: 60, as on MongoDB)",
    )
    options = parser.parse_args()
    lifeline = Lifeline(watch_stdin=options.exit_on_stdin_eof)

    from secantus import SecantusDBServer

    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("secantus").addHandler(_EndOnPanic(logging.ERROR))
    release_pages_between_statements()
    server = SecantusDBServer(
        host=options.host,
        port=options.port,
        storage_path=options.data,
        sync_on_commit=options.durable,
        transaction_lifetime_seconds=options.transaction_lifetime,
    )
    server.start()
    with _Reaper(server):
        lifeline.ready(server.address[1])
        lifeline.wait()
    _stop(server)


if __name__ == "__main__":
    main()
