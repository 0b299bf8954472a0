"""`docstore backup`, as an operator runs it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from pymongo import MongoClient

from docstore.cli.backup_shown import told_bytes
from docstore.cli.durations import duration
from docstore.errors import SettingsError
from docstore.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def filled(
    deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MongoClient[dict[str, object]]]:
    """A deployment with a few documents, and a folder for its backups."""
    monkeypatch.setenv("BACKUP_URL", str(tmp_path / "backups"))
    client = MongoClient[dict[str, object]](deployment.mongo_uri.get_secret_value())
    database = client[deployment.database_name]
    database["Post"].insert_many([{"_id": number, "title": f"t{number}"} for number in range(30)])
    database["Post"].create_index("title", unique=True)
    database["Tag"].insert_one({"_id": 1})
    yield client
    client.close()


def test_create_list_verify_restore(run: Run, filled: MongoClient[dict[str, object]], deployment: Settings) -> None:
    made = run("backup", "create", "--json")
    listed = run("backup", "list")
    verified = run("backup", "verify")
    refused = run("backup", "restore", "latest")
    filled[deployment.database_name]["Post"].delete_many({})
    restored = run("backup", "restore", "latest", "--drop")

    assert made.exit_code == 0
    said = json.loads(made.stdout)
    assert said["collections"] == {"Post": 30, "Tag": 1}
    assert said["name"] in listed.stdout
    assert "whole" in listed.stdout
    assert verified.exit_code == 0
    assert f"{said['name']} is sound: 4 files" in verified.stdout
    assert refused.exit_code == 1
    assert "already has Post, Tag." in refused.stderr
    assert "--drop" in refused.stderr
    assert restored.exit_code == 0
    assert "31 documents" in restored.stdout
    assert filled[deployment.database_name]["Post"].count_documents({}) == 30
    assert run("backup", "status").exit_code == 0


def test_into_another_database_some_of_it(
    run: Run, filled: MongoClient[dict[str, object]], deployment: Settings
) -> None:
    name = json.loads(run("backup", "create", "--no-gzip", "--json").stdout)["name"]
    other = f"{deployment.database_name}_other"

    restored = run("backup", "restore", name, "--to", other, "--only", "Tag", "--json")

    assert json.loads(restored.stdout)["database"] == other
    assert filled[other].list_collection_names() == ["Tag"]
    filled.drop_database(other)


def test_damage_is_told_with_file_and_offset(
    run: Run, filled: MongoClient[dict[str, object]], deployment: Settings, tmp_path: Path
) -> None:
    name = json.loads(run("backup", "create", "--json").stdout)["name"]
    file = tmp_path / "backups" / name / deployment.database_name / "Post.bson.gz"
    file.write_bytes(file.read_bytes()[:-5])

    verified = run("backup", "verify", name)
    told = json.loads(run("backup", "verify", name, "--json").stdout)
    restored = run("backup", "restore", name, "--to", "nowhere")

    assert verified.exit_code == 1
    assert f"Post.bson.gz is cut off: it ends at byte {file.stat().st_size}" in verified.stdout
    assert told["problems"][0]["offset"] == file.stat().st_size
    assert restored.exit_code == 1
    assert "Nothing was written." in restored.stderr
    assert "nowhere" not in filled.list_database_names()


def test_a_path_names_a_backup_too(run: Run, filled: MongoClient[dict[str, object]], tmp_path: Path) -> None:
    name = json.loads(run("backup", "create", "--at", str(tmp_path / "there"), "--json").stdout)["name"]

    assert run("backup", "verify", str(tmp_path / "there" / name)).exit_code == 0
    assert run("backup", "verify", name).exit_code == 1


def test_pruning(run: Run, filled: MongoClient[dict[str, object]]) -> None:
    names = [json.loads(run("backup", "create", "--json").stdout)["name"] for _ in range(2)]

    dry = json.loads(run("backup", "prune", "--last", "1", "--dry-run", "--json").stdout)
    nothing = run("backup", "prune")
    done = run("backup", "prune", "--daily", "7", "--weekly", "4")

    assert dry["would_remove"] == [names[0]]
    assert nothing.exit_code == 1
    assert "nothing is to be kept" in nothing.stderr
    assert "no rule keeps it" in done.stdout
    assert "1 removed" in done.stdout


def test_production_asks_for_consent(
    run: Run, filled: MongoClient[dict[str, object]], deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", "create")
    monkeypatch.setenv("DB_METHOD", "PRODUCTION")
    monkeypatch.setenv("DATABASE_URL", deployment.mongo_uri.get_secret_value())

    refused = run("backup", "restore", "latest", "--drop")

    assert refused.exit_code == 1
    assert "add --yes" in refused.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "say when"),
        (["--cron", "0 3 * * *", "--every", "1h"], "say when"),
        (["--every", "often"], "is no duration"),
        (["--cron", "nonsense"], "is no cron expression"),
        (["--cron", "0 3 * * *", "--zone", "Mars/Olympus"], "there is no time zone"),
    ],
)
def test_times_that_are_none(run: Run, deployment: Settings, options: list[str], told: str) -> None:
    result = run("backup", "schedule", *options)

    assert result.exit_code == 1
    assert told in result.stderr


def test_encrypted(run: Run, filled: MongoClient[dict[str, object]], monkeypatch: pytest.MonkeyPatch) -> None:
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    monkeypatch.setenv("BACKUP_RECIPIENTS", str(identity.to_public()))
    name = json.loads(run("backup", "create", "--json").stdout)["name"]

    assert "BACKUP_IDENTITY" in run("backup", "verify", name).stdout
    monkeypatch.setenv("BACKUP_IDENTITY", str(identity))
    assert "is sound" in run("backup", "verify", name).stdout
    assert "encrypted" in run("backup", "list").stdout


def test_sizes_and_durations() -> None:
    assert [told_bytes(each) for each in (0, 1023, 1024, 5 * 1024**3)] == ["0 B", "1,023 B", "1.0 KiB", "5.0 GiB"]
    assert duration("90s").total_seconds() == 90
    assert duration(" 2W ").days == 14
    for text in ("", "0d", "5", "-1h", "1y"):
        with pytest.raises(SettingsError, match="is no duration"):
            duration(text)
