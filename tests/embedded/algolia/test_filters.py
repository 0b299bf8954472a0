"""The filter language: what it reads, what it refuses, and that it reads back whatever is written in it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.embedded.algolia.filters import (
    And,
    Between,
    Comparison,
    Facet,
    FilterSyntaxError,
    Node,
    Not,
    Or,
    Tag,
    parse_filters,
    parse_numeric,
)

A, B, C, D = (Facet("a", x) for x in "1234")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", None),
        ("   ", None),
        ("category:Book", Facet("category", "Book")),
        ('category:"Sci-Fi & \\"more\\""', Facet("category", 'Sci-Fi & "more"')),
        ("category:'two words'", Facet("category", "two words")),
        ('"my attr":x', Facet("my attr", "x")),
        ("author.name:Ada", Facet("author.name", "Ada")),
        ("url:https://example.com/a", Facet("url", "https://example.com/a")),
        ("brand:Apple<score=3>", Facet("brand", "Apple", 3)),
        ("price>=10.5", Comparison("price", ">=", 10.5)),
        ("price != -3", Comparison("price", "!=", -3)),
        ("price < 1e3", Comparison("price", "<", 1000)),
        ("price:5.99 TO 100", Between("price", 5.99, 100)),
        ("price:10", Facet("price", "10")),
        ("isEnabled:true", Facet("isEnabled", "true")),
        ("_tags:published", Tag("published")),
        ("published", Tag("published")),
        ("NOT a:1", Not(A)),
        ("a:1 AND a:2 AND a:3", And((A, B, C))),
        ("a:1 AND (a:2 OR a:3)", And((A, Or((B, C))))),
        ("(a:1 AND a:2) AND a:3", And((A, B, C))),
        ("((a:1))", A),
    ],
)
def test_reads(text: str, node: Node | None) -> None:
    assert parse_filters(text) == node


def test_or_binds_tighter_than_and_as_on_algolia() -> None:
    assert parse_filters("a:1 AND a:2 OR a:3 AND a:4") == And((A, Or((B, C)), D))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:1 AND NOT (a:2)", "cannot stand before a group"),
        ("a:1 OR (a:2 AND a:3)", "only \\(X OR Y\\) AND Z is allowed"),
        ("price=3 OR a:1", "Different types"),
        ("price=3 OR tag", "Different types"),
        ("a:", "a value"),
        ("a:1 AND", "an attribute"),
        ("AND a:1", "an attribute"),
        ("(a:1", "a closing parenthesis"),
        ("a:1)", "AND, OR or the end"),
        ("a:1 a:2", "AND, OR or the end"),
        ('a:"open', 'a closing "'),
        ("price > cheap", "a number"),
        ("price:1 TO", "a number"),
        ("(" * 60 + "a:1" + ")" * 60, "fewer nested"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(FilterSyntaxError, match=message):
        parse_filters(text)


def test_numeric_entries() -> None:
    assert parse_numeric("price:1 TO 5") == Between("price", 1, 5)
    assert parse_numeric("price:7") == Comparison("price", "=", 7)
    with pytest.raises(FilterSyntaxError, match="numeric condition"):
        parse_numeric("price:cheap")


_texts = st.text(min_size=1, max_size=12)
_numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda n: n + 0.0)
_facets = st.builds(
    Facet, _texts.filter(lambda name: name != "_tags"), _texts, score=st.integers(min_value=0, max_value=99)
)
_numerics = st.one_of(
    st.builds(Comparison, _texts, st.sampled_from(["<", "<=", "=", "!=", ">=", ">"]), _numbers),
    st.builds(Between, _texts, _numbers, _numbers),
)


def _disjunctions(conditions: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    literals = conditions | st.builds(Not, conditions)
    return literals | st.lists(literals, min_size=2, max_size=4).map(lambda parts: Or(tuple(parts)))


_disjunction = _disjunctions(_facets) | _disjunctions(_numerics) | _disjunctions(st.builds(Tag, _texts))
_trees = _disjunction | st.lists(_disjunction, min_size=2, max_size=4).map(lambda parts: And(tuple(parts)))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _written(node: Node) -> str:
    match node:
        case And(parts):
            return " AND ".join(f"({_written(p)})" if isinstance(p, Or) else _written(p) for p in parts)
        case Or(parts):
            return " OR ".join(map(_written, parts))
        case Not(condition):
            return f"NOT {_written(condition)}"
        case Facet(attribute, value, score):
            return f"{_quoted(attribute)}:{_quoted(value)}<score={score}>"
        case Tag(value):
            return f"_tags:{_quoted(value)}"
        case Comparison(attribute, operator, number):
            return f"{_quoted(attribute)} {operator} {number!r}"
        case Between(attribute, low, high):
            return f"{_quoted(attribute)}:{low!r} TO {high!r}"


@given(_trees)
def test_reads_back_what_is_written(node: Node) -> None:
    assert parse_filters(_written(node)) == node


@given(st.text(alphabet="abAND ORNT:<>=!()\"'\\0.5-_score", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    # Anything but a refusal fails the test.
    with suppress(FilterSyntaxError):
        parse_filters(text)


@given(_trees)
def test_spaces_between_parts_mean_nothing(node: Node) -> None:
    text = _written(node)
    assert parse_filters(f"  ({text})\n" if not isinstance(node, And) else f"\t{text} ") == node
