"""The filter of a page: one stretch of an index to start in, then exactly what lies behind the place."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from docstore.documents.pages.keyset import beyond
from docstore.documents.pages.order import SortKey, total_order
from docstore.errors import PageError

DAY = datetime(2024, 5, 1, tzinfo=UTC)
ID = ObjectId(b"5" * 12)
NEWEST = (SortKey("publishDate", False), SortKey("_id", False))
OLDEST = (SortKey("publishDate", True), SortKey("_id", True))


def test_by_id_alone_it_is_a_bare_range() -> None:
    assert beyond((SortKey("_id", True),), (ID,)) == {"_id": {"$gt": ID}}
    assert beyond((SortKey("_id", False),), (ID,), inclusive=True) == {"_id": {"$lte": ID}}


def test_oldest_first() -> None:
    assert beyond(OLDEST, (DAY, ID)) == {
        "publishDate": {"$gte": DAY},
        "$or": [{"publishDate": {"$gt": DAY}}, {"publishDate": {"$eq": DAY}, "_id": {"$gt": ID}}],
    }


def test_newest_first_goes_on_to_what_has_no_date() -> None:
    filter = beyond(NEWEST, (DAY, ID))
    assert filter["publishDate"] == {"$not": {"$gt": DAY}}
    assert {"publishDate": {"$lt": DAY}} in filter["$or"]
    assert {"publishDate": {"$eq": None}} in filter["$or"]
    assert filter["$or"][-1] == {"publishDate": {"$eq": DAY}, "_id": {"$lt": ID}}


def test_among_what_has_no_date_only_the_id_decides() -> None:
    assert beyond(NEWEST, (None, ID)) == {
        "publishDate": {"$eq": None},
        "$or": [{"publishDate": {"$eq": None}, "_id": {"$lt": ID}}],
    }
    assert beyond(OLDEST, (None, ID))["$or"][0] == {"publishDate": {"$ne": None}}


def test_mixed_directions() -> None:
    order = (SortKey("featured", False), SortKey("title", True), SortKey("_id", True))
    alternatives = beyond(order, (True, "m", ID))["$or"]
    assert {"featured": {"$lt": True}} in alternatives
    assert {"featured": {"$eq": True}, "title": {"$gt": "m"}} in alternatives
    assert alternatives[-1] == {"featured": {"$eq": True}, "title": {"$eq": "m"}, "_id": {"$gt": ID}}


def test_every_value_stands_under_an_operator() -> None:
    def values(filter: Any) -> Any:
        for name, condition in filter.items():
            if name == "$or":
                for each in condition:
                    yield from values(each)
            else:
                yield condition

    for condition in values(beyond((SortKey("a", True), SortKey("_id", True)), ("$where", ID))):
        assert all(operator.startswith("$") for operator in condition)


def test_the_order_is_made_total() -> None:
    assert total_order([("publishDate", -1)], "Post") == NEWEST
    assert total_order([], "Post") == (SortKey("_id", True),)
    assert total_order([("a", 1), ("_id", -1), ("b", 1)], "Post") == (SortKey("a", True), SortKey("_id", False))
    assert total_order([("a", 1), ("a", -1)], "Post") == (SortKey("a", True), SortKey("_id", True))
    with pytest.raises(PageError, match="cannot be sorted by 'score'"):
        total_order([("score", {"$meta": "textScore"})], "Post")
