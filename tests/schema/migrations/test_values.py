"""Exact equality, and what lies between two states of a document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from docstore.schema.migrations.values import (
    MISSING,
    copied,
    difference,
    holders,
    pop_at,
    put_state,
    same,
    set_at,
    value_at,
)

NAMES = st.sampled_from(["a", "b", "c", "x.y", "$z", ""])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.floats(width=16), st.text("ab", max_size=2))
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3))
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, max_size=4)


def test_types_count_and_the_order_of_fields_does_not() -> None:
    assert not same(1, True)
    assert not same(1, 1.0)
    assert not same(1, Int64(1))
    assert not same(None, MISSING)
    assert not same({"a": None}, {})
    assert same(float("nan"), float("nan"))
    assert same({"a": 1, "b": [ObjectId("0" * 24)]}, {"b": [ObjectId("0" * 24)], "a": 1})
    assert not same([1, 2], [2, 1])
    assert same(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))


@given(old=DOCUMENTS, new=DOCUMENTS)
def test_a_difference_leads_there_and_back(old: dict[str, Any], new: dict[str, Any]) -> None:
    change = difference(old, new)
    there = copied(old)
    put_state(there, change.to)
    assert same(there, new)
    put_state(there, change.was)
    assert same(there, old)
    assert bool(change) != same(old, new)
    for path in change.was:
        assert not any(path != other and path.startswith(f"{other}.") for other in change.was)


def test_a_difference_is_as_small_as_mongodb_can_say_it() -> None:
    assert difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}).to == {"a.c": 3}
    assert difference({"a": {"b.c": 1, "d": 1}}, {"a": {"b.c": 2, "d": 1}}).to == {"a": {"b.c": 2, "d": 1}}
    assert difference({"a": [1, 2]}, {"a": [1, 3]}).to == {"a": [1, 3]}
    assert difference({}, {"a": {"b": 1}}).was == {"a": MISSING}


def test_paths_lead_through_lists_only_where_they_are_asked_to() -> None:
    document = {"a": [{"b": 1}, {"c": 2}, 3], "d": None}
    assert value_at(document, "a.b") is MISSING
    assert [(holder, name) for holder, name in holders(document, "a.b")] == [({"b": 1}, "b"), ({"c": 2}, "b")]
    set_at(document, "d.e", 1)
    assert document["d"] == {"e": 1}
    assert pop_at(document, "d.e") == 1
    assert pop_at(document, "nowhere.e") is MISSING
    with pytest.raises(ValueError, match="no sub-document but list"):
        set_at(document, "a.b.c", 1)
