"""Process: the guardian of a `redis-server`, which by itself would outlive the supervisor.

The guardian starts it, stops it in an orderly way (it then writes its append-only file to the end), and exits
when it dies.
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from docstore.embedded.lifeline import Lifeline, fail, make_parser

_PR_SET_PDEATHSIG = 1
_PORT_ATTEMPTS = 5
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_guardian() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _spawn(binary: str, host: str, port: int, data: str, *, durable: bool) -> subprocess.Popen[bytes]:
    command = [binary, "--bind", host, "--port", str(port), "--dir", data, "--save", "", "--daemonize", "no"]
    command += ["--appendonly", "yes" if durable else "no"]
    # The guardian has one thread here, so running Python between fork and exec is safe.
    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=2,
        preexec_fn=_die_with_guardian,
    )


def _process_id_at(host: str, port: int) -> int | None:
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(b"INFO server\r\n")
            answer = connection.recv(65536)
    except OSError:
        return None
    for line in answer.split(b"\r\n"):
        if line.startswith(b"process_id:"):
            return int(line.removeprefix(b"process_id:"))
    return None


def _serves(server: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """Wait until this very process answers: another Redis may hold the port that was free a moment ago."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        if _process_id_at(host, port) == server.pid:
            return True
        time.sleep(0.02)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _end_with(server: subprocess.Popen[bytes], lifeline: Lifeline) -> None:
    server.wait()
    lifeline.end()


def main() -> None:
    """Serve until the supervisor says otherwise or goes away, or the server dies (exit code 1)."""
    parser = make_parser("redis")
    parser.add_argument("--data", required=True, help="directory of the append-only file")
    parser.add_argument("--durable", action="store_true", help="keep an append-only file")
    options = parser.parse_args()
    lifeline = Lifeline(watch_stdin=options.exit_on_stdin_eof)
    binary = shutil.which("redis-server")
    if binary is None:
        fail("redis-server is not on PATH.")

    for _ in range(1 if options.port else _PORT_ATTEMPTS):
        port = options.port or _free_port(options.host)
        server = _spawn(binary, options.host, port, options.data, durable=options.durable)
        if _serves(server, options.host, port):
            break
        _stop(server)
    else:
        fail("redis-server did not start: its own words are above.")
    threading.Thread(target=_end_with, args=(server, lifeline), daemon=True).start()
    lifeline.ready(port)
    lifeline.wait()
    if (code := server.poll()) is not None:
        fail(f"redis-server exited with code {code}.")
    _stop(server)


if __name__ == "__main__":
    main()
