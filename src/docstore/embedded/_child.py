"""What a server process runs first: `python -P _child.py PARENT BOUND SCRATCH SERVICE MODULE ARGUMENTS...`.

Run by path, never imported. It puts empty packages in the place of `docstore` and `docstore.embedded`, so
that a server does not pay for importing the document layer; binds the process's life to its supervisor's
where the kernel can do that; and clears the temporary directory of a supervisor that died without doing so.
"""

import contextlib
import ctypes
import os
import runpy
import select
import shutil
import signal
import sys
from pathlib import Path
from types import ModuleType

_PR_SET_PDEATHSIG = 1
_bereaved = False


def _stand_in_for_packages() -> None:
    here = Path(__file__).resolve().parent
    for name, folder in (("docstore", here.parent), ("docstore.embedded", here)):
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGHUP)
    if os.getppid() != parent:  # it died before the call above could notice
        sys.exit(1)


def _is_orphan(parent: int) -> bool:
    # A supervisor that lives holds our stdin open until we have ended. One that dies closes its files, lets go
    # of its children and has the signal sent in an order that depends on its threads: any of them will do.
    closed = bool(select.select([0], [], [], 0)[0]) and os.read(0, 1) == b""
    return _bereaved or closed or os.getppid() != parent


def _on_bereavement(*_: object) -> None:
    # It may come once for each of the supervisor's threads, the next while this one is at work: no lock is safe here.
    global _bereaved
    _bereaved = True
    signal.raise_signal(signal.SIGTERM)  # each server knows how to end on that one


def _clear(scratch: Path, service: str) -> None:
    """Remove what is this service's in the temporary directory, and the rest when the others have gone."""
    shutil.rmtree(scratch / service, ignore_errors=True)
    logs = scratch / "logs"
    for log in logs.glob(f"{service}.log*"):
        log.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        logs.rmdir()  # refuses while another server's log is in it
        shutil.rmtree(scratch, ignore_errors=True)


def _main() -> None:
    parent, bound, scratch, service, module = int(sys.argv[1]), *sys.argv[2:6]
    del sys.argv[1:6]
    # So that the lines below run; a server replaces it by an orderly end of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, _on_bereavement)
    try:
        if bound == "bound":
            _die_with(parent)
        _stand_in_for_packages()
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        if scratch and _is_orphan(parent):
            _clear(Path(scratch), service)


if __name__ == "__main__":
    _main()
