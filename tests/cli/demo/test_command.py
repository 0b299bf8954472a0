"""`docstore demo` from end to end."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.slow
def test_it_succeeds_twice_on_the_same_kept_database(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMBEDDED_STATE_DIR", str(tmp_path / "state"))

    first, second = (run("demo", "--json") for _ in range(2))

    for result in (first, second):
        told = json.loads(result.stdout)
        assert told["error"] is None
        assert result.exit_code == 0
        assert told["ok"] is True
        assert all(stage["expected"] == stage["found"] for stage in told["stages"])
    one, two = ({each["stage"]: each["found"] for each in json.loads(r.stdout)["stages"]} for r in (first, second))
    assert one["deliveries, one a subscribed member"] == two["deliveries, one a subscribed member"] > 100
    assert two["records in index posts"] == one["records in index posts"] + 1


def test_it_does_not_run_on_production(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "PRODUCTION")
    monkeypatch.setenv("DATABASE_URL", "mongodb://127.0.0.1:1/")

    result = run("demo")

    assert result.exit_code == 1
    assert "PRODUCTION" in result.stderr


def test_it_runs_on_a_branch_only_when_told_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "BRANCH")
    monkeypatch.setenv("DATABASE_BRANCH", "ratings")
    monkeypatch.setenv("DATABASE_URL", "mongodb://127.0.0.1:1/")

    result = run("demo")

    assert result.exit_code == 1
    assert "--yes" in result.stderr


def test_missing_servers_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "LOCAL")
    monkeypatch.setenv("DATABASE_URL_LOCAL", "mongodb://127.0.0.1:1/")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    result = run("demo")

    assert result.exit_code == 1
    assert "KAFKA_SERVICE_URI, ALGOLIA_APP_ID" in result.stderr
    assert "REDIS_URL" not in result.stderr


def test_a_server_that_does_not_answer_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "LOCAL")
    monkeypatch.setenv("DATABASE_URL_LOCAL", "mongodb://127.0.0.1:1/")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("KAFKA_SERVICE_URI", "127.0.0.1:1")
    monkeypatch.setenv("ALGOLIA_APP_ID", "app")
    monkeypatch.setenv("ALGOLIA_WRITE_API_KEY", "key")
    monkeypatch.setenv("ALGOLIA_HOSTS", "http://127.0.0.1:1")
    monkeypatch.setenv("MONGO_SERVER_SELECTION_TIMEOUT_MS", "100")
    monkeypatch.setenv("CONNECT_ATTEMPTS", "2")

    result = run("demo")

    assert result.exit_code == 1
    assert "MongoDB at 127.0.0.1:1" in result.stderr
    assert "Traceback" not in result.stderr
