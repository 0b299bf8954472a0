"""`docstore up`, as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from docstore.embedded import running_servers

COMMAND = [sys.executable, "-c", "from docstore.cli import main; main()", "up", "--json"]


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if name != "EMBEDDED_STATE_DIR"}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def listens(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname or "", address.port or 0)) == 0


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_runs_until_told_to_stop_and_leaves_nothing(tmp_path: Path, sign: signal.Signals, code: int) -> None:
    with started(tmp_path, "--temporary") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        urls = told["urls"]
        assert urls.keys() == {"mongodb", "redis", "kafka", "algolia"}
        assert listens(urls["mongodb"])
        assert told["env"]["DATABASE_URL_LOCAL"] == urls["mongodb"]

        process.send_signal(sign)
        assert process.wait(20) == code

    assert not listens(urls["mongodb"])
    assert not listens(urls["algolia"])
    assert list(tmp_path.iterdir()) == []


def test_its_servers_are_found_in_the_state_directory(tmp_path: Path) -> None:
    with started(tmp_path, "--state-dir", "here") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())

        assert running_servers(tmp_path / "here") == told["urls"]


def test_a_busy_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started(tmp_path, "--temporary", "--redis-port", str(port)) as process:
            out, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert str(port) in json.loads(out)["error"]["message"]
    assert "Traceback" not in err


def test_contradicting_options_are_told(tmp_path: Path) -> None:
    with started(tmp_path, "--temporary", "--state-dir", "here") as process:
        out, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "contradict" in json.loads(out)["error"]["message"]
