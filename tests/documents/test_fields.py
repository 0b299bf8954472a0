"""Shared field types: what they take, what they make of it, what they refuse."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from docstore.documents import STORED, Email, NonEmpty, Slug, StrList, TokenHash, UtcDateTime, utc_now


class Fields(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    slug: Slug | None = None
    email: Email | None = None
    name: NonEmpty | None = None
    names: StrList = []
    at: UtcDateTime | None = None
    token: TokenHash | None = None


def stored(**values: Any) -> Fields:
    return Fields.model_validate(values, context=STORED)


@pytest.mark.parametrize("value", ["a", "my-post", "2024-in-review", "a1-b2-c3"])
def test_slugs(value: str) -> None:
    assert Fields(slug=value).slug == value


@pytest.mark.parametrize("value", ["", "A", "a--b", "-a", "a-", "a b", "ä", "a_b", "a/b", "a\n", "a-b\n"])
def test_what_is_no_slug(value: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Fields(slug=value)
    assert "lower-case" in str(failure.value)
    assert stored(slug=value).slug == value


@pytest.mark.parametrize(
    ("given_", "kept"), [("Ada@Example.COM", "ada@example.com"), (" ada@example.com ", "ada@example.com")]
)
def test_emails_are_normalised(given_: str, kept: str) -> None:
    assert Fields(email=given_).email == kept
    assert stored(email=given_).email == given_


@pytest.mark.parametrize("value", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@@example.com"])
def test_what_is_no_email(value: str) -> None:
    with pytest.raises(ValidationError):
        Fields(email=value)
    assert stored(email=value).email == value


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5)), timezone(-timedelta(hours=11))])))
def test_instants_are_utc_to_the_millisecond(moment: datetime) -> None:
    try:
        kept = Fields(at=moment).at
    except (ValidationError, OverflowError):
        assert moment.year in (1, 9999)
        return
    assert kept is not None
    assert kept.tzinfo is UTC or kept.utcoffset() == timedelta(0)
    assert kept.microsecond % 1000 == 0
    assert timedelta(0) <= moment - kept < timedelta(milliseconds=1)


def test_a_naive_instant_is_utc() -> None:
    assert Fields(at=datetime(2024, 1, 1)).at == datetime(2024, 1, 1, tzinfo=UTC)
    assert utc_now().microsecond % 1000 == 0


def test_a_null_list_is_empty_and_text_is_no_list() -> None:
    assert Fields(names=None).names == []
    assert stored(names=None).names == []
    with pytest.raises(ValidationError):
        Fields(names="ab")


@given(st.text(min_size=1, max_size=40))
def test_a_token_is_hashed_once_and_never_shown(token: str) -> None:
    document = Fields(token=token)
    assert document.token == TokenHash.of(token)
    assert len(document.token) == 71
    assert "…" in repr(document.token)
    assert document.token[7:] not in repr(document)
    assert stored(token=str(document.token)).token == document.token
    assert Fields(token=document.token).token == document.token
    assert Fields(token=str(document.token)).token != document.token
    assert Fields.model_validate(document.model_dump()).token == document.token


@pytest.mark.parametrize("value", ["", 5, b"x", ["x"], {}])
def test_what_is_no_token(value: Any) -> None:
    with pytest.raises(ValidationError):
        Fields(token=value)


def test_a_stored_token_in_the_clear_is_hashed_when_read() -> None:
    assert stored(token="legacy plain token").token == TokenHash.of("legacy plain token")


def test_equal_tokens_have_equal_hashes_and_others_not() -> None:
    assert TokenHash.of("a") == TokenHash.of("a") != TokenHash.of("b")
