"""`docstore worker`."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest
from click.testing import Result

from docstore.settings import Settings

Run = Callable[..., Result]


def test_the_workers_are_listed(run: Run) -> None:
    listed = run("worker", "--list")
    assert listed.exit_code == 0
    assert "relay" in listed.stdout
    assert "publishes the outbox" in listed.stdout
    assert set(json.loads(run("worker", "--list", "--json").stdout)["workers"]) >= {"relay", "search", "cache"}
    assert run("worker").exit_code == 2


def test_an_unknown_worker_is_named(run: Run, deployment: Settings) -> None:
    refused = run("worker", "relais")
    assert refused.exit_code == 1
    assert "there is no worker relais" in refused.stderr
    assert "newsletter" in refused.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_works_until_it_is_told_to_stop(deployment: Settings, how: signal.Signals) -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "docstore", "worker", "relay", "--health-port", "0", "--drain", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("Health at ")
        assert "Running relay" in process.stderr.readline()
        url = first.split()[2].rstrip(",")
        with urllib.request.urlopen(url.replace("readyz", "healthz"), timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(how)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 0
    assert told.splitlines() == ["Finishing what is at work …", "Ended."]
