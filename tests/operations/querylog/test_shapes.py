"""Shapes tell fields and operators, and never a value."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId, Regex
from hypothesis import given
from hypothesis import strategies as st

from docstore.documents.guard.predicate import LIVING
from docstore.operations.querylog import Shape, shape_of
from docstore.operations.querylog.masking import masked_expression, masked_pipeline, placeholder

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x", "?str"),
        (None, "?null"),
        (True, "?bool"),
        (1, "?int"),
        (1.5, "?float"),
        (datetime.now(UTC), "?date"),
        (ObjectId(), "?objectId"),
        (["a", "b"], "?[str]"),
        ([1, "b"], "?[]"),
        ([], "?[]"),
        ({"nested": SECRET}, "?object"),
        (Regex("x"), "?regex"),
    ],
)
def test_a_value_becomes_its_type(value: Any, told: str) -> None:
    assert placeholder(value) == told


def test_a_find_keeps_fields_operators_and_order() -> None:
    shape = shape_of(
        "find",
        {
            "find": "Post",
            "filter": {"status": SECRET, "views": {"$gte": 3}, "$or": [{"a": 1}, {"b": {"$in": [SECRET]}}]},
            "sort": {"publishDate": -1, "_id": 1},
            "limit": 5,
            "projection": {"title": 1},
        },
    )

    assert shape is not None
    assert shape.filter == {
        "status": "?str",
        "views": {"$gte": "?int"},
        "$or": [{"a": "?int"}, {"b": {"$in": "?[str]"}}],
    }
    assert shape.sort == (("publishDate", -1), ("_id", 1))
    assert (shape.limited, shape.skips, shape.projected, shape.living) == (True, False, True, False)


@pytest.mark.parametrize(
    ("filter_", "living", "rest"),
    [
        ({"slug": "a", **LIVING}, True, {"slug": "?str"}),
        ({"$and": [{"status": "A"}, dict(LIVING)]}, True, {"status": "?str"}),
        (
            {"$and": [{"status": "A"}, {"n": 1}, dict(LIVING)], "k": 1},
            True,
            {"k": "?int", "$and": [{"status": "?str"}, {"n": "?int"}]},
        ),
        (dict(LIVING), True, {}),
        ({"deletedAt": None}, False, {"deletedAt": "?null"}),
    ],
)
def test_the_guards_own_conditions_are_told_in_one_word(
    filter_: dict[str, Any], living: bool, rest: dict[str, Any]
) -> None:
    shape = shape_of("find", {"find": "Post", "filter": filter_})

    assert shape is not None
    assert (shape.living, shape.filter) == (living, rest)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (
            "find",
            {"find": "c", "filter": {"a": SECRET, "b": {"$elemMatch": {"c": SECRET}}, "d": {"$not": {"$eq": SECRET}}}},
        ),
        (
            "find",
            {"find": "c", "filter": {"a": re.compile(SECRET), "b": {"$regex": f"^{SECRET}"}, "c": {"$in": [SECRET]}}},
        ),
        ("find", {"find": "c", "filter": {"$expr": {"$eq": ["$a", SECRET]}}, "comment": SECRET, "let": {"x": SECRET}}),
        # A value that looks like a field path, as password hashes do.
        ("find", {"find": "c", "filter": {"password": f"$2b$12${SECRET}"}}),
        (
            "aggregate",
            {"aggregate": "c", "pipeline": [{"$match": {"password": "$" + SECRET}}, {"$set": {"a": SECRET}}]},
        ),
        ("aggregate", {"aggregate": "c", "pipeline": [{"$project": {"a": {"$literal": "$" + SECRET}}}]}),
        (
            "aggregate",
            {
                "aggregate": "c",
                "pipeline": [{"$lookup": {"from": "o", "pipeline": [{"$match": {"a": SECRET}}], "as": "x"}}],
            },
        ),
        ("aggregate", {"aggregate": "c", "pipeline": [{"$search": {"text": {"query": SECRET}}}, {"$limit": 3}]}),
        ("aggregate", {"aggregate": "c", "pipeline": [{"$facet": {"x": [{"$match": {"a": SECRET}}]}}]}),
        ("update", {"update": "c", "updates": [{"q": {"a": SECRET}, "u": {"$set": {"b": SECRET}}}]}),
        ("update", {"update": "c", "updates": [{"q": {"a": SECRET}, "u": {"b": SECRET}}]}),
        ("update", {"update": "c", "updates": [{"q": {"a": SECRET}, "u": [{"$set": {"b": SECRET}}]}]}),
        ("findAndModify", {"findAndModify": "c", "query": {"a": SECRET}, "update": {"$set": {"b": SECRET}}}),
        ("insert", {"insert": "c", "documents": [{"a": SECRET}]}),
        ("distinct", {"distinct": "c", "key": "k", "query": {"a": SECRET}}),
        ("count", {"count": "c", "query": {"a": SECRET}}),
        ("delete", {"delete": "c", "deletes": [{"q": {"a": SECRET}, "limit": 0}]}),
    ],
)
def test_no_value_is_in_a_shape(name: str, command: dict[str, Any]) -> None:
    shape = shape_of(name, command)

    assert shape is not None
    assert SECRET not in shape.text
    assert shape.collection == "c"
    assert Shape.parse(shape.text) == shape or json.loads(shape.text.partition(" c ")[2])


@pytest.mark.parametrize("name", ["ping", "hello", "createIndexes", "explain", "saslStart", "commitTransaction"])
def test_other_commands_have_no_shape(name: str) -> None:
    assert shape_of(name, {name: 1}) is None


def test_a_pipeline_reads_by_its_leading_stages() -> None:
    shape = shape_of(
        "aggregate",
        {
            "aggregate": "Post",
            "pipeline": [
                {"$match": dict(LIVING)},
                {"$match": {"status": "A"}},
                {"$sort": {"views": -1}},
                {"$limit": 3},
                {"$match": {"later": 1}},
                {"$group": {"_id": "$author", "n": {"$sum": 1}}},
            ],
        },
    )

    assert shape is not None
    assert (shape.filter, shape.sort, shape.living) == ({"status": "?str"}, (("views", -1),), True)
    assert shape.limited


def test_conditions_in_another_order_are_the_same_shape_and_another_sort_is_not() -> None:
    def digest(filter_: dict[str, Any], sort: dict[str, int]) -> str:
        shape = shape_of("find", {"find": "c", "filter": filter_, "sort": sort})
        assert shape is not None
        return shape.digest

    assert digest({"a": 1, "b": "x"}, {"s": 1, "t": 1}) == digest({"b": "y", "a": 2}, {"s": 1, "t": 1})
    assert digest({"a": 1}, {"s": 1, "t": 1}) != digest({"a": 1}, {"t": 1, "s": 1})


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="$.\0"), min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        TEXT, VALUES | st.dictionaries(st.sampled_from(["$gt", "$in", "$ne"]), VALUES, max_size=2), max_size=4
    ),
    st.dictionaries(TEXT, st.sampled_from([1, -1]), max_size=3),
)
def test_every_shape_reads_back(filter_: dict[str, Any], sort: dict[str, int]) -> None:
    shape = shape_of("find", {"find": "Some.collection", "filter": filter_, "sort": sort})

    assert shape is not None
    assert Shape.parse(shape.text) == shape


@given(VALUES)
def test_expressions_and_pipelines_of_any_form_are_masked(value: Any) -> None:
    assert masked_pipeline([{"$set": {"a": value}}, value])
    assert masked_expression(value) is not None


@pytest.mark.parametrize("text", ["", "find", "find Post", "find Post {", "drop Post {}", "find Post []", "SELECT 1"])
def test_other_texts_are_no_shape(text: str) -> None:
    assert Shape.parse(text) is None
