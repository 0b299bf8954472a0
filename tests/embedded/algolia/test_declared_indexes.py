"""The declared indexes in `indexes/algolia/` are what Algolia would take, and sort as their names say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from algoliasearch.search.client import SearchClient

FOLDER = Path(__file__).parents[3] / "indexes" / "algolia"
FILES = sorted(FOLDER.glob("*.json"))


def declared(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_there_is_one_file_an_index() -> None:
    assert [path.stem for path in FILES] == ["accounts", "categories", "posts"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_server_takes_every_file(client: SearchClient, index: str, path: Path) -> None:
    content = declared(path)
    assert set(content) <= {"settings", "synonyms", "rules", "replicas"}
    assert content["settings"].get("replicas", []) == list(content.get("replicas", {}))
    settings = {**content["settings"], "replicas": [f"{index}-{n}" for n in content.get("replicas", {})]}
    await client.set_settings(index, settings)
    await client.save_synonyms(index, content["synonyms"])
    await client.save_rules(index, content["rules"])
    held = (await client.get_settings(index)).to_dict()
    assert {name: held[name] for name in settings} == settings


@pytest.mark.parametrize("field", [("followed", "followerCount"), ("rating", "rating"), ("review", "reviewCount")])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_account_replicas_sort(client: SearchClient, index: str, field: tuple[str, str], order: str) -> None:
    content = declared(FOLDER / "accounts.json")
    replica = f"{index}-{order}"
    await client.set_settings(index, {**content["settings"], "replicas": [replica]})
    await client.set_settings(replica, content["replicas"][f"accounts_{field[0]}_{order}"])
    await client.save_objects(index, [{"objectID": str(n), field[1]: n} for n in (2, 1, 3)])
    hits = (await client.search_single_index(replica)).hits
    assert [hit.object_id for hit in hits] == (["1", "2", "3"] if order == "asc" else ["3", "2", "1"])
