"""Updates given to a document's query methods: values fit their fields, and never become operators."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from beanie.operators import AddToSet, Bit, CurrentDate, Inc, Max, Min, Mul, Pop, Pull, PullAll, Push, Set, SetOnInsert
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pymongo.asynchronous.database import AsyncDatabase
from tests.conftest import Bind

from docstore.documents import Document, DocumentId, Email, Json, StrList, TokenHash, UtcDateTime
from docstore.documents.filters import Each, In, trusted
from docstore.documents.filters.updates import compile_update
from docstore.errors import DocstoreError, UnsafeFilter, ValidationFailed

Database = AsyncDatabase[dict[str, Any]]
DIGITS = "5eb7cf5a86d9755df3a6c593"


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Line(BaseModel):
    sku: str = Field(min_length=1)
    count: int = Field(default=1, ge=1)


class Bill(Document):
    title: str = Field(default="", max_length=20)
    views: int = 0
    stars: int | None = Field(default=None, ge=1, le=5)
    price: float = 0.0
    total: Decimal | None = None
    paid: bool = False
    mood: Mood = Mood.GOOD
    writer_id: DocumentId = Field(default_factory=ObjectId)
    copy_ids: list[DocumentId] = Field(default_factory=list)
    email: Email | None = None
    token: TokenHash | None = None
    printed_at: UtcDateTime | None = None
    tags: StrList = Field(default_factory=list)
    main: Line | None = None
    lines: list[Line] = Field(default_factory=list)
    table: dict[str, int] = Field(default_factory=dict)
    extra: Json | None = None
    code: str = ""
    other: str = ""

    @field_validator("code")
    @classmethod
    def _upper(cls, value: str) -> str:
        if " " in value:
            raise ValueError("a code has no blanks")
        return value.upper()

    @field_validator("other")
    @classmethod
    def _unlike_code(cls, value: str, info: ValidationInfo) -> str:
        if value and value == info.data["code"]:
            raise ValueError("it is the code")
        return value


@pytest.fixture
async def bill(bind_models: Bind) -> Bill:
    await bind_models(Bill)
    return await Bill(
        title="a", tags=["x", "y"], lines=[Line(sku="s1"), Line(sku="s2", count=5)], copy_ids=[ObjectId(DIGITS)]
    ).insert()


async def stored(database: Database) -> dict[str, Any]:
    found = await database["Bill"].find_one({})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("update", "field", "expected"),
    [
        ({"$set": {"views": "12"}}, "views", 12),
        (Set({"views": "12"}), "views", 12),
        ({"$set": {"mood": "bad"}}, "mood", "bad"),
        (Set({"mood": Mood.BAD}), "mood", "bad"),
        ({"$set": {"writer_id": DIGITS}}, "writerId", ObjectId(DIGITS)),
        ({"$set": {"email": "ADA@Example.com "}}, "email", "ada@example.com"),
        ({"$set": {"printed_at": "2026-01-02T03:04:05Z"}}, "printedAt", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"$set": {"main": {"sku": "s", "count": "3"}}}, "main", {"sku": "s", "count": 3}),
        ({"$set": {"main": Line(sku="s")}}, "main", {"sku": "s", "count": 1}),
        ({"$set": {"table.a": "4"}}, "table", {"a": 4}),
        ({"$set": {"extra": {"$x": {"y": 1}}}}, "extra", {"$x": {"y": 1}}),
        ({"$set": {"code": "ab"}}, "code", "AB"),
        ({"$set": {"other": "free"}}, "other", "free"),
        ({"$set": {"stars": None}}, "stars", None),
        ({"$set": {"tags": ["b", "c"]}}, "tags", ["b", "c"]),
        ({"$set": {"tags.0": "z"}}, "tags", ["z", "y"]),
        ({"$set": {"lines.1.count": "7"}}, "lines", [{"sku": "s1", "count": 1}, {"sku": "s2", "count": 7}]),
        (Min({"views": "-3"}), "views", -3),
        (Max({"views": "3"}), "views", 3),
        (Inc({"views": "2"}), "views", 2),
        (Inc({"price": "0.5"}), "price", 0.5),
        (Mul({"views": 3}), "views", 0),
        (Push({"tags": "z"}), "tags", ["x", "y", "z"]),
        (Push({"tags": Each(["a", "b"], keep=2, position=0)}), "tags", ["a", "b"]),
        (Push({"copy_ids": DIGITS}), "copyIds", [ObjectId(DIGITS), ObjectId(DIGITS)]),
        (AddToSet({"copy_ids": Each([DIGITS])}), "copyIds", [ObjectId(DIGITS)]),
        (Push({"lines": Each([{"sku": "s3", "count": "2"}], keep=-1)}), "lines", [{"sku": "s3", "count": 2}]),
        (Pull({"copy_ids": DIGITS}), "copyIds", []),
        (Pull({"lines": {"sku": "s1"}}), "lines", [{"sku": "s2", "count": 5}]),
        (Pull({"lines": {"count": "5"}}), "lines", [{"sku": "s1", "count": 1}]),
        (Pull(In("tags", ["x", "y"])), "tags", []),
        (PullAll({"copy_ids": [DIGITS]}), "copyIds", []),
        (Pop({"tags": -1}), "tags", ["y"]),
        (Bit({"views": {"or": "4"}}), "views", 4),
        ({"$push": {"tags": trusted({"$each": ["q"], "$position": 0})}}, "tags", ["q", "x", "y"]),
        ({"$set": trusted({"title": 7})}, "title", 7),
        ({"$unset": {"title": {"$x": 1}}}, "title", None),
    ],
)
async def test_a_value_becomes_what_its_field_stores(
    bill: Bill, database: Database, update: Any, field: str, expected: Any
) -> None:
    await Bill.find(Bill.id == bill.id).update(update)
    assert (await stored(database)).get(field) == expected


async def test_a_token_is_hashed_once(bill: Bill, database: Database) -> None:
    query = Bill.find(Bill.id == bill.id).update(Set({Bill.token: "secret"}))
    await query.update(Set({Bill.token: "secret"})).inc({Bill.views: 1})
    assert (await stored(database))["token"] == Bill(token="secret").token


async def test_the_moment_is_the_servers(bill: Bill, database: Database) -> None:
    await Bill.find_one(Bill.id == bill.id).update(CurrentDate({Bill.printed_at: True}))
    assert isinstance((await stored(database))["printedAt"], datetime)
    with pytest.raises(ValidationFailed, match=r"Bill\.title"):
        await Bill.find_one(Bill.id == bill.id).update(CurrentDate({Bill.title: True}))


async def test_named_positions_are_judged_by_their_element(bill: Bill, database: Database) -> None:
    some = [{"one.sku": "s2"}]
    await Bill.find_one(Bill.id == bill.id).update({"$set": {"lines.$[one].count": "9"}}, array_filters=some)
    await Bill.find_one(Bill.id == bill.id).update({"$inc": {"lines.$[].count": 1}})
    assert [line["count"] for line in (await stored(database))["lines"]] == [2, 10]
    with pytest.raises(ValidationFailed, match=r"Bill\.lines\.\$\[one\]\.count"):
        await Bill.find_one(Bill.id == bill.id).update({"$set": {"lines.$[one].count": 0}}, array_filters=some)


REFUSED: list[tuple[Any, str]] = [
    ({"$set": {"title": {"$x": 1}}}, "title"),
    ({"$set": {"title": 5}}, "title"),
    ({"$set": {"title": "x" * 21}}, "title"),
    ({"$set": {"title": None}}, "title"),
    ({"$set": {"title": "\ud800"}}, "title"),
    ({"$set": {"views": 2**63}}, "views"),
    ({"$set": {"views": "twelve"}}, "views"),
    ({"$set": {"stars": 9}}, "stars"),
    ({"$set": {"mood": "worse"}}, "mood"),
    ({"$set": {"writerId": None}}, "writerId"),
    ({"$set": {"writerId": {"$oid": DIGITS}}}, "writerId"),
    ({"$set": {"tags": {"$each": []}}}, "tags"),
    ({"$set": {"main": {"sku": ""}}}, "main"),
    ({"$set": {"main.count": 0}}, "main.count"),
    ({"$set": {"table.a": {"$gt": 1}}}, "table.a"),
    ({"$set": {"code": "a b"}}, "code"),
    (SetOnInsert({"views": "many"}), "views"),
    (Min({"stars": 0}), "stars"),
    (Inc({"views": {"$x": 1}}), "views"),
    (Inc({"views": None}), "views"),
    (Inc({"views": True}), "views"),
    (Inc({"views": 0.5}), "views"),
    (Inc({"title": 1}), "title"),
    (Mul({"views": "x"}), "views"),
    (Push({"tags": {"$each": ["a"], "$slice": 0}}), "tags"),
    (Push({"tags": 5}), "tags"),
    (Push({"title": "a"}), "title"),
    (Push({"lines": {"sku": ""}}), "lines"),
    (Push({"lines": Each([{"sku": "a"}, {"count": 1}])}), "lines"),
    (AddToSet({"copy_ids": None}), "copyIds"),
    (AddToSet({"tags": {"$each": ["a"]}}), "tags"),
    (Pull({"tags": {"$ne": None}}), "tags"),
    (Pull({"lines": {"$or": [{"sku": "a"}]}}), "lines"),
    (Pull({"lines": {"sku": {"$ne": ""}}}), "lines.sku"),
    (Pull({"extra": {"$gt": 0}}), "extra"),
    (Pull({"lines": {"color": 1}}), "lines.color"),
    (PullAll({"tags": {"$in": ["x"]}}), "tags"),
    (Pop({"tags": 2}), "tags"),
    (Pop({"views": 1}), "views"),
    (Bit({"views": {"not": 1}}), "views"),
    (CurrentDate({"printed_at": {"$type": "timestamp"}}), "printedAt"),
]


@pytest.mark.parametrize(("update", "field"), REFUSED)
async def test_what_does_not_fit_is_refused_by_name(bill: Bill, database: Database, update: Any, field: str) -> None:
    before = await stored(database)
    for run in (
        lambda: Bill.find(Bill.id == bill.id).update(update),
        lambda: Bill.find_one(Bill.id == bill.id).update(update),
        lambda: bill.update(update),
    ):
        with pytest.raises((ValidationFailed, UnsafeFilter)) as caught:
            await run()
        assert caught.value.field == field
        assert caught.value.collection == "Bill"
    assert await stored(database) == before


async def test_what_is_refused_is_not_told(bill: Bill) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await Bill.find_one(Bill.id == bill.id).update(Set({Bill.views: "s3cret"}))
    assert "s3cret" not in str(caught.value)
    assert caught.value.value_type == "str"


async def test_without_strict_filters_updates_pass_as_written(bind_models: Bind, database: Database) -> None:
    await bind_models(Bill, strict_filters=False)
    await Bill(title="a").insert()
    await Bill.find().update({"$set": {"title": 5, "unheardOf": 1}}, Push({Bill.tags: Each(["b"])}))
    assert {**await stored(database), "_id": 0}.items() >= {"title": 5, "unheardOf": 1, "tags": ["b"]}.items()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | st.just(DIGITS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("$each", "$slice", "$gt", "$set", "$type", "sku", "count", "a", "$x")), inner, max_size=3
        )
    ),
    max_leaves=5,
)
PATHS = st.sampled_from((*Bill.model_fields, "lines.0.sku", "lines.$[].count", "main.sku", "table.a", "tags.1"))
OPERATORS = ("$set", "$min", "$max", "$inc", "$mul", "$push", "$addToSet", "$pull", "$pullAll", "$pop", "$bit")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.sampled_from(OPERATORS), PATHS.filter(lambda name: name not in ("id", "deleted_at", "is_deleted")), JSON)
def test_whatever_a_request_holds_is_refused_or_is_a_value(operator: str, path: str, value: Any) -> None:
    try:
        compiled = compile_update(Bill, {operator: {path: value}})
    except DocstoreError:
        return
    [written] = compiled[operator].values()
    if operator in ("$push", "$addToSet", "$pull") and isinstance(written, dict):
        assert not any(name.startswith("$") for name in written) or written.keys() == {"$eq"}
    if operator in ("$set", "$min", "$max") and "." not in path:
        assert getattr(Bill(**{path: value}), path) == written
