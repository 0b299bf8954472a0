"""Indexes as wholes through the official client: settings, replicas, copies, moves, synonyms, rules, the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from algoliasearch.http.exceptions import RequestException
from algoliasearch.search.client import SearchClient

Fill = Callable[..., Any]


async def ids(client: SearchClient, index: str, **params: Any) -> list[str]:
    return [hit.object_id for hit in (await client.search_single_index(index, params)).hits]


async def test_settings_are_merged_and_null_resets(client: SearchClient, index: str) -> None:
    await client.set_settings(index, {"hitsPerPage": 5, "customRanking": ["desc(a)"]})
    await client.custom_put(f"1/indexes/{index}/settings", body={"hitsPerPage": None})
    settings = await client.get_settings(index)
    assert settings.hits_per_page == 20
    assert settings.custom_ranking == ["desc(a)"]


@pytest.fixture
async def sorted_index(client: SearchClient, index: str, fill: Fill) -> str:
    """An index with a standard and a virtual replica, both by price, descending."""
    replicas = [f"{index}-std", f"virtual({index}-virt)"]
    await fill(
        {"objectID": "1", "price": 1, "kind": "a"},
        {"objectID": "2", "price": 2, "kind": "b"},
        attributesForFaceting=["kind"],
        replicas=replicas,
    )
    await client.set_settings(f"{index}-std", {"ranking": ["desc(price)", "words"]})
    await client.set_settings(f"{index}-virt", {"customRanking": ["desc(price)"]})
    return index


async def test_replicas_follow_their_primary_in_their_own_order(client: SearchClient, sorted_index: str) -> None:
    await client.save_objects(sorted_index, [{"objectID": "3", "price": 3, "kind": "a"}])
    assert await ids(client, sorted_index) == ["1", "2", "3"]
    assert await ids(client, f"{sorted_index}-std") == ["3", "2", "1"]
    assert await ids(client, f"{sorted_index}-virt", filters="kind:a") == ["3", "1"]
    listed = {item.name: item for item in (await client.list_indices()).items}
    assert listed[f"{sorted_index}-std"].primary == sorted_index
    assert listed[f"{sorted_index}-virt"].virtual is True
    assert listed[sorted_index].replicas == [f"{sorted_index}-std", f"{sorted_index}-virt"]


async def test_settings_are_forwarded_only_when_asked(client: SearchClient, sorted_index: str) -> None:
    replica = f"{sorted_index}-std"
    await client.set_settings(sorted_index, {"hitsPerPage": 7})
    assert (await client.get_settings(replica)).hits_per_page == 20
    await client.set_settings(sorted_index, {"hitsPerPage": 7}, forward_to_replicas=True)
    forwarded = await client.get_settings(replica)
    assert forwarded.hits_per_page == 7
    assert forwarded.ranking == ["desc(price)", "words"]


async def test_a_replica_is_neither_written_nor_deleted_but_unlinked(client: SearchClient, sorted_index: str) -> None:
    replica = f"{sorted_index}-std"
    with pytest.raises(RequestException, match="write to the primary"):
        await client.save_objects(replica, [{"objectID": "9"}])
    with pytest.raises(RequestException, match="unlink it"):
        await client.delete_index(replica)
    await client.set_settings(sorted_index, {"replicas": []})
    await client.save_objects(sorted_index, [{"objectID": "9"}])
    assert await ids(client, replica) == ["2", "1"]
    await client.delete_index(replica)
    assert not await client.index_exists(replica)


async def test_deleting_a_primary_leaves_its_replicas_independent(client: SearchClient, sorted_index: str) -> None:
    await client.delete_index(sorted_index)
    assert await ids(client, f"{sorted_index}-std") == ["2", "1"]
    assert await ids(client, f"{sorted_index}-virt", filters="kind:a") == ["1"]
    await client.save_objects(f"{sorted_index}-std", [{"objectID": "9"}])


async def test_an_index_has_one_primary(client: SearchClient, sorted_index: str) -> None:
    for name, replicas in (
        (f"{sorted_index}-other", [f"{sorted_index}-std"]),
        (f"{sorted_index}-std", ["chained"]),
        (sorted_index, [sorted_index]),
    ):
        with pytest.raises(RequestException, match="replica"):
            await client.set_settings(name, {"replicas": replicas})


async def test_move_over_an_index_keeps_its_replicas(client: SearchClient, sorted_index: str) -> None:
    temporary = f"{sorted_index}-tmp"
    await client.operation_index(sorted_index, {"operation": "copy", "destination": temporary, "scope": ["settings"]})
    await client.save_objects(temporary, [{"objectID": "7", "price": 7}, {"objectID": "8", "price": 8}])
    await client.operation_index(temporary, {"operation": "move", "destination": sorted_index})
    assert await ids(client, f"{sorted_index}-std") == ["8", "7"]
    moved = await client.get_settings(sorted_index)
    assert moved.attributes_for_faceting == ["kind"]
    assert moved.replicas == [f"{sorted_index}-std", f"virtual({sorted_index}-virt)"]
    assert not await client.index_exists(temporary)


async def test_copies(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1"}, hitsPerPage=3)
    await client.save_synonym(index, "s", {"objectID": "s", "type": "synonym", "synonyms": ["a", "b"]})
    whole, part, empty = (f"{index}-{name}" for name in ("whole", "part", "empty"))
    await client.operation_index(index, {"operation": "copy", "destination": whole})
    await client.operation_index(index, {"operation": "copy", "destination": part, "scope": ["synonyms"]})
    await client.operation_index(f"{index}-none", {"operation": "copy", "destination": empty})
    await client.operation_index(f"{index}-none", {"operation": "move", "destination": whole})
    assert await ids(client, whole) == ["1"]
    assert (await client.get_settings(whole)).hits_per_page == 3
    assert await ids(client, part) == []
    assert (await client.get_synonym(part, "s")).synonyms == ["a", "b"]
    assert (await client.get_settings(part)).hits_per_page == 20
    assert await ids(client, empty) == []


async def test_a_copy_does_not_share_records(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1"})
    await client.operation_index(index, {"operation": "copy", "destination": f"{index}-c"})
    await client.clear_objects(index)
    assert await ids(client, f"{index}-c") == ["1"]


async def test_no_copy_over_an_index_with_replicas(client: SearchClient, sorted_index: str) -> None:
    with pytest.raises(RequestException, match="has replicas"):
        await client.operation_index("any", {"operation": "copy", "destination": sorted_index})


async def test_synonyms_are_managed_and_searched(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1", "t": "a yt channel"}, {"objectID": "2", "t": "youtube"}, {"objectID": "3", "t": "tv"})
    synonyms = [
        {"objectID": "a", "type": "synonym", "synonyms": ["youtube", "yt"]},
        {"objectID": "b", "type": "oneWaySynonym", "input": "telly", "synonyms": ["tv"]},
    ]
    await client.save_synonyms(index, synonyms)
    assert await ids(client, index, query="youtube") == ["2", "1"]
    assert await ids(client, index, query="telly") == ["3"]
    assert (await client.search_synonyms(index, {"query": "tele"})).nb_hits == 0
    assert (await client.search_synonyms(index, {"type": "synonym"})).nb_hits == 1
    await client.delete_synonym(index, "a")
    assert await ids(client, index, query="youtube") == ["2"]
    await client.save_synonyms(index, synonyms[:1], replace_existing_synonyms=True)
    assert [hit.object_id for hit in (await client.search_synonyms(index)).hits] == ["a"]
    await client.clear_synonyms(index)
    with pytest.raises(RequestException, match="Synonym set does not exist"):
        await client.get_synonym(index, "a")
    with pytest.raises(RequestException, match="synonym type"):
        await client.custom_post(f"1/indexes/{index}/synonyms/batch", body=[{"objectID": "x", "type": "?"}])


async def test_rules_are_managed_and_applied(client: SearchClient, index: str, fill: Fill) -> None:
    await fill(*({"objectID": str(n), "t": "phone", "n": n} for n in range(4)))
    rule = {
        "objectID": "r",
        "conditions": [{"pattern": "cheap", "anchoring": "contains"}],
        "consequence": {
            "params": {"query": {"remove": ["cheap"]}, "filters": "n < 3"},
            "promote": [{"objectID": "2", "position": 0}],
            "hide": [{"objectID": "0"}],
            "userData": {"banner": 1},
        },
    }
    await client.save_rules(index, [rule])
    found = await client.search_single_index(index, {"query": "cheap phone"})
    assert [hit.object_id for hit in found.hits] == ["2", "1"]
    assert found.user_data == [{"banner": 1}]
    assert await ids(client, index, query="cheap phone", enableRules=False) == []
    assert (await client.get_rule(index, "r")).object_id == "r"
    assert (await client.search_rules(index, {"query": "cheap"})).nb_hits == 1
    await client.save_rule(index, "r", {**rule, "enabled": False})
    assert await ids(client, index, query="cheap phone") == []
    await client.clear_rules(index)
    with pytest.raises(RequestException, match="does not exist"):
        await client.get_rule(index, "r")


async def test_configuration_is_forwarded_to_replicas(client: SearchClient, sorted_index: str) -> None:
    synonym = {"objectID": "s", "type": "synonym", "synonyms": ["a", "b"]}
    await client.save_synonyms(sorted_index, [synonym], forward_to_replicas=True)
    assert (await client.get_synonym(f"{sorted_index}-std", "s")).synonyms == ["a", "b"]


async def test_tasks(client: SearchClient, index: str, fill: Fill) -> None:
    saved = await client.save_object(index, {"a": 1})
    assert (await client.get_task(index, saved.task_id)).status == "published"
    with pytest.raises(RequestException, match="does not exist"):
        await client.get_task(index, 10**12)


async def test_the_list_is_paged(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1"})
    await client.save_object(f"{index}-b", {"a": 1})
    page = await client.list_indices(page=1, hits_per_page=1)
    assert len(page.items) == 1
    assert (page.nb_pages or 0) >= 2
