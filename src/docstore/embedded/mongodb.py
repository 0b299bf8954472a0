"""Process: a MongoDB-protocol server (SecantusDB), answering as a one-node replica set."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from docstore.embedded.lifeline import Lifeline, make_parser

if TYPE_CHECKING:
    from secantus import SecantusDBServer


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
    options = parser.parse_args()
    lifeline = Lifeline(watch_stdin=options.exit_on_stdin_eof)

    from secantus import SecantusDBServer

    server = SecantusDBServer(
        host=options.host, port=options.port, storage_path=options.data, sync_on_commit=options.durable
    )
    server.start()
    lifeline.ready(server.address[1])
    lifeline.wait()
    _stop(server)


if __name__ == "__main__":
    main()
