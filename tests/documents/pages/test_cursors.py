"""Cursors: faithful to every type, bound to their query, refused when damaged or forged."""

import base64
import math
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex
from hypothesis import given
from hypothesis import strategies as st

from docstore.documents.pages.cursors import Cursor, CursorCodec, digest_of
from docstore.documents.pages.order import SortKey
from docstore.errors import InvalidCursor

ORDER = (SortKey("a", True), SortKey("_id", True))
IDS = st.binary(min_size=12, max_size=12).map(ObjectId)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(),
    st.binary(),
    IDS,
    st.datetimes(timezones=st.just(UTC)).map(lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000)),
    st.decimals(-1000, 1000, places=3).map(Decimal128),
    st.uuids().map(Binary.from_uuid),
)


def codec(key: bytes | None = None, digest: bytes = b"12345678") -> CursorCodec:
    return CursorCodec(ORDER, digest, key, "Post")


@given(value=VALUES, id=IDS, inclusive=st.booleans(), key=st.none() | st.binary(min_size=1))
def test_a_cursor_is_faithful(value: Any, id: ObjectId, inclusive: bool, key: bytes | None) -> None:
    text = codec(key).write(Cursor((value, id), inclusive))
    assert text.isascii()
    assert set(text).isdisjoint("+/= \n")
    read = codec(key).read(text)
    assert read.inclusive is inclusive
    assert type(read.place[0]) in (type(value), Int64, int)
    same = read.place[0] == value or (isinstance(value, float) and math.isnan(value) and math.isnan(read.place[0]))
    assert same
    assert read.place[1] == id


@given(position=st.integers(0, 200), bit=st.integers(0, 7), key=st.none() | st.just(b"key"))
def test_every_damaged_bit_is_noticed(position: int, bit: int, key: bytes | None) -> None:
    text = codec(key).write(Cursor((datetime(2024, 1, 1, tzinfo=UTC), ObjectId())))
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[position % len(raw)] ^= 1 << bit
    with pytest.raises(InvalidCursor):
        codec(key).read(base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode())


@given(text=st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nonsense_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor, match="not made here"):
        codec().read(text)


@pytest.mark.parametrize("given", ["", 5, b"x", None, ["a"], {"$gt": ""}])
def test_what_is_no_text_is_no_cursor(given: Any) -> None:
    with pytest.raises(InvalidCursor):
        codec().read(given)


def test_one_place_has_one_text() -> None:
    text = codec().write(Cursor((1, ObjectId())))
    for other in (text + "=", text + "\n", " " + text, text + "A"):
        with pytest.raises(InvalidCursor):
            codec().read(other)


def test_another_key_makes_a_forgery() -> None:
    text = codec(b"ours").write(Cursor((1, ObjectId())))
    for key in (b"theirs", None):
        with pytest.raises(InvalidCursor, match="not made here"):
            codec(key).read(text)
    with pytest.raises(InvalidCursor):
        codec(b"ours").read(codec(None).write(Cursor((1, ObjectId()))))


def test_another_query_is_named_as_the_reason() -> None:
    text = codec(digest=b"somewher").write(Cursor((1, ObjectId())))
    with pytest.raises(InvalidCursor, match="belongs to another query") as caught:
        codec().read(text)
    assert "bound_to" in str(caught.value)
    assert caught.value.code == "invalid_cursor"


@pytest.mark.parametrize(
    "place",
    [(1,), (1, ObjectId(), 2), ({"$gt": ""}, ObjectId()), ([1], ObjectId()), (Regex("a"), ObjectId()), (1, None)],
)
def test_an_unsigned_cursor_made_by_hand_cannot_smuggle(place: tuple[Any, ...]) -> None:
    text = codec().write(Cursor(place))
    with pytest.raises(InvalidCursor, match="marks no place"):
        codec().read(text)


def test_values_that_are_no_list_mark_no_place() -> None:
    made = codec()
    head = bytes([1, 0]) + made.digest
    for values in (bson.encode({"v": {"0": 1, "1": 2}}), bson.encode({}), b"", b"\x05\x00\x00\x00", b"nonsense"):
        raw = head + made._code(head + values) + values
        with pytest.raises(InvalidCursor):
            made.read(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def test_a_cursor_of_another_version() -> None:
    made = codec()
    values = bson.encode({"v": [1, ObjectId()]})
    head = bytes([2, 0]) + made.digest
    raw = head + made._code(head + values) + values
    with pytest.raises(InvalidCursor, match="another version"):
        made.read(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def test_the_digest_tells_queries_apart() -> None:
    digests = {
        digest_of(ORDER, "living", {"a": 1}, None, "Post"),
        digest_of(ORDER, "living", {"a": 2}, None, "Post"),
        digest_of(ORDER, "living", {}, None, "Post"),
        digest_of(ORDER, "deleted", {"a": 1}, None, "Post"),
        digest_of(ORDER, "living", {"a": 1}, {"locale": "de"}, "Post"),
        digest_of(ORDER, "living", {"a": 1}, None, "Author"),
        digest_of((SortKey("a", False), SortKey("_id", True)), "living", {"a": 1}, None, "Post"),
    }
    assert len(digests) == 7
