"""Process: a Redis-protocol server in Python (fakeredis), for machines without `redis-server`. In memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from docstore.embedded.lifeline import Lifeline, make_parser

if TYPE_CHECKING:
    from fakeredis import TcpFakeServer

_QUEUED_CONNECTIONS = 512
_POLL_INTERVAL_S = 0.05


def _go_on_after_errors(server: TcpFakeServer) -> None:
    """Answer an error and keep the connection, as Redis does.

    fakeredis hangs up after every error reply, so a client's next command fails: EVALSHA of a script not yet
    loaded, which clients answer by loading it, ends in a lost connection.
    """
    from redis.exceptions import ResponseError

    class Handler(server.RequestHandlerClass):  # type: ignore[misc, name-defined]  # known at run time only
        def setup(self) -> None:
            super().setup()
            read_response = self.current_client.read_response

            def reply() -> Any:
                try:
                    return read_response()
                except ResponseError as error:
                    return error

            self.current_client.read_response = reply

    server.RequestHandlerClass = Handler


def main() -> None:
    """Serve until the supervisor says otherwise or goes away."""
    parser = make_parser("fake_redis")
    options = parser.parse_args()
    lifeline = Lifeline(watch_stdin=options.exit_on_stdin_eof)

    from fakeredis import TcpFakeServer

    server = TcpFakeServer((options.host, options.port), server_version=(7, 2))
    _go_on_after_errors(server)
    # One thread serves one connection for as long as it is open: an idle client must not keep us alive.
    server.daemon_threads = True
    # socketserver's queue of five drops the connections of a pool that fills at once for a second or more.
    server.socket.listen(_QUEUED_CONNECTIONS)
    threading.Thread(target=server.serve_forever, args=(_POLL_INTERVAL_S,), daemon=True).start()
    lifeline.ready(server.server_address[1])
    lifeline.wait()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
