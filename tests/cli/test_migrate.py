"""`docstore migrate` and `docstore schema drift`."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from pymongo import MongoClient
from pymongo.database import Database

from docstore.settings import Settings

Run = Callable[..., Result]

BODY = """
description = "a priority"


async def up(m):
    await m.backfill("Post", "priority", 1)


async def down(m):
    await m.undo_backfill("Post", "priority")
"""


@pytest.fixture
def folder(deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the reader's own, with a deployment."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "migrations"


@pytest.fixture
def posts(deployment: Settings) -> Iterator[Database]:
    """The database, with a post."""
    with MongoClient(deployment.mongo_uri.get_secret_value()) as client:
        database = client[deployment.effective_database_name]
        database["Post"].insert_one({"_id": 1})
        yield database
        client.drop_database(deployment.effective_database_name)


def test_new_up_status_down(run: Run, folder: Path, posts: Database) -> None:
    assert "0001_a_priority.py" in run("migrate", "new", "A priority!").stdout
    (folder / "0001_a_priority.py").write_text(BODY)

    pending = run("migrate", "status")
    assert pending.exit_code == 1
    assert "0 applied, 1 to apply." in pending.stdout
    plan = run("migrate", "up", "--dry-run")
    assert "0001_a_priority: a priority (in one transaction)" in plan.stdout
    assert "backfill Post.priority" in plan.stdout
    assert "Nothing was written." in plan.stdout
    assert posts["Post"].find_one() == {"_id": 1}

    assert "0001_a_priority applied in" in run("migrate", "up").stdout
    assert posts["Post"].find_one() == {"_id": 1, "priority": 1}
    assert "Nothing to apply." in run("migrate", "up").stdout
    status = json.loads(run("migrate", "status", "--json").stdout)
    assert (status["ok"], status["migrations"][0]["state"]) == (True, "applied")
    assert json.loads(run("migrate", "down", "--json").stdout)["ran"][0]["direction"] == "down"
    assert posts["Post"].find_one() == {"_id": 1}
    assert "Nothing to roll back." in run("migrate", "down").stdout


def test_status_explains_what_is_half_way(run: Run, folder: Path, posts: Database) -> None:
    folder.mkdir()
    text = BODY.replace('"priority", 1)', '"priority", 1)\n    raise ValueError("no such thing")', 1)
    (folder / "0001_x.py").write_text(f"transaction = False\n{text}")
    failed = run("migrate", "up")
    assert failed.exit_code == 1
    assert "0001_x raised ValueError on its way up: no such thing." in failed.stderr
    told = run("migrate", "status").stdout
    assert "0001_x is half-way on its way up" in told
    assert "1. backfill Post.priority: done" in told
    assert "`docstore migrate up` goes on there" in told


def test_what_would_destroy_asks_first(
    run: Run, folder: Path, posts: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    (folder / "0001_x.py").write_text(BODY)
    assert run("migrate", "reset").exit_code == 1
    assert posts["Post"].count_documents({}) == 1
    assert run("migrate", "forget", "1").exit_code == 1
    monkeypatch.setenv("DB_METHOD", "PRODUCTION")
    monkeypatch.setenv("DATABASE_URL", "mongodb://127.0.0.1:1/")
    refused = run("migrate", "reset", "--yes")
    assert "DB_METHOD is PRODUCTION" in refused.stderr
    monkeypatch.setenv("DB_METHOD", "LOCAL")
    assert "0001_x applied" in run("migrate", "reset", "--yes").stdout
    assert posts["Post"].count_documents({}) == 0
    assert "of kept values removed" in run("migrate", "forget", "1", "--yes").stdout


def test_resolve_and_baseline(run: Run, folder: Path, posts: Database) -> None:
    folder.mkdir()
    (folder / "0001_x.py").write_text(BODY)
    assert "0001_x" in run("migrate", "baseline").stdout
    assert posts["Post"].find_one() == {"_id": 1}
    (folder / "0001_x.py").write_text(BODY.replace("1)", "2)", 1))
    edited = run("migrate", "up")
    assert "0001_x was edited after it was applied." in edited.stderr
    assert "now counts as applied" in run("migrate", "resolve", "--applied", "1").stdout
    assert "now counts as rolled back" in run("migrate", "resolve", "--rolled-back", "0001_x").stdout
    assert run("migrate", "resolve").exit_code == 1


MODELS = """
from docstore.documents import Document


