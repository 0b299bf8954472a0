"""Indexes judged by what a MongoDB server answered: `accesses` as recorded from $indexStats, facts put together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docstore.operations.advice import Advice
from docstore.operations.advice.facts import CollectionFacts, IndexFacts, values_at
from docstore.operations.advice.judging_indexes import covers, low_value, redundant, unused
from docstore.operations.advice.needs import needs_of
from docstore.operations.advice.workload import ShapeUse
from docstore.operations.querylog import shape_of
from docstore.outbox import OutboxEntry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)
LATELY = NOW - timedelta(days=1)


def ix(name: str, *keys: Any, **more: Any) -> IndexFacts:
    return IndexFacts(name, tuple((key, 1) if isinstance(key, str) else key for key in keys), **more)


def collection(
    *indexes: IndexFacts, documents: int = 5_000, sample: list[dict[str, Any]] | None = None
) -> CollectionFacts:
    counting = any(index.since is not None for index in indexes)
    return CollectionFacts("c", None, documents, 500, list(indexes), counting, sample or [])


def use(filter_: dict[str, Any], count: float = 50) -> ShapeUse:
    shape = shape_of("find", {"find": "c", "filter": filter_})
    assert shape is not None
    return ShapeUse(shape, count=count)


def names(advice: Any) -> list[str]:
    return [each.index for each in list[Advice](advice)]


@pytest.mark.parametrize(
    ("shorter", "longer", "covered"),
    [
        (ix("s", "a"), ix("l", "a", "b"), True),
        (ix("s", ("a", -1)), ix("l", "a", "b"), True),
        (ix("s", "a", ("b", -1)), ix("l", ("a", -1), "b", "c"), True),
        (ix("s", "a", "b"), ix("l", "a", ("b", -1), "c"), False),
        (ix("s", "b"), ix("l", "a", "b"), False),
        (ix("s", "a", unique=True), ix("l", "a", "b"), False),
        (ix("s", "a", expires=True), ix("l", "a", "b"), False),
        (ix("s", "a"), ix("l", "a", "b", sparse=True), False),
        (ix("s", "a"), ix("l", "a", "b", partial={"x": 1}), False),
        (ix("s", "a", partial={"x": 1}), ix("l", "a", "b", partial={"x": 1}), True),
        (ix("s", "a", partial={"x": 1}), ix("l", "a", "b"), True),
        (ix("s", "a"), ix("l", "a", "b", hidden=True), False),
        (ix("s", "a"), ix("l", "a", "b", collation={"locale": "de"}), False),
        (ix("s", ("a", "text")), ix("l", ("a", "text"), "b"), False),
    ],
)
def test_what_makes_an_index_redundant(shorter: IndexFacts, longer: IndexFacts, covered: bool) -> None:
    assert covers(longer, shorter) is covered
    assert names(redundant(collection(shorter, longer))) == (["s"] if covered else [])


def test_of_two_that_do_the_same_one_stays() -> None:
    assert names(redundant(collection(ix("up", "a"), ix("down", ("a", -1))))) == ["up"]


def test_a_counting_server_says_what_is_unused() -> None:
    facts = collection(
        ix("_id_", "_id", uses=0, since=LONG_AGO),
        ix("used", "a", uses=7, since=LONG_AGO),
        ix("idle", "b", uses=0, since=LONG_AGO),
        ix("new", "c", uses=0, since=LATELY),
        ix("only", "d", unique=True, uses=0, since=LONG_AGO),
        ix("ends", "e", expires=True, uses=0, since=LONG_AGO),
        ix("logged", "f", uses=0, since=LONG_AGO),
    )

    assert names(unused(facts, [use({"f": 1})], NOW)) == ["idle"]


def test_where_nobody_counts_the_log_has_to_be_long_enough() -> None:
    facts = collection(ix("known", "a"), ix("idle", "b"), ix("refers", "r", reference=True))

    assert names(unused(facts, [use({"a": 1}, 50)], NOW)) == ["idle"]
    assert names(unused(facts, [use({"a": 1}, 5)], NOW)) == []
    assert names(unused(facts, [], NOW)) == []


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([True, False], ["flag"]),
        (["a", "b", "c", "d"], ["flag"]),
        (["a", "b", "c", "d", "e"], []),
        (["rare"] + ["common"] * 49, []),
        ([None], ["flag"]),
    ],
)
def test_few_common_values_make_an_index_worth_little(values: list[Any], found: list[str]) -> None:
    sample = [{"flag": values[n % len(values)]} for n in range(500)]

    assert names(low_value(collection(ix("flag", "flag"), sample=sample))) == found
    assert names(low_value(collection(ix("flag", "flag"), sample=sample, documents=100))) == []
    assert names(low_value(replace(collection(ix("flag", "flag"), sample=sample), model=OutboxEntry))) == []
    assert names(low_value(collection(ix("flag", "flag", "b"), sample=sample))) == []
    assert names(low_value(collection(ix("flag", "flag", unique=True), sample=sample))) == []


def test_distinct_values_are_scaled_up_when_none_repeats() -> None:
    facts = collection(documents=90_000, sample=[{"n": n, "m": n % 10, "tags": ["x", str(n)]} for n in range(1_000)])

    assert (facts.distinct("n"), facts.distinct("m")) == (90_000, 10)
    assert facts.distinct("tags") == 1_001


def test_a_look_up_finds_what_is_as_common_as_chance_has_it() -> None:
    sample = [{"n": n, "m": n % 10, "bio": None if n % 5 else str(n), "most": n == 0} for n in range(1_000)]
    facts = collection(documents=90_000, sample=sample)

    assert facts.share("n") == pytest.approx(1 / 90_000)
    assert facts.share("m") == pytest.approx(0.1)
    assert facts.share("bio", null=True) == pytest.approx(0.8)
    assert facts.share("most") > 0.99
    assert facts.share("nowhere") == 1.0


def test_values_are_found_through_lists_and_documents() -> None:
    document = {"a": [{"b": 1}, {"b": [2, 3]}], "c": {"d": None}, "e": []}

    assert values_at(document, "a.b") == [1, 2, 3]
    assert values_at(document, "c.d") == values_at(document, "c.x") == [None]
    assert values_at(document, "e") == [[]]


def test_a_partial_index_serves_only_what_implies_its_condition() -> None:
    living = ix("p", "a", partial={"deletedAt": None, "isDeleted": {"$in": [False, None]}})
    status = ix("p", "a", partial={"status": {"$in": ["A"]}})
    set_ = ix("p", "a", partial={"a": {"$gt": ""}})
    (need,) = needs_of(use({"a": 1}).shape)

    assert living.fits(need, living=True).helps
    assert not living.fits(need, living=False).helps
    assert not status.fits(need, living=True).helps
    assert set_.fits(need, living=False).helps
    assert not ix("h", "a", hidden=True).fits(need, living=True).helps
