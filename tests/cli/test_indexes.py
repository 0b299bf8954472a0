"""`docstore indexes`."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from pymongo import MongoClient

from docstore.settings import Settings

Run = Callable[..., Result]

MODULE = """
from typing import ClassVar

from docstore.documents import Document, index, unique


class Crane(Document):
    code: str
    height: float = 0

    indexes: ClassVar = (unique("code"), index("height", serves="by height"), index("height", "-code", serves="both"))


ALL = (Crane,)
"""


@pytest.fixture
def cranes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The option that makes a command work with one model."""
    name = f"cranes_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield f"--models={name}:ALL"
    sys.modules.pop(name, None)


@pytest.fixture
def crane_rows(deployment: Settings) -> Iterator[object]:
    """The raw collection."""
    with MongoClient(deployment.mongo_uri.get_secret_value()) as client:
        yield client[deployment.effective_database_name]["Crane"]


def test_status_sync_status(run: Run, deployment: Settings) -> None:
    before = run("indexes", "status")
    built = run("indexes", "sync", "--json")
    after = run("indexes", "status", "--json")

    assert before.exit_code == 1
    assert "published posts of a type, newest first" in before.stdout
    assert "docstore indexes sync" in before.stdout
    assert built.exit_code == 0
    done = json.loads(built.stdout)["done"]
    assert {"Post", "OutboxEntry"} <= {each["collection"] for each in done}
    assert after.exit_code == 0
    steps = json.loads(after.stdout)["indexes"]
    assert {each["action"] for each in steps} == {"keep"}
    assert len(steps) == len(done)


def test_status_of_a_synced_database_lists_nothing_unless_asked(run: Run, deployment: Settings, cranes: str) -> None:
    run(cranes, "indexes", "sync")

    assert "ix_height" not in run(cranes, "indexes", "status").stdout
    assert "ix_height" in run(cranes, "indexes", "status", "--all").stdout


def test_a_dry_run_does_nothing(run: Run, deployment: Settings, cranes: str) -> None:
    dry = run(cranes, "indexes", "sync", "--dry-run")

    assert dry.exit_code == 0
    assert "create" in dry.stdout
    assert "Nothing was done." in dry.stdout
    assert run(cranes, "indexes", "status").exit_code == 1


def test_sync_prints_the_plan_and_each_step(run: Run, deployment: Settings, cranes: str) -> None:
    ran = run(cranes, "indexes", "sync").stdout

    assert ran.index("by height") < ran.index("created   Crane ix_height,") < ran.index(" done in ")
    assert "Collections created: Crane," in ran


def test_duplicates_fail_and_are_named(run: Run, cranes: str, crane_rows: object) -> None:
    held = crane_rows.insert_many([{"code": "x"}, {"code": "x"}]).inserted_ids  # type: ignore[attr-defined]

    ran = run(cranes, "indexes", "sync")
    as_json = json.loads(run(cranes, "indexes", "sync", "--json").stdout)

    assert ran.exit_code == 1
    assert all(str(each) in ran.stderr.replace("\n", "") for each in held)
    assert [each["name"] for each in as_json["failed"]] == ["uq_code"]


def test_pruning(run: Run, deployment: Settings, cranes: str, crane_rows: object) -> None:
    crane_rows.create_index("colour")  # type: ignore[attr-defined]

    assert "sync --prune" in run(cranes, "indexes", "sync").stdout
    assert run(cranes, "indexes", "sync", "--hide-first").exit_code == 2
    assert "hidden    Crane colour_1" in run(cranes, "indexes", "sync", "--prune", "--hide-first").stdout
    assert "dropped   Crane colour_1" in run(cranes, "indexes", "sync", "--prune", "--hide-first").stdout


def test_production_is_pruned_only_on_request(
    run: Run, deployment: Settings, cranes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_METHOD", "PRODUCTION")
    monkeypatch.setenv("DATABASE_URL", deployment.mongo_uri.get_secret_value())

    refused = run(cranes, "indexes", "sync", "--prune")

    assert refused.exit_code == 1
    assert "add --yes" in refused.stderr
    assert run(cranes, "indexes", "sync", "--prune", "--yes").exit_code == 0


def test_the_audit_names_the_declaration(run: Run, deployment: Settings, cranes: str) -> None:
    run(cranes, "indexes", "sync")

    audit = run(cranes, "indexes", "audit", "--json")

    assert audit.exit_code == 1
    [finding] = json.loads(audit.stdout)["findings"]
    assert finding["verdict"] == "redundant"
    assert finding["advice"] == 'remove Crane.indexes: index("height", serves=…)'
    assert "ix_height_code_desc" in run(cranes, "indexes", "audit").stdout


def test_export_writes_and_check_only_looks(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mongodb"

    assert run("indexes", "export", str(folder), "--check").exit_code == 1
    assert not folder.exists()
    assert run("indexes", "export", str(folder)).exit_code == 0
    assert (folder / "Post.json").is_file()
    assert run("indexes", "export", str(folder), "--check").exit_code == 0
