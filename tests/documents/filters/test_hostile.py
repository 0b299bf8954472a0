"""Whatever JSON a request holds: it is refused, or compared, and never becomes an operator."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest_asyncio
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from docstore.documents import Document, Json, PydanticObjectId, StrList, TokenHash, UtcDateTime
from docstore.documents.filters import All, And, ElemMatch, Eq, Exists, In, Not, NotIn, Or, RegEx, Size
from docstore.errors import DocstoreError

Asked = Any


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Inner(BaseModel):
    word: str = ""


class Target(Document):
    name: str = ""
    code: str | None = None
    number: int = 0
    weight: float | None = None
    flag: bool = False
    mood: Mood = Mood.GOOD
    other_id: PydanticObjectId | None = None
    moment: UtcDateTime | None = None
    token: TokenHash | None = None
    words: StrList = Field(default_factory=list)
    inner: Inner | None = None
    inners: list[Inner] = Field(default_factory=list)
    payload: Json | None = None
    table: dict[str, int] = Field(default_factory=dict)


FIELDS = tuple(name for name in Target.model_fields if name not in ("id", "revision_id", "deleted_at", "is_deleted"))
OPERATORS = (
    *("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$not", "$exists", "$type", "$regex", "$options"),
    *("$expr", "$where", "$function", "$elemMatch", "$all", "$size", "$mod", "$or", "$and", "$nor", "$jsonSchema"),
    *("$text", "$search", "$geoWithin", "$near", "$bitsAllSet", "$ref", "$id", "$oid", "$literal", "$comment"),
)
KEYS = st.sampled_from((*OPERATORS, *FIELDS, "a", "", "a.b", "_id", "authorId")) | st.text(max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(("good", "GOOD", "0" * 24, "2026-01-02T03:04:05Z", "$name", "1e400", "true"))
)
JSON = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=3),
    max_leaves=8,
)

SPELLINGS: dict[str, tuple[Callable[[Any, Any], Any], set[str]]] = {
    "==": (lambda field, value: field == value, set()),
    "!=": (lambda field, value: field != value, {"$ne"}),
    ">": (lambda field, value: field > value, {"$gt"}),
    "<=": (lambda field, value: field <= value, {"$lte"}),
    "In": (lambda field, value: In(field, value), {"$in"}),
    "In one": (lambda field, value: In(field, [value]), {"$in"}),
    "NotIn": (lambda field, value: NotIn(field, [value]), {"$nin"}),
    "All": (lambda field, value: All(field, [value]), {"$all"}),
    "Not": (lambda field, value: Not(field == value), {"$not"}),
    "Or": (lambda field, value: Or(field == value, Target.number == 1), {"$or"}),
    "And": (lambda field, value: And(field == value, Eq(field, value)), {"$and"}),
    "Size": (lambda field, value: Size(field, value), {"$size"}),
    "Exists": (lambda field, value: Exists(field, value), {"$exists"}),
    "RegEx": (lambda field, value: RegEx(field, value), {"$regex"}),
    "RegEx options": (lambda field, value: RegEx(field, "a", value), {"$regex", "$options"}),
    "ElemMatch": (lambda field, value: ElemMatch(field, value), {"$elemMatch"}),
    "ElemMatch field": (lambda field, value: ElemMatch(Target.inners, {"word": value}), {"$elemMatch"}),
    "ElemMatch typed": (lambda field, value: ElemMatch(Target.inners, Eq("word", value)), {"$elemMatch"}),
    "ElemMatch joined": (
        lambda field, value: ElemMatch(Target.inners, Or(In("word", [value]), Not(Eq("word", value)))),
        {"$elemMatch", "$or", "$in", "$not"},
    ),
    "nested": (lambda field, value: Target.inner.word == value, set()),
    "plain": (lambda field, value: {str.__str__(field): value}, set()),
    "plain in or": (lambda field, value: {"$or": [{str.__str__(field): value}, {"number": 1}]}, {"$or"}),
    "plain in a list": (lambda field, value: {"inners": [value]}, set()),
}


def operators_in(filter: Any, *, value_of: str | None = None) -> set[str]:
    """The operators of a filter, as a server reads it: what stands under $eq, $in and the like is data."""
    found: set[str] = set()
    if not isinstance(filter, dict):
        return found
    for key, nested in filter.items():
        if key in ("$and", "$or", "$nor"):
            found |= {key}.union(*(operators_in(each) for each in nested))
        elif key.startswith("$"):
            found.add(key)
            if key in ("$not", "$elemMatch"):
                found |= operators_in(nested)
            elif key in ("$in", "$nin", "$all"):
                found |= {name for each in nested if isinstance(each, dict) for name in each if name.startswith("$")}
        elif isinstance(nested, dict) and any(name.startswith("$") for name in nested):
            found |= operators_in(nested)
    return found


def is_stored_kind(value: Any) -> bool:
    """Whether a value is of a kind that BSON stores as data."""
    return value is None or isinstance(value, str | int | float | bool | ObjectId | datetime | list | dict)


@pytest_asyncio.fixture
async def asked(listen: Callable[..., Awaitable[Asked]]) -> Asked:
    return await listen(Target)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(FIELDS), spelling=st.sampled_from(sorted(SPELLINGS)), value=JSON)
async def test_no_value_becomes_an_operator(asked: Asked, name: str, spelling: str, value: Any) -> None:
    spell, written = SPELLINGS[spelling]
    sent = len(asked.filters)
    refusal, pattern = "", spelling.startswith("RegEx")
    try:
        await Target.find(spell(getattr(Target, name), value)).to_list()
    except DocstoreError as error:
        refusal = str(error)
    if refusal:
        assert len(asked.filters) == sent or pattern
        assert not isinstance(value, str) or len(value) < 6 or value not in refusal
        return
    assert len(asked.filters) == sent + 1
    assert operators_in(asked.last) - {"$eq"} <= written
    assert all(is_stored_kind(each) for each in asked.last.values())


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(KEYS, JSON, max_size=3))
async def test_a_whole_body_given_as_a_filter_compares_at_most(asked: Asked, body: dict[str, Any]) -> None:
    sent = len(asked.filters)
    try:
        await Target.find(body).to_list()
    except DocstoreError:
        assert len(asked.filters) == sent
        return
    assert operators_in(asked.last) <= {"$eq", "$and", "$or", "$nor", "$comment"}
