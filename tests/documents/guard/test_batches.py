"""Batches cut out of replies hold the documents that PyMongo would have decoded from them."""

from typing import Any

import bson
import pytest
from bson import ObjectId, Timestamp
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.guard import GuardedDatabase, GuardRegistry
from docstore.documents.guard.batches import Array, BatchCursor, cut_out, documents_in

_TEXT = st.characters(codec="utf-8", exclude_characters="\0")
_DOCUMENTS = st.lists(
    st.dictionaries(st.text(_TEXT, max_size=5), st.integers(0, 9), max_size=3),
    max_size=130,
)
_BEFORE = st.dictionaries(
    st.sampled_from(["ok", "operationTime", "note", "raw", "flag", "nothing", "clock", "list", "id"]),
    st.one_of(
        st.floats(allow_nan=False),
        st.just(Timestamp(1, 1)),
        st.text(_TEXT, max_size=9),
        st.binary(max_size=9),
        st.booleans(),
        st.none(),
        st.integers(-9, 2**40),
        st.just(ObjectId()),
        st.just({"cursor": {"firstBatch": [{}]}}),
        st.just([1, {"nextBatch": []}]),
    ),
)


@given(documents=_DOCUMENTS, before=_BEFORE, inside=_BEFORE, name=st.sampled_from(["firstBatch", "nextBatch"]))
@pytest.mark.parametrize("count", [1, 64])
def test_a_reply_is_cut_apart_and_nothing_is_lost(
    count: int, documents: list[Any], before: dict[str, Any], inside: dict[str, Any], name: str
) -> None:
    reply = {**before, "cursor": {**inside, name: documents, "ns": "db.c"}, "ok": 1.0}
    for payload in (bson.encode(reply), memoryview(bson.encode(reply))):
        cut = cut_out(payload)
        assert cut is not None
        batches = cut["cursor"].pop(name)
        decoded = [each for batch in batches for few in documents_in(batch, count) for each in bson.decode_all(few)]
        assert decoded == documents
        reply_of_pymongo = bson.decode(bson.encode(reply))
        del reply_of_pymongo["cursor"][name]
        assert cut == reply_of_pymongo


@pytest.mark.parametrize(
    "reply",
    [
        {"ok": 0.0, "errmsg": "no"},
        {"cursor": {"id": 1}},
        {"cursor": [1]},
        {"cursor": {"firstBatch": {"0": {}}}},
        {"odd": bson.Regex("x"), "cursor": {"firstBatch": [{}]}},
    ],
)
def test_other_replies_are_left_to_pymongo(reply: dict[str, Any]) -> None:
    assert cut_out(bson.encode(reply)) is None


def test_a_batch_with_other_numbers_is_refused() -> None:
    array = Array(memoryview(bson.encode({"0": {}, "10": {}})))
    with pytest.raises(ValueError, match="not numbered"):
        list(documents_in(array, 1))


async def test_the_cursor_reads_the_documents_in_scope(database: AsyncDatabase[dict[str, Any]]) -> None:
    guarded = GuardedDatabase(database, GuardRegistry(database.name))["Post"]
    await guarded.insert_many([{"number": number} for number in range(250)])
    await guarded.delete_one({"number": 3})
    cursor = guarded.find_batches({"number": {"$lt": 200}}, sort=[("number", 1)], batch_size=100)
    assert isinstance(cursor, BatchCursor)
    batches: list[Any] = [batch async for batch in cursor]
    assert [type(batch) for batch in batches] == [Array, Array]
    found = [each["number"] for batch in batches for few in documents_in(batch, 64) for each in bson.decode_all(few)]
    assert found == [number for number in range(200) if number != 3]
    assert [batch async for batch in guarded.find_batches({"number": -1})] == []


async def test_a_reply_of_another_build_goes_pymongos_way(
    database: AsyncDatabase[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.documents.guard.batches.cut_out", lambda reply: None)
    guarded = GuardedDatabase(database, GuardRegistry(database.name))["Post"]
    await guarded.insert_many([{"number": number} for number in range(5)])
    batches: list[Any] = [batch async for batch in guarded.find_batches()]
    assert [each["number"] for batch in batches for each in bson.decode_all(batch, CodecOptions())] == list(range(5))
