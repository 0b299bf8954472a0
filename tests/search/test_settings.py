"""Declared settings reach the search engine, replicas included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from docstore.clients import SearchIndex
from docstore.errors import DocstoreError
from docstore.search import ALL_RECORDS, declared_settings, pull_settings, push_settings, settings_differences


async def test_every_index_of_records_is_declared() -> None:
    assert set(declared_settings()) == {record.index for record in ALL_RECORDS}


async def test_settings_are_pushed(index: SearchIndex) -> None:
    pushed = await push_settings(index)
    for name, declared in declared_settings().items():
        assert name in pushed
        held = await index.get_settings(name)
        assert held["searchableAttributes"] == declared["settings"]["searchableAttributes"]
        assert held["attributesForFaceting"] == declared["settings"]["attributesForFaceting"]
    replica = await index.get_settings("accounts_rating_desc")
    ranking = replica["ranking"]
    assert isinstance(ranking, list)
    assert ranking[0] == "desc(rating)"


async def test_a_sorted_replica_follows_its_primary(index: SearchIndex) -> None:
    await push_settings(index)
    await index.save_objects("accounts", [{"objectID": "a", "rating": 1}, {"objectID": "b", "rating": 5}])
    page = await index.search("accounts_rating_desc")
    assert [hit["objectID"] for hit in page.hits] == ["b", "a"]


async def test_pushing_twice_changes_nothing(index: SearchIndex) -> None:
    await push_settings(index)
    before = await index.get_settings("accounts")
    await push_settings(index)
    assert await index.get_settings("accounts") == before


async def test_a_replica_that_is_there_gets_what_changed_in_its_primary(index: SearchIndex, tmp_path: Path) -> None:
    declared = json.loads(json.dumps(declared_settings()["accounts"]))
    await push_settings(index, ["accounts"])
    declared["settings"]["attributesForFaceting"].append("madeUp")
    (tmp_path / "accounts.json").write_text(json.dumps(declared))
    found = {(each.index, each.what) for each in await settings_differences(index, folder=tmp_path)}
    replicas = declared["settings"]["replicas"]
    assert found == {(each, "attributesForFaceting") for each in ("accounts", *replicas)}
    await push_settings(index, folder=tmp_path)
    for name in replicas:
        held = await index.get_settings(name)
        assert "madeUp" in str(held["attributesForFaceting"])
        assert held["ranking"] == declared["replicas"][name]["ranking"]
    assert await settings_differences(index, folder=tmp_path) == []


async def test_the_file_of_a_replica_says_what_is_its_own(index: SearchIndex, tmp_path: Path) -> None:
    await push_settings(index, ["accounts"])
    await index.set_settings("accounts_rating_asc", {"hitsPerPage": 7})
    await pull_settings(index, tmp_path, ["accounts"])
    made = declared_settings(tmp_path)["accounts"]["replicas"]
    assert made["accounts_rating_asc"].keys() == {"ranking", "hitsPerPage"}
    assert made["accounts_rating_desc"].keys() == {"ranking"}
    assert await settings_differences(index, folder=tmp_path) == []


async def test_virtual_replicas_keep_to_their_own_few_settings(index: SearchIndex, tmp_path: Path) -> None:
    declared = {
        "settings": {"hitsPerPage": 5, "replicas": ["virtual(things_newest)"]},
        "replicas": {"things_newest": {"customRanking": ["desc(created)"]}},
    }
    (tmp_path / "things.json").write_text(json.dumps(declared))
    assert await push_settings(index, folder=tmp_path) == ("things", "things_newest")
    assert await settings_differences(index, folder=tmp_path) == []
    await pull_settings(index, tmp_path, ["things"])
    assert declared_settings(tmp_path)["things"]["replicas"] == declared["replicas"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"settings": {}, "synonyms": 5}, "synonyms"),
        ({"settings": {}, "rules": [{"conditions": []}]}, "rules"),
        ({"settings": {"replicas": 5}}, "settings.replicas"),
        ({"settings": {}, "replicas": ["posts_by_date"]}, "replicas"),
        ({"settings": {"replicas": ["virtual(posts_a)"]}, "replicas": {"posts_a": {}, "posts_typo": {}}}, "posts_typo"),
    ],
)
async def test_a_file_that_does_not_fit_is_told_before_anything_is_pushed(
    index: SearchIndex, tmp_path: Path, content: Any, told: str
) -> None:
    (tmp_path / "posts.json").write_text(json.dumps(content), encoding="utf-8")
    for call in (push_settings, settings_differences):
        with pytest.raises(DocstoreError, match=told):
            await call(index, ["posts"], folder=tmp_path)
    assert not await index.list_indexes()


async def test_a_folder_that_is_not_there_is_told(index: SearchIndex, tmp_path: Path) -> None:
    with pytest.raises(DocstoreError, match="no such folder"):
        await push_settings(index, folder=tmp_path / "typo")
    await push_settings(index, ["categories"])
    assert await pull_settings(index, tmp_path / "new", ["categories"]) == {"categories": True}
