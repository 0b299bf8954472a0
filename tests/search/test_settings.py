"""Declared settings reach the search engine, replicas included."""

from __future__ import annotations

from docstore.clients import SearchIndex
from docstore.search import ALL_RECORDS, push_settings
from docstore.search.settings import declared_settings


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
