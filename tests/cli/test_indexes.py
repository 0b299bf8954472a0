"""`docstore indexes`."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from docstore.settings import Settings

Run = Callable[..., Result]


def test_status_sync_status(run: Run, deployment: Settings) -> None:
    before = run("indexes", "status")
    built = run("indexes", "sync", "--json")
    after = run("indexes", "status", "--json")

    assert before.exit_code == 1
    assert "published posts of a type, newest first" in before.stdout
    assert "docstore indexes sync" in before.stdout
    assert built.exit_code == 0
    created = json.loads(built.stdout)["created"]
    assert {"Post", "OutboxEntry"} <= {each["collection"] for each in created}
    assert after.exit_code == 0
    states = json.loads(after.stdout)["indexes"]
    assert {each["state"] for each in states} == {"present"}
    assert len(states) == len(created)


def test_status_of_a_synced_database_lists_nothing_unless_asked(run: Run, deployment: Settings) -> None:
    run("indexes", "sync")

    assert "ix_title" not in run("indexes", "status").stdout
    assert "ix_title" in run("indexes", "status", "--all").stdout


def test_export_writes_and_check_only_looks(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mongodb"

    assert run("indexes", "export", str(folder), "--check").exit_code == 1
    assert not folder.exists()
    assert run("indexes", "export", str(folder)).exit_code == 0
    assert (folder / "Post.json").is_file()
    assert run("indexes", "export", str(folder), "--check").exit_code == 0
