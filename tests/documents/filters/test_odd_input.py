"""Input that no BSON can hold, or no field is called, ends in docstore's errors, which do not repeat it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from pydantic import BaseModel, Field

from docstore.documents import Document
from docstore.documents.filters import GT, And, ElemMatch, Eq, In, Not, trusted
from docstore.errors import DocstoreError, UnknownField, UnsafeFilter, ValidationFailed


class Detail(BaseModel):
    colour: str = ""


class Line(BaseModel):
    sku: str = ""
    amount: int = 0
    details: list[Detail] = Field(default_factory=list)


class Order(Document):
    lines: list[Line] = Field(default_factory=list)
    meta: dict[str, Any] = Field(default_factory=dict)
    number: int = 0


def nested(depth: int) -> dict[str, Any]:
    deep: dict[str, Any] = {}
    for _ in range(depth):
        deep = {"a": deep}
    return deep


@pytest_asyncio.fixture
async def asked(listen: Callable[..., Awaitable[Any]]) -> Any:
    return await listen(Order)


NAMES = ("", ".", "meta.", ".meta", "meta..a", "meta.a\0b", "number\0", "\0", "lines.sku.", "number.x", "$where", "met")


@pytest.mark.parametrize("name", NAMES, ids=repr)
async def test_what_no_field_is_called(asked: Any, name: str) -> None:
    for attempt in (
        lambda: Order.find({name: 1}).to_list(),
        lambda: Order.find(Eq(name, 1)).to_list(),
        lambda: Order.find().sort(name or "+").to_list(),
        lambda: Order.find().distinct(name),
        lambda: Order.find().update({"$set": {name: 1}}),
        lambda: Order.find().update({"$rename": {"number": name}}),
    ):
        with pytest.raises((UnknownField, UnsafeFilter)):
            await attempt()
    assert not asked.filters


VALUES: dict[str, Any] = {
    "too deep": nested(150),
    "far too deep": nested(20_000),
    "a deep list": {"a": [[[nested(150)]]]},
    "an object": object(),
    "an object inside": {"secret": [object()]},
    "a set of objects": {"secret": {object()}},
    "a large number inside": {"secret": 2**70},
    "half a character inside": {"secret": ["\ud800"]},
    "a zero in a key": {"secret\0": 1},
    "a number as key": {1: "secret"},
    "a function": {"secret": len},
    "a class": {"secret": int},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_what_no_document_can_hold(asked: Any, value: Any) -> None:
    for condition in (Order.meta == value, {"meta": value}, {"meta.a": value}, In(Order.meta, [value])):
        with pytest.raises(ValidationFailed) as refused:
            await Order.find(condition).to_list()
        assert "secret" not in str(refused.value)
    assert not asked.filters


async def test_what_a_document_can_hold(asked: Any) -> None:
    for value in (nested(50), {"a": {1, 2}}, {"a": [None, 1.5, b"x", "ä"]}, {}):
        await Order.find({"meta": value}).to_list()


@pytest.mark.parametrize("value", [{"$ne": None}, {"$gt": ""}, {"$regex": "."}, ["a", {"$ne": 1}], {"a": 1}], ids=str)
async def test_nothing_inside_an_element_becomes_an_operator(asked: Any, value: Any) -> None:
    for inside in (
        Eq("sku", value),
        GT("sku", value),
        And(Eq("sku", value), Eq("amount", 1)),
        Not(Eq("sku", value)),
        ElemMatch("details", Eq("colour", value)),
        ElemMatch("details", {"colour": value}),
        {"sku": value},
    ):
        with pytest.raises(DocstoreError):
            await Order.find(ElemMatch(Order.lines, inside)).to_list()
    assert not asked.filters


@pytest.mark.parametrize(
    ("inside", "sent"),
    [
        (Eq("sku", "a"), {"sku": "a"}),
        (GT("amount", "3"), {"amount": {"$gt": 3}}),
        (And(Eq("sku", "a"), GT("amount", 3)), {"$and": [{"sku": "a"}, {"amount": {"$gt": 3}}]}),
        (ElemMatch("details", Eq("colour", "red")), {"details": {"$elemMatch": {"colour": "red"}}}),
        (ElemMatch("details", {"colour": "red"}), {"details": {"$elemMatch": {"colour": "red"}}}),
        (trusted({"amount": {"$mod": [2, 0]}}), {"amount": {"$mod": [2, 0]}}),
    ],
    ids=str,
)
async def test_elements_are_asked_by_typed_expressions(asked: Any, inside: Any, sent: Any) -> None:
    await Order.find(ElemMatch(Order.lines, inside)).to_list()
    assert asked.last == {"lines": {"$elemMatch": sent}}
