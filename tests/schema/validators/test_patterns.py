"""Patterns in the spelling of every engine: what pydantic's lets pass, the portable one does too."""

import re
from typing import Annotated

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from docstore.schema.validators.patterns import portable

PIECES = st.sampled_from(
    [
        *(
            "a",
            "Z",
            "5",
            "-",
            ".",
            "^",
            "$",
            "|",
            "(?:a|b)",
            "(?P<name>x)",
            "[a-z]",
            "[^a-z]",
            "[0-9_-]",
            "a{2,3}",
            "b*",
        ),
        *(
            r"\d",
            r"\D",
            r"\w",
            r"\W",
            r"\s",
            r"\S",
            r"[\d.]",
            r"[^\d]",
            r"[\w-]",
            r"[^\s\w]",
            r"\.",
            r"\x41",
            r"\n",
            "é",
        ),
    ]
)
PATTERNS = st.lists(PIECES, min_size=1, max_size=5).map("".join)
TEXTS = st.text(st.sampled_from("aAbxZz059-_. \n\té٣😀 "), max_size=5)


@given(PATTERNS, TEXTS)
@example(r"^\d+$", "٣")
@example(r"^\D$", "٣")
@example(r"^[^\w]$", "é")
@example("^a$", "a\n")
def test_nothing_that_pydantic_takes_is_refused(pattern: str, text: str) -> None:
    try:
        adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError:
        return
    spelled = portable(pattern)
    try:
        adapter.validate_python(text)
    except ValidationError:
        return
    assert spelled is None or re.search(spelled, text)


@pytest.mark.parametrize(
    "pattern",
    [r"\bword\b", r"(?i)abc", r"a(?!b)", r"\p{L}", r"[[:alpha:]]", r"[a&&b]", r"\Aa\z", r"a{,3}", r"[\W]", r"(", r"\1"],
)
def test_what_engines_read_in_different_ways_is_left_out(pattern: str) -> None:
    assert portable(pattern) is None


def test_plain_patterns_stay_as_they_are() -> None:
    for pattern in (r"^[a-z0-9]+(-[a-z0-9]+)*$", r"^\+?[1-9]\.x$", "^(?:a|b){2,}$"):
        assert portable(pattern) == pattern


def test_classes_are_ascii_where_that_lets_pass_more() -> None:
    assert portable(r"\D") == "[^0-9]"
    assert portable(r"[^\d]") == "[^0-9]"
    assert portable(r"\d") == "[0-9\u0080-\U0010ffff]"
