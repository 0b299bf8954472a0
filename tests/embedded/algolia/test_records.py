"""Records through the official client: written, changed, read, deleted, refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from algoliasearch.http.exceptions import RequestException
from algoliasearch.search.client import SearchClient

Fill = Callable[..., Any]


async def test_save_replaces_whole_records(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1", "a": 1, "b": 2})
    await fill({"objectID": "1", "a": 3})
    assert await client.get_object(index, "1") == {"objectID": "1", "a": 3}


async def test_object_ids_may_hold_any_character(client: SearchClient, index: str) -> None:
    for object_id in ("a/b", "ü ?&#%", "settings"):
        await client.add_or_update_object(index, object_id, {"v": object_id})
    await client.partial_update_object(index, "a/b", {"w": 1})
    assert await client.get_object(index, "a/b") == {"objectID": "a/b", "v": "a/b", "w": 1}
    assert (await client.get_object(index, "ü ?&#%"))["v"] == "ü ?&#%"
    await client.delete_object(index, "a/b")
    with pytest.raises(RequestException, match="ObjectID does not exist"):
        await client.get_object(index, "a/b")


async def test_save_object_makes_an_id(client: SearchClient, index: str) -> None:
    saved = await client.save_object(index, {"a": 1})
    assert saved.object_id
    assert (await client.get_object(index, saved.object_id))["a"] == 1


@pytest.mark.parametrize(
    ("before", "operation", "value", "after"),
    [
        (5, "Increment", 2, 7),
        (5, "Decrement", 2, 3),
        (None, "Increment", 2, 2),
        (["x"], "Add", "x", ["x", "x"]),
        (["x"], "AddUnique", "x", ["x"]),
        (["x"], "AddUnique", "y", ["x", "y"]),
        (["x", "y", "x"], "Remove", "x", ["y"]),
        (5, "IncrementFrom", 5, 6),
        (5, "IncrementFrom", 4, 5),
        (5, "IncrementSet", 9, 9),
        (5, "IncrementSet", 5, 5),
    ],
)
async def test_built_in_operations(
    client: SearchClient, index: str, fill: Fill, before: Any, operation: str, value: Any, after: Any
) -> None:
    await fill({"objectID": "1", "n": before} if before is not None else {"objectID": "1"})
    await client.partial_update_object(index, "1", {"n": {"_operation": operation, "value": value}})
    assert (await client.get_object(index, "1"))["n"] == after


async def test_a_conditional_increment_that_fails_changes_nothing_else(
    client: SearchClient, index: str, fill: Fill
) -> None:
    await fill({"objectID": "1", "version": 3, "name": "old"})
    stale = {"version": {"_operation": "IncrementFrom", "value": 2}, "name": "stale"}
    await client.partial_update_object(index, "1", stale)
    assert await client.get_object(index, "1") == {"objectID": "1", "version": 3, "name": "old"}


async def test_partial_update_creates_only_when_asked(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1"})
    await client.partial_update_object(index, "2", {"a": 1}, create_if_not_exists=False)
    await client.partial_update_objects(index, [{"objectID": "3", "a": 1}])
    await client.partial_update_object(index, "4", {"a": 1}, create_if_not_exists=True)
    found = await client.search_single_index(index)
    assert [hit.object_id for hit in found.hits] == ["1", "4"]


async def test_a_bad_entry_refuses_the_whole_batch(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1"})
    good = {"action": "addObject", "body": {"objectID": "2"}}
    for bad, message in (
        ({"action": "updateObject", "body": {"a": 1}}, "objectID missing"),
        ({"action": "explode", "body": {}}, "Invalid batch action"),
        ({"action": "updateObject", "body": {"objectID": "3", "t": "x" * 200_000}}, "is too big"),
        (
            {"action": "partialUpdateObject", "body": {"objectID": "1", "n": {"_operation": "Halve"}}},
            "Invalid _operation",
        ),
    ):
        with pytest.raises(RequestException, match=message) as refused:
            await client.custom_post(f"1/indexes/{index}/batch", body={"requests": [good, bad]})
        assert refused.value.status_code == 400
    assert (await client.search_single_index(index)).nb_hits == 1


async def test_batch_actions_in_order(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "old"})
    actions = [("clear", {}), ("addObject", {"objectID": "a"}), ("deleteObject", {"objectID": "a"})]
    actions.append(("addObject", {"objectID": "b"}))
    requests = [{"action": kind, "body": body} for kind, body in actions]
    answer = await client.batch(index, {"requests": requests})
    assert answer.object_ids == ["a", "a", "b"]
    assert [hit.object_id for hit in (await client.search_single_index(index)).hits] == ["b"]


async def test_several_indexes_in_one_batch(client: SearchClient, index: str) -> None:
    names = [f"{index}-a", f"{index}-b"]
    requests = [{"action": "addObject", "indexName": n, "body": {"objectID": n}} for n in names]
    answer = await client.multiple_batch({"requests": requests})
    assert sorted(answer.task_id) == names
    fetched = await client.get_objects({"requests": [{"indexName": n, "objectID": n} for n in names]})
    assert [found["objectID"] for found in fetched.results] == names


async def test_get_objects_says_null_for_the_absent(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1", "a": 1, "b": 2})
    wanted = [
        {"indexName": index, "objectID": "1", "attributesToRetrieve": ["b"]},
        {"indexName": index, "objectID": "none"},
    ]
    answer = await client.get_objects({"requests": wanted})
    assert answer.results == [{"objectID": "1", "b": 2}, None]


async def test_delete_by_filter(client: SearchClient, index: str, fill: Fill) -> None:
    await fill(*({"objectID": str(n), "n": n} for n in range(10)))
    await client.delete_by(index, {"filters": "n >= 3"})
    assert (await client.search_single_index(index)).nb_hits == 3
    with pytest.raises(RequestException, match="only supports deletion with filters"):
        await client.delete_by(index, {})


async def test_deleting_what_is_absent_is_no_error(client: SearchClient, index: str) -> None:
    await client.delete_object(index, "none")
    await client.clear_objects(index)
    await client.delete_index(index)
    assert not await client.index_exists(index)


async def test_browse_reaches_every_record_once_while_others_are_written(
    client: SearchClient, index: str, fill: Fill
) -> None:
    await fill(*({"objectID": f"{n:03}", "n": n} for n in range(50)))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await client.browse(index, {"cursor": cursor} if cursor else {"hitsPerPage": 7})
        seen += [hit.object_id for hit in page.hits]
        await client.delete_object(index, seen[0])
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [f"{n:03}" for n in range(50)]


async def test_browse_filters_and_selects(client: SearchClient, index: str, fill: Fill) -> None:
    await fill(*({"objectID": str(n), "n": n, "x": 1} for n in range(5)))
    page = await client.browse(index, {"filters": "n > 2", "attributesToRetrieve": ["n"]})
    assert [hit.to_dict() for hit in page.hits] == [{"objectID": "3", "n": 3}, {"objectID": "4", "n": 4}]


@pytest.mark.parametrize("call", ["search_single_index", "browse", "get_settings"])
async def test_an_unknown_index_is_404(client: SearchClient, index: str, call: str) -> None:
    with pytest.raises(RequestException, match=f"Index {index} does not exist") as missing:
        await getattr(client, call)(index)
    assert missing.value.status_code == 404


async def test_replace_all_objects_keeps_settings(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "old"}, searchableAttributes=["name"])
    await client.replace_all_objects(index, [{"objectID": "new", "name": "n"}])
    assert [hit.object_id for hit in (await client.search_single_index(index)).hits] == ["new"]
    assert (await client.get_settings(index)).searchable_attributes == ["name"]
    listed = await client.list_indices()
    assert [i.name for i in listed.items if i.name.startswith(f"{index}_tmp")] == []
