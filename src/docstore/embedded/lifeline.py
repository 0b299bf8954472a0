"""What a server process owes its supervisor: one line when it serves, and to end when it must.

The contract of every server module, run as `python -m docstore.embedded.<name>`:

- it takes `--host`, `--port` (0 lets the system choose) and `--exit-on-stdin-eof`;
- once it serves it prints exactly one line of JSON, `{"ready": true, "port": N}`; all else goes to stderr;
- it ends in an orderly way on SIGTERM and, with the flag, when stdin reaches its end: the supervisor holds
  the other end of that pipe, so however the supervisor dies, SIGKILL included, the kernel closes it.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import threading
from typing import NoReturn

_WEDGED_AFTER_S = 15.0


def make_parser(name: str) -> argparse.ArgumentParser:
    """Return a parser that knows the options every server module shares."""
    parser = argparse.ArgumentParser(prog=f"python -m docstore.embedded.{name}")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--exit-on-stdin-eof", action="store_true")
    return parser


class Lifeline:
    """Ties the current process to its supervisor. Make it in the main thread, before the server starts."""

    def __init__(self, *, watch_stdin: bool) -> None:
        self._watch_stdin = watch_stdin
        self._wakeup_read, self._wakeup_write = os.pipe()
        # A line some library prints must not be taken for ours: stdout becomes stderr, we keep the original.
        self._stdout = os.dup(1)
        os.dup2(2, 1)
        # The terminal's Ctrl-C is the supervisor's business: it stops us in its own order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self.end())

    def ready(self, port: int, **more: object) -> None:
        """Tell the supervisor that the server serves on `port`."""
        os.write(self._stdout, (json.dumps({"ready": True, "port": port, **more}) + "\n").encode())

    def end(self) -> None:
        """Make `wait` return. Safe to call from a signal handler and from any thread."""
        os.write(self._wakeup_write, b".")

    def wait(self) -> None:
        """Block until the process must end. From then on it has 15 seconds before it is cut off."""
        watched = [self._wakeup_read]
        if self._watch_stdin:
            watched.append(0)
        while True:
            readable, _, _ = select.select(watched, [], [])
            if self._wakeup_read in readable or not os.read(0, 1024):
                break
        cut_off = threading.Timer(_WEDGED_AFTER_S, os._exit, args=(1,))
        cut_off.daemon = True
        cut_off.start()


def fail(message: str) -> NoReturn:
    """Say in the log why the server cannot serve, and exit with code 1."""
    sys.stderr.write(message + "\n")
    sys.exit(1)
