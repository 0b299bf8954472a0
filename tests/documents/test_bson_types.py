"""What BSON gives back as another type than was written is read as the field's."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import pytest
from beanie import DecimalAnnotation
from bson import Decimal128
from pydantic import BaseModel, Field, NaiveDatetime, condecimal

from docstore.documents import Document
from docstore.documents.filters import GT
from docstore.errors import ValidationFailed

T = TypeVar("T")
NOON = datetime(2026, 1, 2, 12)
PRICE = Decimal("1.10")


class Cost(BaseModel):
    net: Decimal = Decimal("0.5")
    at: NaiveDatetime | None = None


class Holding(BaseModel, Generic[T]):
    item: T


class Bill(Document):
    total: Decimal
    tax: Annotated[Decimal, condecimal(max_digits=6, decimal_places=2)] | None = None
    parts: list[Decimal] = Field(default_factory=list)
    by_name: dict[str, Decimal] = Field(default_factory=dict)
    cost: Cost = Field(default_factory=Cost)
    costs: list[Cost] = Field(default_factory=list)
    either: int | str | Decimal = 3
    held: Holding[Decimal] | None = None
    by_beanie: DecimalAnnotation = Decimal("2.5")
    given_at: NaiveDatetime = NOON


class Keyed(Document):
    by_number: dict[int, str] = Field(default_factory=dict)
    by_id: dict[UUID, int] = Field(default_factory=dict)


class Tagged(Document):
    metadata: Decimal
    type: Decimal


class JustTotal(BaseModel):
    total: Decimal
    cost: Cost


def full() -> Bill:
    cost = Cost(net=PRICE, at=NOON)
    return Bill(
        total=PRICE,
        tax=Decimal("3.25"),
        parts=[PRICE, Decimal(2)],
        by_name={"a": PRICE},
        cost=cost,
        costs=[cost],
        either=PRICE,
        held=Holding[Decimal](item=PRICE),
    )


READS: dict[str, Callable[[Bill], Awaitable[Any]]] = {
    "get": lambda bill: Bill.get(bill.id),
    "find_one": lambda bill: Bill.find_one(Bill.total == PRICE),
    "list": lambda bill: _first(Bill.find(GT(Bill.total, 1)).to_list()),
    "page": lambda bill: _first_item(Bill.find().sort("-total").page(1)),
    "lazily": lambda bill: _first(Bill.find(lazy_parse=True).to_list()),
    "aggregate": lambda bill: _first(Bill.aggregate([], projection_model=Bill).to_list()),
}


async def _first(found: Awaitable[list[Any]]) -> Any:
    return (await found)[0]


async def _first_item(found: Awaitable[Any]) -> Any:
    return (await found).items[0]


@pytest.mark.parametrize("read", READS)
async def test_what_was_written_is_read(bind_models: Any, database: Any, read: str) -> None:
    await bind_models(Bill)
    bill = await full().insert()
    stored = await database["Bill"].find_one()
    assert isinstance(stored["total"], Decimal128)
    found = await READS[read](bill)
    for name in Bill.model_fields:
        assert getattr(found, name) == getattr(bill, name)
        assert type(getattr(found, name)) is type(getattr(bill, name))
    assert found.cost.at.tzinfo is None
    await found.save()
    assert (await database["Bill"].find_one())["total"] == Decimal128("1.10")


async def test_updates_and_restorations_take_it_over(bind_models: Any) -> None:
    await bind_models(Bill)
    bill = await full().insert()
    await bill.set({"total": Decimal("7.5"), "cost.net": Decimal("8.5")})
    await bill.inc({"total": Decimal(1)})
    assert (bill.total, bill.cost.net) == (Decimal("8.5"), Decimal("8.5"))
    await bill.delete()
    await bill.restore()
    assert (await Bill.find().values("total", "tax").to_list()) == [
        {"total": Decimal("8.5"), "tax": Decimal("3.25")},
    ]


async def test_projections_read_it(bind_models: Any) -> None:
    await bind_models(Bill)
    await full().insert()
    [card] = await Bill.find().project(JustTotal).to_list()
    assert (card.total, card.cost.net, card.cost.at) == (PRICE, PRICE, NOON)
    [summed] = await Bill.find().aggregate([{"$project": {"_id": 0, "total": 1, "cost": 1}}], JustTotal).to_list()
    assert summed == card


async def test_an_old_document_with_fields_missing_is_read(bind_models: Any, database: Any) -> None:
    await bind_models(Bill)
    await database["Bill"].insert_one({"tax": Decimal128("1.5"), "cost": None, "parts": [Decimal128("2")]})
    found = await Bill.find_one()
    assert found is not None
    assert (found.total, found.tax, found.parts) == (None, Decimal("1.5"), [Decimal(2)])


async def test_numbers_of_other_services_are_read(bind_models: Any, database: Any) -> None:
    await bind_models(Bill)
    await database["Bill"].insert_many([{"total": each} for each in (3, 2.5, "4.75", Decimal128("9"))])
    assert [each.total for each in await Bill.find().sort("_id").to_list()] == [
        Decimal(3),
        Decimal("2.5"),
        Decimal("4.75"),
        Decimal(9),
    ]


async def test_a_field_may_be_called_as_pydantics_notes_are(bind_models: Any) -> None:
    await bind_models(Tagged)
    await Tagged(metadata=PRICE, type=PRICE).insert()
    found = await Tagged.find_one()
    assert found is not None
    assert (found.metadata, found.type) == (PRICE, PRICE)


async def test_keys_that_are_stored_as_text_pass_in_updates_and_filters_too(bind_models: Any) -> None:
    await bind_models(Keyed)
    one, two = UUID(int=1), UUID(int=2)
    made = await Keyed(by_number={1: "a"}, by_id={one: 1}).insert()
    assert await Keyed.find(Keyed.by_number == {1: "a"}, Keyed.by_id == {one: 1}).count() == 1
    assert await Keyed.find({"by_number": {1: "a"}}).count() == 1
    await made.set({"by_number": {2: "b"}, "by_id": {two: 2}})
    assert (made.by_number, made.by_id) == ({2: "b"}, {two: 2})
    await Keyed.find(Keyed.id == made.id).update({"$set": {"by_number": {3: "c"}}})
    found = await Keyed.get(made.id)
    assert found is not None
    assert (found.by_number, found.by_id) == ({3: "c"}, {two: 2})


async def test_what_is_reckoned_of_decimals_is_one(bind_models: Any) -> None:
    await bind_models(Bill)
    await Bill.insert_many([Bill(total=Decimal(n) / 2) for n in range(3)])
    assert await Bill.find().distinct("total") == [Decimal(0), Decimal("0.5"), Decimal(1)]
    for reckoned, expected in (
        (await Bill.find().sum("total"), "1.5"),
        (await Bill.find().avg("total"), "0.5"),
        (await Bill.find().max("total"), "1"),
        (await Bill.find().min("total"), "0"),
    ):
        assert type(reckoned) is Decimal
        assert reckoned == Decimal(expected)


async def test_a_decimal_too_long_for_bson_is_told_by_its_field(bind_models: Any) -> None:
    await bind_models(Bill)
    kept, long = await full().insert(), Decimal("1." + "1" * 40)
    for write in (
        lambda: Bill(total=long).insert(),
        lambda: Bill.insert_many([Bill(total=long)]),
        lambda: kept.set({"total": long}),
        lambda: kept.model_copy(update={"cost": Cost(net=long)}).save(),
        lambda: Bill.find(Bill.total == long).to_list(),
    ):
        with pytest.raises(ValidationFailed) as told:
            await write()
        assert "1111" not in str(told.value)
        assert told.value.field is not None
        assert told.value.field.partition(".")[0] in ("total", "cost")
    assert (await Bill.find().to_list())[0].total == PRICE
