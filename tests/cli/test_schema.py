"""`docstore schema`."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pymongo import MongoClient
from pymongo.errors import WriteError

from docstore.settings import Settings

Run = Callable[..., Result]

MODULE = """
from docstore.documents import Document


class Kite(Document):
    name: str
    tails: int = 0


ALL = (Kite,)
"""


@pytest.fixture
def kites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The option that makes a command work with one model."""
    name = f"kites_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield f"--models={name}:ALL"
    sys.modules.pop(name, None)


@pytest.fixture
def kite_rows(deployment: Settings) -> Iterator[Any]:
    """The raw collection."""
    with MongoClient(deployment.mongo_uri.get_secret_value()) as client:
        yield client[deployment.effective_database_name]["Kite"]


def test_validators_status_sync_status(run: Run, kites: str, kite_rows: Any) -> None:
    before = run(kites, "schema", "validators", "status")
    dry = run(kites, "schema", "validators", "sync", "--dry-run")
    still = run(kites, "schema", "validators", "status", "--json")
    synced = run(kites, "schema", "validators", "sync")
    after = run(kites, "schema", "validators", "status", "--json")

    assert before.exit_code == 1
    assert "Kite" in before.stdout
    assert "Action error, level moderate." in before.stdout
    assert dry.exit_code == 0
    assert json.loads(still.stdout)["ok"] is False
    assert "put in force: action error, level moderate." in synced.stdout
    assert json.loads(after.stdout)["ok"] is True
    with pytest.raises(WriteError):
        kite_rows.insert_one({"name": 5})


def test_the_action_follows_from_the_environment(
    run: Run, kites: str, kite_rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALIDATORS", "warn")
    run(kites, "schema", "validators", "sync")
    kite_rows.insert_one({"name": 5})

    strict = json.loads(
        run(kites, "schema", "validators", "sync", "--action", "error", "--level=strict", "--json").stdout
    )

    kite = next(each for each in strict["changed"] if each["collection"] == "Kite")
    assert kite["detail"] == "level moderate → strict, action warn → error"
    assert "put in force: action off" in run(kites, "schema", "validators", "sync", "--action=off").stdout


def test_one_made_by_hand_is_replaced_only_when_asked(run: Run, kites: str, kite_rows: Any) -> None:
    kite_rows.database.create_collection("Kite", validator={"name": {"$exists": True}})

    assert "--replace" in run(kites, "schema", "validators", "sync").stdout
    assert "--replace" not in run(kites, "schema", "validators", "sync", "--replace").stdout


def test_validators_are_exported(run: Run, kites: str, deployment: Settings) -> None:
    assert run(kites, "schema", "validators", "export", "files", "--check").exit_code == 1
    assert run(kites, "schema", "validators", "export", "files").exit_code == 0
    assert run(kites, "schema", "validators", "export", "files", "--check").exit_code == 0
    assert '"title": "Kite"' in Path("files/Kite.json").read_text()


def test_check_lists_what_fails(run: Run, kites: str, kite_rows: Any) -> None:
    kite_rows.insert_many([{"name": "a", "tails": "many"}, {"name": "b"}, {"_id": "first", "tails": 2}])

    checked = run(kites, "schema", "check")
    as_json = run(kites, "schema", "check", "--only", "Kite", "--json", "--samples", "1")

    assert checked.exit_code == 1
    assert "type int or long or double" in checked.stdout
    assert "string 1" in checked.stdout
    assert "first" in checked.stdout
    assert "3 documents of 1 collections" in checked.stdout
    report = json.loads(as_json.stdout)
    assert (report["ok"], report["documents"], report["failing"]) == (False, 3, 2)
    [kite] = report["collections"]
    by_field = {each["field"]: each for each in kite["rules"]}
    assert by_field["name"] == {
        "field": "name",
        "keyword": "required",
        "expected": "required",
        "count": 1,
        "found": {"missing": 1},
        "samples": ["first"],
    }


def test_check_of_valid_documents(run: Run, kites: str, kite_rows: Any) -> None:
    kite_rows.insert_one({"name": "a"})

    checked = run(kites, "schema", "check", "--limit", "5")

    assert checked.exit_code == 0
    assert "all are valid" in checked.stdout
    assert run(kites, "schema", "check", "--only", "Cup").exit_code == 1
    assert run(kites, "schema", "check", "--limit", "5", "--sample", "5").exit_code == 2
