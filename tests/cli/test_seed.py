"""`docstore seed`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from docstore.models import ALL
from docstore.settings import Settings

Run = Callable[..., Result]


def test_it_seeds_everything_once(run: Run, deployment: Settings) -> None:
    first, second = (json.loads(run("seed", "--json").stdout) for _ in range(2))

    assert first["counts"].keys() == {model.__name__ for model in ALL}
    assert first["counts"] == second["counts"]
    assert first["database"] == deployment.database_name


def test_only_takes_names_with_commas(run: Run, deployment: Settings) -> None:
    result = run("seed", "--only", "Tag, Author")

    assert result.exit_code == 0
    assert "Author" in result.stdout
    assert "Review" not in result.stdout


def test_production_is_refused_before_anything_is_opened(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "PRODUCTION")
    monkeypatch.setenv("DATABASE_URL", "mongodb://127.0.0.1:1/")

    result = run("seed")

    assert result.exit_code == 1
    assert "PRODUCTION" in result.stderr
    assert "--yes" in result.stderr


def test_embedded_without_servers_keeps_the_documents(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMBEDDED_STATE_DIR", str(tmp_path / "state"))

    assert run("seed", "--only", "Tag").exit_code == 0

    states = json.loads(run("indexes", "status", "--json").stdout)
    assert states["ok"]
    assert (tmp_path / "state" / "mongodb").is_dir()
