"""`docstore doctor`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from docstore.settings import Settings

Run = Callable[..., Result]


def findings_of(result: Any) -> dict[str, dict[str, Any]]:
    return {each["check"]: each for each in json.loads(result.stdout)["findings"]}


def test_a_deployment_without_indexes_is_told_how_to_mend_it(run: Run, deployment: Settings) -> None:
    before = run("doctor", "--json")
    run("indexes", "sync")
    after = run("doctor", "--json")

    assert before.exit_code == 1
    assert findings_of(before)["indexes"]["hint"] == "Build them: docstore indexes sync."
    assert after.exit_code == 0
    found = findings_of(after)
    servers = {"mongodb", "redis", "kafka", "algolia write key", "algolia search key"}
    assert servers | {"mongodb transactions", "kafka topics", "indexes"} <= found.keys()
    assert all(found[name]["latencyMs"] > 0 for name in servers)


def test_without_servers_it_tries_temporary_ones(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)

    result = run("doctor")

    assert result.exit_code == 0
    assert "temporary ones were started" in result.stdout
    assert "All is well." in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dead_server_is_a_problem_without_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "LOCAL")
    monkeypatch.setenv("DATABASE_URL_LOCAL", "mongodb://ada:s3cr3t@127.0.0.1:1/")
    monkeypatch.setenv("MONGO_SERVER_SELECTION_TIMEOUT_MS", "200")

    result = run("doctor")

    assert result.exit_code == 1
    assert "1 to mend." in result.stdout
    assert "DATABASE_URL_LOCAL" in result.stdout
    assert "s3cr3t" not in result.output


def test_malformed_settings_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "SIDEWAYS")

    result = run("doctor")

    assert result.exit_code == 1
    assert "DB_METHOD" in result.stderr
