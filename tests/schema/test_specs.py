"""Holding declared indexes against reported ones."""

from collections.abc import Sequence
from typing import Any, ClassVar

from bson import SON

from docstore.documents import Document, Index, index
from docstore.schema.specs import IndexSpec, by_collection, declared_specs, reported_specs


def test_the_order_of_a_filters_keys_does_not_matter_but_that_of_index_keys_does() -> None:
    one, other = reported_specs(
        [
            {"name": "one", "key": SON(a=1, b=1), "partialFilterExpression": SON(x=1, y={"$in": [False, None]})},
            {"name": "other", "key": SON(a=1.0, b=1), "partialFilterExpression": SON(y={"$in": [False, None]}, x=1)},
        ]
    )
    (turned,) = reported_specs([{"name": "turned", "key": SON(b=1, a=1), "partialFilterExpression": one.options}])

    assert one.does_the_same(other)
    assert not one.does_the_same(turned)


def test_options_without_effect_are_not_compared() -> None:
    (spec,) = reported_specs([{"v": 2, "name": "a_1", "key": {"a": 1}, "unique": False, "background": True, "ns": "x"}])

    assert spec.does_the_same(IndexSpec("ix_a", (("a", 1),)))


def test_the_index_on_id_is_not_reported() -> None:
    assert reported_specs([{"name": "_id_", "key": {"_id": 1}}]) == ()


def test_a_unique_and_a_plain_index_on_the_same_keys_get_along() -> None:
    plain = IndexSpec("ix_a", (("a", 1),))

    assert not plain.clashes_with(IndexSpec("uq_a", (("a", 1),), {"unique": True}))
    assert plain.clashes_with(IndexSpec("a_1", (("a", 1),), {"expireAfterSeconds": 5}))
    assert plain.clashes_with(IndexSpec("ix_a", (("b", 1),)))


class Vehicle(Document):
    wheels: int = 4
    indexes: ClassVar[Sequence[Index]] = (index("wheels", serves="by wheels"),)

    class Settings:
        name = "Vehicles"
        is_root = True


class Bus(Vehicle):
    seats: int = 0
    indexes: ClassVar[Sequence[Index]] = (*Vehicle.indexes, index("seats", serves="by seats"))


class School(Bus):
    class Settings:
        name = "ignored"


async def test_children_of_a_root_share_its_collection(bind_models: Any) -> None:
    models = [Vehicle, Bus, School]
    sharing = by_collection(models)
    await bind_models(*models)

    assert sharing == {"Vehicles": models}
    assert {model.get_collection_name() for model in models} == {"Vehicles"}
    assert [spec.name for spec in declared_specs(*models)] == ["ix_wheels", "ix_seats"]
