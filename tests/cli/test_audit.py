"""`docstore audit`."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from pymongo import MongoClient

from docstore.settings import Settings

Run = Callable[..., Result]


def test_a_sealed_log_is_whole_until_somebody_alters_it(run: Run, deployment: Settings) -> None:
    assert run("seed", "--only", "Tag").exit_code == 0
    sealed = json.loads(run("audit", "seal", "--json").stdout)
    assert sealed["entries"] > 0
    again = run("audit", "seal")
    verified = run("audit", "verify", "--anchor", sealed["anchor"])

    assert "Nothing to seal" in again.stdout
    assert verified.exit_code == 0
    assert "The audit log is whole" in verified.stdout

    with MongoClient(deployment.mongo_uri.get_secret_value()) as client:
        client[deployment.database_name]["AuditEntry"].update_one({}, {"$set": {"actor": "somebody else"}})
    found = run("audit", "verify", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["problems"][0]["kind"] == "altered"
    assert run("audit", "verify", "--collection", "Author").exit_code == 0
    misspelled = run("audit", "verify", "--collection", "Authors", "--json")
    assert misspelled.exit_code == 1
    told = json.loads(misspelled.stdout)["error"]
    assert (told["code"], told["message"]) == ("not_found", "there is no audited collection 'Authors'.")
    assert " Author, " in told["hint"]
    assert run("audit", "verify", "--anchor", f"9:{'0' * 64}").exit_code == 1
    for cut_off in ("9:x", sealed["anchor"][:-1], "zz"):
        refused = run("audit", "verify", "--anchor", cut_off)
        assert refused.exit_code == 2
        assert "64 hexadecimal digits" in refused.stderr


def test_a_key_of_the_settings_seals(run: Run, deployment: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", "only the auditor has it")
    run("seed", "--only", "Tag")
    run("audit", "seal")
    assert run("audit", "verify").exit_code == 0
    monkeypatch.setenv("AUDIT_KEY", "another")
    assert run("audit", "verify").exit_code == 1
