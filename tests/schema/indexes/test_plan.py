"""What follows from declared and found indexes, without a server."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docstore.schema.indexes.plan import BESIDE, SMALL, Collection, IndexAction, IndexStep, Pruning, Way, steps_for
from docstore.schema.specs import IndexSpec

EN: dict[str, Any] = {"locale": "en", "strength": 2}


def planned(declared: list[IndexSpec], found: list[IndexSpec], **about: Any) -> list[IndexStep]:
    pruning = about.pop("pruning", Pruning.KEEP)
    return steps_for(Collection("Post", found, **about), declared, pruning)


def test_names_may_be_exchanged() -> None:
    a, b = IndexSpec("a", (("x", 1),)), IndexSpec("b", (("y", 1),))
    steps = planned([a, b], [IndexSpec("b", (("x", 1),)), IndexSpec("a", (("y", 1),))])

    assert [(each.action, each.detail) for each in steps] == [(IndexAction.KEEP, "as b"), (IndexAction.KEEP, "as a")]


def test_the_one_that_does_the_same_is_taken_before_the_one_of_the_same_name() -> None:
    wanted = IndexSpec("ix", (("x", 1),), {"collation": EN})
    steps = planned([wanted], [IndexSpec("ix", (("x", 1),)), IndexSpec("ix__new", (("x", 1),), {"collation": EN})])

    assert [(each.action, each.name) for each in steps] == [(IndexAction.KEEP, "ix"), (IndexAction.DROP, "ix")]


def test_a_large_collection_is_never_without_the_index() -> None:
    wanted, found = IndexSpec("ix", (("x", 1),), {"collation": EN}), IndexSpec("ix", (("x", 1),))

    assert [each.way for each in planned([wanted], [found], documents=SMALL)] == [Way.ANEW]
    assert [each.way for each in planned([wanted], [found], documents=SMALL + 1)] == [Way.BESIDE]


def test_a_unique_rule_holds_at_every_moment() -> None:
    wanted = IndexSpec("uq", (("x", 1),), {"unique": True, "partialFilterExpression": {"deletedAt": None}})

    assert [each.way for each in planned([wanted], [IndexSpec("uq", (("x", 1),), {"unique": True})])] == [Way.BESIDE]


def test_a_collection_has_one_text_index() -> None:
    wanted = IndexSpec("ix", (("x", "text"), ("y", "text")))
    steps = planned([wanted], [IndexSpec("ix", (("x", "text"),))], documents=SMALL + 1)

    assert [each.way for each in steps] == [Way.ANEW]


def test_the_collation_of_the_collection_is_that_of_its_indexes() -> None:
    wanted = IndexSpec("ix", (("x", 1),))
    reported = IndexSpec("ix", (("x", 1),), {"collation": EN})

    assert [each.action for each in planned([wanted], [reported], collation=EN)] == [IndexAction.KEEP]
    assert [each.action for each in planned([wanted], [reported])] == [IndexAction.CHANGE]
    simple = IndexSpec("ix", (("x", 1),), {"collation": {"locale": "simple"}})
    assert [each.action for each in planned([simple], [wanted], collation=EN)] == [IndexAction.KEEP]


def test_left_over_from_a_change() -> None:
    wanted = IndexSpec("ix", (("x", 1),))
    steps = planned([wanted], [wanted, IndexSpec(f"ix{BESIDE}", (("y", 1),)), IndexSpec("mine__new", (("z", 1),))])

    assert {each.name: each.action.value for each in steps} == {
        "ix": "keep",
        "ix__new": "drop",
        "mine__new": "unknown",
    }


keys = st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True).map(
    lambda names: tuple((name, 1) for name in names)
)
options = st.fixed_dictionaries(
    {},
    optional={
        "unique": st.just(True),
        "hidden": st.just(True),
        "expireAfterSeconds": st.integers(0, 2),
        "partialFilterExpression": st.sampled_from([{"a": 1}, {"a": {"$gt": 1}}]),
    },
)
specs = st.lists(st.builds(IndexSpec, st.sampled_from("pqrst"), keys, options), max_size=4, unique_by=lambda s: s.name)


@given(specs, specs, st.sampled_from(Pruning))
def test_every_index_is_told_once_and_the_unknown_stay_unless_pruned(
    declared: list[IndexSpec], found: list[IndexSpec], pruning: Pruning
) -> None:
    steps = planned(declared, found, pruning=pruning)

    assert [each.wanted.name for each in steps if each.wanted] == [each.name for each in declared]
    seen = [each.found.name for each in steps if each.found]
    assert sorted(seen) == sorted(each.name for each in found)
    names = {each.name for each in declared}
    for step in steps:
        if step.action is IndexAction.DROP and pruning is Pruning.KEEP:
            assert step.name in names
        if step.action is IndexAction.KEEP:
            assert step.wanted is not None
            assert step.found is not None
            assert step.wanted.does_the_same(step.found)


@given(specs)
def test_what_is_as_declared_is_kept(declared: list[IndexSpec]) -> None:
    assert {each.action for each in planned(declared, declared)} <= {IndexAction.KEEP}
