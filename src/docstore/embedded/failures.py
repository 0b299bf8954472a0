"""What is said when a server cannot start or dies: which one, why, where its log is, and the way out."""

from __future__ import annotations

import signal
import socket

from docstore.embedded.process import ServerProcess
from docstore.errors import EmbeddedServerError


def expect_free(service: str, host: str, port: int) -> None:
    """Raise EmbeddedServerError when something listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise EmbeddedServerError(
                f"Port {port} for the embedded {service} server is reserved for the administrator:",
                hint="choose one above 1023, or 0 for any free one.",
            ) from error
        except OSError as error:
            raise busy_port(service, port) from error


def busy_port(service: str, port: int) -> EmbeddedServerError:
    """Another program listens on the port that `service` was given."""
    return EmbeddedServerError(
        f"Port {port} is busy, so the embedded {service} server cannot listen there:",
        hint="stop the program that does, choose another port, or 0 for any free one.",
    )


def too_slow(process: ServerProcess, limit_s: float) -> EmbeddedServerError:
    """The server runs, but did not serve in time."""
    return EmbeddedServerError(
        f"The embedded {process.name} server did not serve within {limit_s:g} s.{_last_words(process)}",
        hint=f"Its log is {process.log}.",
    )


def died(process: ServerProcess, port: int = 0) -> EmbeddedServerError:
    """The server's process has ended unasked; `port` is the one it was given, if any."""
    if port and "address already in use" in process.tail().lower():
        return busy_port(process.name, port)
    return EmbeddedServerError(
        f"The embedded {process.name} server ended {_how(process.exit_code)}.{_last_words(process)}",
        hint=f"Its log is {process.log}.",
    )


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"by signal {signal.Signals(-exit_code).name}"
    return f"with exit code {exit_code}"


def _last_words(process: ServerProcess) -> str:
    tail = process.tail()
    return f" Its last words:\n{tail}\n" if tail else ""
