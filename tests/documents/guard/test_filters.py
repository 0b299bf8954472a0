"""Filters: narrowed to a scope, with no word in them that says otherwise."""

from typing import Any

import pytest
from bson import Code, ObjectId
from bson.son import SON
from hypothesis import given
from hypothesis import strategies as st

from docstore.documents.guard import DELETED, LIVING, Scope
from docstore.documents.guard.filters import conjunction, narrow
from docstore.documents.guard.predicate import is_deleted_document
from docstore.errors import UnsafeFilter

names = st.sampled_from(["slug", "a", "b.c", "status", "number"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3))
conditions = st.one_of(scalars, st.builds(lambda v: {"$in": v}, st.lists(scalars, max_size=2)))
filters = st.recursive(
    st.dictionaries(names, conditions, max_size=3),
    lambda inner: st.builds(
        lambda operator, parts: {operator: parts},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(filters)
def test_the_living_condition_stands_beside_whatever_was_asked(asked: dict[str, Any]) -> None:
    sent = narrow(asked, Scope.LIVING, "x")
    assert _demands(sent, LIVING)
    assert _demands(sent, asked)


def _demands(sent: dict[str, Any], part: Any) -> bool:
    """Whether every document that `sent` finds satisfies `part`."""
    return all(sent.get(key) == value for key, value in part.items()) or part in sent.get("$and", [])


@given(filters)
def test_the_callers_filter_is_left_as_it_was(asked: dict[str, Any]) -> None:
    before = repr(asked)
    narrow(asked, Scope.LIVING, "x")["status"] = "changed"
    assert repr(asked) == before


def test_scopes_are_complements() -> None:
    assert narrow({}, Scope.ALL, "x") == {}
    assert narrow(None, Scope.LIVING, "x") == dict(LIVING)
    assert narrow(None, Scope.DELETED, "x") == dict(DELETED)


def test_a_flat_filter_stays_flat_and_a_clash_becomes_an_and() -> None:
    assert conjunction({"slug": "x"}, LIVING) == {"slug": "x", **LIVING}
    assert conjunction({"status": "x"}, LIVING) == {"$and": [{"status": "x"}, dict(LIVING)]}
    assert conjunction({"slug": "x"}, {}) == {"slug": "x"}


@pytest.mark.parametrize(
    "asked",
    [
        {"deletedAt": None},
        {"deletedAt": {"$exists": True}},
        {"isDeleted": True},
        {"isDeleted.x": 1},
        {"deletedAt.$numberLong": 1},
        {"$or": [{"slug": "x"}, {"isDeleted": True}]},
        {"$nor": [{"deletedAt": None}]},
        {"$and": [{"$or": [{"$and": [{"deletedAt": 1}]}]}]},
        SON([("slug", "x"), ("isDeleted", True)]),
    ],
    ids=str,
)
def test_a_mark_is_named_in_the_trash_alone(asked: dict[str, Any]) -> None:
    with pytest.raises(UnsafeFilter) as refusal:
        narrow(asked, Scope.LIVING, "Post")
    assert "Post.with_deleted" in str(refusal.value)
    assert refusal.value.collection == "Post"
    narrow(asked, Scope.DELETED, "Post")
    narrow(asked, Scope.ALL, "Post")


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(
    "asked",
    [
        {"$where": "true"},
        {"$where": Code("true")},
        {"slug": {"$where": "true"}},
        {"slug": {"$not": {"$where": "true"}}},
        {"slug": {"$elemMatch": {"$where": "true"}}},
        {"$or": [{"$where": "true"}]},
        {"$expr": {"$function": {"body": "", "args": [], "lang": "js"}}},
        {"$expr": {"$eq": [1, {"$add": [{"$function": {}}]}]}},
        {"$nor": [{"$expr": {"$accumulator": {}}}]},
        {"$query": {"slug": "x"}},
        {"$query": {}, "$orderby": {"slug": 1}},
        {"$alwaysTrue": 1},
        {"$gt": 3},
        {"$and": [{"$query": {}}]},
        {"$comment": {"$function": {}}},
        ["slug"],
        "slug",
        ObjectId("0" * 24),
        7,
    ],
    ids=str,
)
def test_what_no_filter_may_hold_is_refused(asked: Any, scope: Scope) -> None:
    with pytest.raises((UnsafeFilter, TypeError, ValueError)) as refusal:
        narrow(asked, scope, "x")
    assert isinstance(refusal.value, UnsafeFilter)


def test_no_message_tells_a_value() -> None:
    for asked in ({"isDeleted": "hunter2"}, {"$query": "hunter2"}, {"$where": "hunter2"}):
        with pytest.raises(UnsafeFilter) as refusal:
            narrow(asked, Scope.LIVING, "x")
        assert "hunter2" not in str(refusal.value)


MARKS = st.fixed_dictionaries(
    {},
    optional={
        "deletedAt": st.one_of(st.none(), st.datetimes(), st.just(""), st.just(0), st.just(False), st.just({})),
        "isDeleted": st.one_of(st.none(), st.booleans(), st.sampled_from([0, 1, 0.0, "", "false", "true"])),
        "status": st.sampled_from([None, "", "DELETED", "deleted", "PUBLISHED", 1]),
    },
)


async def test_python_and_the_server_agree_on_who_is_deleted(database: Any) -> None:
    """The predicate in Python and both filters draw the same line, whatever the marks hold."""
    examples: list[dict[str, Any]] = []

    @given(MARKS)
    def collect(marks: dict[str, Any]) -> None:
        examples.append(marks)

    collect()
    await database["marks"].insert_many([{**each, "_id": number} for number, each in enumerate(examples)])
    living = {each["_id"] async for each in database["marks"].find(dict(LIVING))}
    deleted = {each["_id"] async for each in database["marks"].find(dict(DELETED))}
    assert living | deleted == set(range(len(examples)))
    assert not living & deleted
    stored = await database["marks"].find().to_list()
    for each in stored:
        assert is_deleted_document(each) is (each["_id"] in deleted), each
