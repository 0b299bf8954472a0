"""`docstore search`."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from pymongo import MongoClient

from docstore.settings import Settings

Run = Callable[..., Result]


def test_an_index_is_built_looked_at_spoiled_and_mended(run: Run, deployment: Settings) -> None:
    assert run("seed", "--only", "Category").exit_code == 0
    missing = run("search", "status", "categories")
    assert missing.exit_code == 1
    assert "missing" in missing.stdout
    dry = json.loads(run("search", "reindex", "categories", "--dry-run", "--json").stdout)
    assert (dry["dryRun"], dry["indexes"][0]["previous"]) == (True, 0)
    assert dry["indexes"][0]["records"] > 0
    built = run("search", "reindex", "categories")
    assert built.exit_code == 0, built.stderr
    assert run("search", "status", "categories").exit_code == 0
    assert run("search", "verify", "categories", "--grace", "0").exit_code == 0

    with MongoClient(deployment.mongo_uri.get_secret_value()) as client:
        client[deployment.database_name]["Category"].update_many({}, {"$set": {"name": "Foreign"}})
    differs = run("search", "verify", "categories", "--grace", "0")
    assert differs.exit_code == 1
    assert "--mend" in differs.stdout
    mended = json.loads(run("search", "verify", "categories", "--grace", "0", "--mend", "--json").stdout)
    assert mended["ok"]
    assert mended["indexes"][0]["mended"]["saved"]["categories"] > 0
    assert "Every record" in run("search", "sync", "categories").stdout
    everything = json.loads(run("search", "sync", "categories", "--all", "--json").stdout)
    assert everything["saved"]["categories"] > 0


def test_settings_go_out_and_come_back(run: Run, deployment: Settings, tmp_path: Path) -> None:
    assert run("search", "settings", "diff").exit_code == 1
    assert "accounts_rating_desc" in run("search", "settings", "push").stdout
    same = run("search", "settings", "diff")
    assert same.exit_code == 0, same.stdout
    pulled = json.loads(run("search", "settings", "pull", "--dir", str(tmp_path), "--json").stdout)
    assert pulled["changed"] == {"accounts": True, "categories": True, "posts": True}
    made = json.loads((tmp_path / "accounts.json").read_text())
    assert made["replicas"]["accounts_rating_desc"]["ranking"][0] == "desc(rating)"
    assert len(made["synonyms"]) == 3
    assert run("search", "settings", "diff", "--dir", str(tmp_path)).exit_code == 0
    made["settings"]["hitsPerPage"] = 7
    made["synonyms"] = []
    (tmp_path / "accounts.json").write_text(json.dumps(made))
    differs = json.loads(run("search", "settings", "diff", "accounts", "--dir", str(tmp_path), "--json").stdout)
    assert {each["what"] for each in differs["differences"]} == {
        "hitsPerPage",
        "synonyms platform-youtube",
        "synonyms platform-instagram",
        "synonyms platform-twitter",
    }
    assert run("search", "settings", "push", "accounts", "--dir", str(tmp_path)).exit_code == 0
    assert run("search", "settings", "diff", "accounts", "--dir", str(tmp_path)).exit_code == 0


def test_an_index_that_is_none_is_told(run: Run, deployment: Settings) -> None:
    unknown = run("search", "verify", "nothing")
    assert unknown.exit_code == 1
    assert "accounts, categories, posts" in unknown.stderr
