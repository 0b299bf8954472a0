"""What queries need of indexes: equality, sort, range."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.operations.advice.needs import Fit, Need, fit, ideal_keys, needs_of
from docstore.operations.querylog import shape_of


def needs(filter_: dict[str, Any], sort: dict[str, int] | None = None) -> list[Need]:
    shape = shape_of("find", {"find": "c", "filter": filter_, "sort": sort})
    assert shape is not None
    return needs_of(shape)


def test_conditions_are_equalities_ranges_or_of_no_use() -> None:
    (need,) = needs(
        {
            "a": 1,
            "b": {"$in": [1, 2]},
            "c": {"$gte": 1, "$lt": 2},
            "d": {"$regex": "^x"},
            "e": {"$regex": "x"},
            "f": {"$ne": 1},
            "g": {"$elemMatch": {"h": 1, "i": {"$gt": 2}}},
            "$and": [{"j": 1}, {"k": {"$exists": True}}],
            "$expr": {"$eq": ["$l", 1]},
        },
        {"m": -1, "a": 1},
    )

    assert need.equality == {"a", "b", "g.h", "j"}
    assert need.ranges == ("c", "d", "g.i")
    assert need.ordering == (("m", -1),)


def test_each_branch_of_an_or_has_its_need() -> None:
    assert needs({"a": 1, "$or": [{"b": 1}, {"c": {"$gt": 2}}]}) == [
        Need(frozenset({"a", "b"})),
        Need(frozenset({"a"}), (), ("c",)),
    ]


@pytest.mark.parametrize(
    "filter_", [{}, {"a": {"$ne": 1}}, {"$or": [{"a": 1}, {"b": {"$ne": 2}}]}, {"a": {"$not": {"$gt": 1}}}]
)
def test_what_no_index_helps_needs_none(filter_: dict[str, Any]) -> None:
    assert needs(filter_) == []


def test_inserts_need_none() -> None:
    shape = shape_of("insert", {"insert": "c", "documents": [{}]})
    assert shape is not None
    assert needs_of(shape) == []


NEED = Need(frozenset({"a", "b"}), (("s", -1), ("t", 1)), ("r",))


@pytest.mark.parametrize(
    ("keys", "meets", "sorts", "equality"),
    [
        ([("a", 1), ("b", 1), ("s", -1), ("t", 1)], True, True, ("a", "b")),
        ([("b", 1), ("a", -1), ("s", 1), ("t", -1), ("z", 1)], True, True, ("b", "a")),
        ([("a", 1), ("b", 1), ("s", -1), ("t", -1)], False, False, ("a", "b")),
        ([("a", 1), ("b", 1), ("s", -1)], False, False, ("a", "b")),
        ([("a", 1), ("s", -1), ("b", 1), ("t", 1)], False, True, ("a",)),
        ([("s", -1), ("t", 1)], False, True, ()),
        ([("z", 1), ("a", 1), ("b", 1)], False, False, ()),
        ([("a", "text")], False, False, ()),
    ],
)
def test_an_index_meets_a_need_by_equality_then_sort(
    keys: Any, meets: bool, sorts: bool, equality: tuple[str, ...]
) -> None:
    found = fit(keys, NEED)

    assert (found.meets(NEED), found.sorts, found.equality) == (meets, sorts, equality)


def test_a_range_without_a_sort_wants_its_key_bounded() -> None:
    need = Need(frozenset({"a"}), (), ("r",))

    assert fit([("a", 1), ("r", 1)], need).meets(need)
    assert not fit([("a", 1)], need).meets(need)
    assert fit([("r", 1)], need).helps
    assert fit([("a", "hashed")], Need(frozenset({"a"}))) == Fit(("a",), sorts=True)


def test_the_ideal_index_has_the_most_telling_equality_first_and_no_more_than_it_takes() -> None:
    distinct = {"a": 3, "b": 50}
    assert ideal_keys(NEED, distinct, 10_000) == (("b", 1), ("a", 1), ("s", -1), ("t", 1), ("r", 1))
    assert ideal_keys(NEED, {"a": 3, "b": 10_000}, 10_000) == (("b", 1),)


FIELDS = st.sampled_from("abcd")


@given(
    st.frozensets(FIELDS, max_size=3),
    st.lists(st.tuples(st.sampled_from("stab"), st.sampled_from([1, -1])), max_size=2, unique_by=lambda key: key[0]),
    st.lists(st.sampled_from("rqa"), max_size=1),
    st.dictionaries(FIELDS, st.integers(1, 20)),
)
def test_the_ideal_index_always_meets_its_need(
    equality: frozenset[str], sort: list[tuple[str, int]], ranges: list[str], distinct: dict[str, int]
) -> None:
    need = Need(equality, tuple(sort), tuple(name for name in ranges if name not in equality))
    keys = ideal_keys(need, distinct, 10_000_000)

    assert bool(keys) == bool(need.fields)
    if keys:
        assert fit(keys, need).meets(need)
        assert len({name for name, _ in keys}) == len(keys)
