"""The state directory: who uses it, where its servers are, and the files in it.

lock            held by the supervisor (and by its servers, until the last has ended)
servers.json    the supervisor's process id and the servers' URLs; absent when none runs
logs/NAME.log   what a server said; NAME.log.1 is the run before
NAME/           a server's data
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from docstore.errors import EmbeddedServerError

_LEFTOVERS_END_WITHIN_S = 20.0


class StateDirectory:
    """A state directory, held by at most one supervisor at a time.

    `path` None makes a temporary one, removed by `release`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.temporary = path is None
        self.path = Path(tempfile.mkdtemp(prefix="docstore-")) if path is None else path.expanduser().resolve()
        self._lock: int | None = None

    @property
    def lock_descriptor(self) -> int:
        """The descriptor of the held lock. A process that inherits it holds the lock too."""
        if self._lock is None:
            raise EmbeddedServerError("The state directory is not held.", hint="Call acquire() first.")
        return self._lock

    def acquire(self) -> None:
        """Hold the directory, made when absent. Blocks while servers of a dead supervisor still end.

        Raises EmbeddedServerError when a living supervisor holds it, or it cannot be written.
        """
        try:
            (self.path / "logs").mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedServerError(
                f"The state directory {self.path} cannot be used: {error.strerror}.",
                hint="Choose another one with EMBEDDED_STATE_DIR.",
            ) from error
        try:
            self._take(lock)
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def _take(self, lock: int) -> None:
        deadline = time.monotonic() + _LEFTOVERS_END_WITHIN_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = _owner(os.pread(lock, 32, 0))
                if (owner is not None and _is_alive(owner)) or time.monotonic() > deadline:
                    raise EmbeddedServerError(
                        f"The state directory {self.path} is in use by process {owner or 'unknown'}.",
                        hint="Use its servers, stop it, or choose another directory with EMBEDDED_STATE_DIR.",
                    ) from None
                time.sleep(0.05)
            else:
                os.truncate(lock, 0)
                os.pwrite(lock, str(os.getpid()).encode(), 0)
                return

    def publish(self, urls: Mapping[str, str]) -> None:
        """Tell other processes which servers run here, or (empty `urls`) that none does."""
        target = self.path / "servers.json"
        if not urls:
            target.unlink(missing_ok=True)
            return
        record = {"pid": os.getpid(), "startedAt": datetime.now(UTC).isoformat(), "urls": dict(urls)}
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps(record, indent=2), encoding="utf-8")
        draft.replace(target)

    def log(self, service: str) -> Path:
        """Return the path of a new, empty log for `service`; the one before is kept under `.log.1`."""
        log = self.path / "logs" / f"{service}.log"
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
        log.touch(mode=0o600)
        return log

    def release(self) -> None:
        """Let the directory go; a temporary one is removed. May be called twice."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self.publish({})
            os.close(self._lock)
            self._lock = None
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)


def running_servers(state_dir: Path) -> dict[str, str] | None:
    """Return the URLs of the servers that run on `state_dir` now, by service, or None when none does.

    What a supervisor that died has left behind is recognised: its process is gone, or nobody holds the lock.
    """
    folder = state_dir.expanduser().resolve()
    try:
        record = json.loads((folder / "servers.json").read_text(encoding="utf-8"))
        lock = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return dict(record["urls"]) if _is_alive(record["pid"]) else None
    finally:
        os.close(lock)
    return None


def _owner(content: bytes) -> int | None:
    return int(content) if content.isdigit() else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