class Post(Document):
    {fields}


ALL = (Post,)
"""


def test_generate_asks_nobody_where_nobody_can_answer_and_drift_is_told(
    run: Run, folder: Path, posts: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def models(name: str, fields: str) -> tuple[str, str]:
        Path(f"{name}.py").write_text(MODELS.format(fields=fields))
        return "--models", f"{name}:ALL"

    posts["Post"].drop()
    first, second = models("migrate_models_one", "title: str"), models("migrate_models_two", "headline: str")
    assert "Written: migrations/0001_add_post.py" in run(*first, "migrate", "generate").stdout
    assert "nothing was written" in run(*first, "migrate", "generate").stdout
    assert run(*first, "migrate", "generate", "--check").exit_code == 0
    assert run("migrate", "up").exit_code == 0
    agree = run(*first, "schema", "drift")
    assert (agree.exit_code, "Models, snapshot and database agree." in agree.stdout) == (0, True)

    checked = run(*second, "migrate", "generate", "--check")
    assert (checked.exit_code, "field added: Post.headline, required" in checked.stdout) == (1, True)
    drifted = json.loads(run(*second, "schema", "drift", "--json").stdout)
    assert {each["kind"] for each in drifted["drift"]} == {"models", "validator"}
    guess = run(*second, "migrate", "generate", "guess")
    assert "If it was renamed, delete both files and say --rename Post.title=headline." in guess.stdout
    assert "Replace FILL_IN before you apply it: Post.headline." in guess.stdout
    assert "still says FILL_IN" in run("migrate", "up").stderr

    Path("migrations/0002_guess.py").unlink()
    Path("migrations/meta/0002.json").unlink()
    assert run(*second, "migrate", "generate", "--rename", "Post.title=headline").exit_code == 0
    posts["Post"].insert_one({"title": "t"}, bypass_document_validation=True)
    assert run("migrate", "up").exit_code == 0
    assert (posts["Post"].find_one() or {})["headline"] == "t"
    posts["Post"].insert_one({"headline": 5, "other": 1}, bypass_document_validation=True)
    found = run(*second, "schema", "drift")
    assert "field other is in no model, in 1 of 2 documents" in found.stdout
    malformed = run(*second, "migrate", "generate", "--rename", "Post.title")
    assert "--rename 'Post.title' is malformed." in malformed.stderr


def test_status_tells_the_running_from_the_dead(run: Run, folder: Path, posts: Database) -> None:
    folder.mkdir()
    (folder / "0001_x.py").write_text(BODY)
    run("migrate", "baseline")
    lease = {"_id": "migrations"}
    posts["MigrationJournal"].update_one({"_id": "0001_x"}, {"$set": {"state": "running", "token": 9}})
    dead = run("migrate", "status").stdout
    assert "Its process is gone: it was killed, or its machine was." in dead
    assert "None of its steps has begun." in dead
    assert "`docstore migrate up` goes on there" in dead

    held = {"holder": "h", "owner": "deployer:7", "token": 9, "until": datetime.now(UTC) + timedelta(minutes=1)}
    posts["Lease"].update_one(lease, {"$set": held})
    alive = run("migrate", "status").stdout
    assert "deployer:7 runs migrations just now" in alive
    assert "It is running, or died just now: its lease runs until" in alive
    assert "goes on there" not in alive
    assert json.loads(run("migrate", "status", "--json").stdout)["atWork"] == "deployer:7"


def test_models_of_ones_own_never_get_the_migrations_of_docstores_models(
    run: Run, folder: Path, posts: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = folder.parent / "wheel" / "_files" / "migrations"
    packaged.mkdir(parents=True)
    (packaged / "0001_x.py").write_text(BODY)
    monkeypatch.setattr("docstore.cli.migrate_common.files", lambda _: folder.parent / "wheel")
    Path("migrate_models_own.py").write_text(MODELS.format(fields="title: str"))
    refused = run("--models", "migrate_models_own:ALL", "migrate", "up")
    assert "there is no directory migrations" in refused.stderr
    assert posts["Post"].find_one() == {"_id": 1}
    assert "0001_x applied" in run("migrate", "up").stdout
