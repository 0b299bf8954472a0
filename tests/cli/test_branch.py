"""`docstore branch`, as a developer runs it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from pymongo import MongoClient

from docstore.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def filled(deployment: Settings) -> Iterator[MongoClient[dict[str, object]]]:
    """A deployment with a few documents; its branches go with it."""
    client = MongoClient[dict[str, object]](deployment.mongo_uri.get_secret_value())
    client[deployment.database_name]["Post"].insert_many([{"_id": number} for number in range(30)])
    yield client
    for name in client.list_database_names():
        if name.startswith(deployment.database_name):
            client.drop_database(name)
    client.close()


def test_from_making_to_deleting(
    run: Run, filled: MongoClient[dict[str, object]], deployment: Settings, tmp_path: Path
) -> None:
    env = tmp_path / ".env"
    env.write_text("DB_METHOD=LOCAL\n")

    made = run("branch", "create", "one", "--expires", "3d", "--json")
    listed = run("branch", "list")
    switched = run("branch", "switch", "one", "--file", str(env))
    same = run("branch", "diff", "one", "--check")
    filled[f"{deployment.database_name}__one"]["Post"].delete_one({"_id": 3})
    different = run("branch", "diff", "one", "--check")
    left = run("branch", "switch", "--leave", "local", "--file", str(env))
    deleted = run("branch", "delete", "one")

    said = json.loads(made.stdout)
    assert said["database"] == f"{deployment.database_name}__one"
    assert said["documents"] == {"Post": 30}
    assert said["expires"]
    assert "everything" in listed.stdout
    assert switched.exit_code == 0
    assert same.exit_code == 0
    assert "does not differ" in same.stdout
    assert different.exit_code == 1
    assert "-1" in different.stdout
    assert left.exit_code == 0
    assert env.read_text() == "DB_METHOD=LOCAL\n"
    assert deleted.exit_code == 0
    assert run("branch", "list").stdout.strip() == f"{deployment.database_name} has 0 branches."


def test_switching_writes_what_chooses_it(
    run: Run, filled: MongoClient[dict[str, object]], deployment: Settings, tmp_path: Path
) -> None:
    env = tmp_path / ".env"
    run("branch", "create", "one")

    assert run("branch", "switch", "nope", "--file", str(env)).exit_code == 1
    assert not env.exists()
    assert run("branch", "switch", "one", "--file", str(env)).exit_code == 0
    assert env.read_text() == "DB_METHOD=BRANCH\nDATABASE_BRANCH=one\n"
    assert "which file" in run("branch", "switch", "one").stderr
    assert "say which branch" in run("branch", "switch", "--file", str(env)).stderr
    assert "no DB_METHOD" in run("branch", "switch", "--leave", "BRANCH", "--file", str(env)).stderr


def test_a_branch_that_the_settings_would_look_for_elsewhere(
    run: Run, filled: MongoClient[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mongodb://elsewhere.example.com")

    refused = run("branch", "switch", "one", "--file", str(tmp_path / ".env"))

    assert refused.exit_code == 1
    assert "the address is that of DATABASE_URL" in refused.stderr


def test_only_branches_are_deleted(run: Run, filled: MongoClient[dict[str, object]], deployment: Settings) -> None:
    filled[f"{deployment.database_name}__mine"]["Post"].insert_one({"_id": 1})

    refused = run("branch", "delete", "mine")

    assert refused.exit_code == 1
    assert "is no branch" in refused.stderr
    assert f"{deployment.database_name}__mine" in filled.list_database_names()


def test_production_asks_for_consent(
    run: Run, filled: MongoClient[dict[str, object]], deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("branch", "create", "one")
    monkeypatch.setenv("DB_METHOD", "PRODUCTION")
    monkeypatch.setenv("DATABASE_URL", deployment.mongo_uri.get_secret_value())

    assert "add --yes" in run("branch", "delete", "one").stderr
    assert run("branch", "delete", "one", "--yes").exit_code == 0


def test_pruning(run: Run, filled: MongoClient[dict[str, object]]) -> None:
    run("branch", "create", "one", "--expires", "1s", "--sample", "2")
    import time

    time.sleep(1.1)

    assert "1 would be removed: one." in run("branch", "prune", "--dry-run").stdout
    assert "1 removed: one." in run("branch", "prune").stdout
