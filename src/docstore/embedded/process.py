"""One server process, seen from the supervisor: started, awaited, watched, stopped.

Built on threads and not on asyncio's subprocesses, so that a supervisor is not tied to the event loop that
entered it: a test session's servers outlive the loop of each test.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TAIL_LINES = 8
_GRACE_S = 10.0


class ServerProcess:
    """A child process that runs a server module (see `docstore.embedded.lifeline` for its side)."""

    def __init__(self, name: str, log: Path, on_exit: Callable[[ServerProcess], None]) -> None:
        self.name = name
        self.log = log
        self.stopping = False
        self._on_exit = on_exit
        self._popen: subprocess.Popen[bytes]
        self._watcher: threading.Thread

    def spawn(self, module: str, arguments: list[str], *, scratch: Path | None, keep_open: int) -> None:
        """Start the process; called once, before all else. Does not wait for it to serve.

        `scratch` is a state directory in which the server clears up when it outlives its supervisor;
        `keep_open` is a file descriptor it inherits.
        """
        # The kernel's signal at the parent's death is really sent at the death of the thread that started the
        # child, so it is asked for only where that thread is the last to go.
        bound = "bound" if threading.current_thread() is threading.main_thread() else "free"
        child = Path(__file__).with_name("_child.py")
        life = [str(os.getpid()), bound, str(scratch or ""), self.name]
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603  (our own interpreter, our own module)
                [sys.executable, "-P", str(child), *life, module, *arguments, "--exit-on-stdin-eof"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(keep_open,),
                start_new_session=True,
            )
        self._watcher = threading.Thread(target=self._watch, daemon=True, name=f"docstore-watch-{self.name}")
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code (negative: the signal that ended it), or None while the process runs."""
        return self._popen.poll()

    def tail(self) -> str:
        """Return the last eight lines of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return ""

    async def ready(self) -> dict[str, Any] | None:
        """Wait for its line and return it; None when the process ends without one, or says something else."""
        try:
            line = await asyncio.to_thread(self._first_line)
            return dict(json.loads(line))
        except ValueError:
            return None

    async def ended(self, timeout: float = _GRACE_S) -> bool:
        """Wait, at most `timeout` seconds, for the process to end; return whether it did."""
        await asyncio.to_thread(self._watcher.join, timeout)
        return not self._watcher.is_alive()

    async def stop(self) -> None:
        """End the process: asked, then, after 10 seconds, forced. Does nothing when it has ended."""
        self.stopping = True
        self._popen.terminate()
        if not await self.ended():
            self._kill_group()
            await self.ended()

    def _first_line(self) -> bytes:
        assert self._popen.stdout is not None  # spawn() asks for a pipe
        return self._popen.stdout.readline()

    def _watch(self) -> None:
        self._popen.wait()
        # A server that runs under a guardian must not stay when the guardian is gone.
        self._kill_group()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()
        self._on_exit(self)

    def _kill_group(self) -> None:
        # The child leads a session, hence a group, of its own. macOS answers EPERM for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
