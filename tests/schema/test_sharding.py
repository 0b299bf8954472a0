"""The plan for a cluster: commands, targets, and what does not fit. No server is asked."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import pytest
from bson import ObjectId

from docstore.documents import Document, Index, Ref, ShardKey, Zone, index, shard_key, unique
from docstore.documents.references import PydanticObjectId
from docstore.errors import SettingsError
from docstore.models import ALL
from docstore.schema.sharding import Asked, ShardPlan, Target, shard_plan
from docstore.schema.sharding.commands import shell
from docstore.schema.sharding.plan import target_of
from docstore.store import SYSTEM_MODELS


class Region(StrEnum):
    EU = "EU"
    US = "US"


class Shop(Document):
    name: str
    region: Region

    shard_key: ClassVar[ShardKey | None] = shard_key(
        "region",
        "id",
        reason="each region has its own shards",
        zones=(Zone("eu", ("EU",), ("EUa",), ("shard-eu",)), Zone("us", ("US",), ("USa",))),
    )


class Order(Document):
    shop_id: Annotated[PydanticObjectId, Ref("Shop")]
    number: str
    placed_at: datetime
    note: str | None = None

    shard_key: ClassVar[ShardKey | None] = shard_key("shop_id", "id", reason="orders grow without end")
    indexes: ClassVar[tuple[Index, ...]] = (
        unique("number"),
        index("shop_id", "-placed_at", serves="a shop's orders, newest first"),
        index("-placed_at", serves="all orders, newest first"),
    )


def plan_of(*models: Any, **options: Any) -> ShardPlan:
    return shard_plan(models, database="shop", **options)


def with_key(base: type[Document], key: ShardKey) -> type[Document]:
    return type(base.__name__, (base,), {"shard_key": key, "__module__": __name__, "__annotations__": {}})


def test_the_commands_of_a_ranged_key_in_order() -> None:
    (order,) = plan_of(Order, split_at={"Order": [ObjectId("5" * 24)]}).collections

    assert order.commands == (
        'db.getSiblingDB("shop").Order.createIndex({ "shopId": 1, "_id": 1 })',
        'sh.shardCollection("shop.Order", { "shopId": 1, "_id": 1 })',
        f'sh.splitAt("shop.Order", {{ "shopId": ObjectId("{"5" * 24}"), "_id": MinKey() }})',
        'sh.balancerCollectionStatus("shop.Order")',
    )


def test_zones_are_put_on_their_shards() -> None:
    plan = plan_of(Shop)

    assert plan.first == ('sh.enableSharding("shop")',)
    head = 'sh.updateZoneKeyRange("shop.Shop", '
    assert plan.collections[0].commands[2:5] == (
        'sh.addShardToZone("shard-eu", "eu")',
        head + '{ "region": "EU", "_id": MinKey() }, { "region": "EUa", "_id": MinKey() }, "eu")',
        head + '{ "region": "US", "_id": MinKey() }, { "region": "USa", "_id": MinKey() }, "us")',
    )


def test_a_plain_index_that_begins_with_the_key_is_used() -> None:
    keyed = with_key(Order, shard_key("shop_id", reason="r"))
    (hashed,) = plan_of(with_key(Order, shard_key("id", hashed=True, reason="r"))).collections
    (by_id,) = plan_of(with_key(Order, shard_key("id", reason="r"))).collections

    (ranged,) = plan_of(keyed).collections
    assert ranged.commands[0].startswith("sh.shardCollection")
    assert '{ "_id": "hashed" }' in hashed.commands[0]
    assert by_id.commands[0].startswith("sh.shardCollection")


def test_a_unique_rule_that_does_not_begin_with_the_key_is_told() -> None:
    (order,) = plan_of(Order).collections
    assert any("uq_number cannot be unique over the shards" in each for each in order.warnings)

    (fitting,) = plan_of(with_key(Order, shard_key("number", reason="r"))).collections
    assert not any("cannot be unique" in each for each in fitting.warnings)
    (hashed,) = plan_of(with_key(Order, shard_key("number", hashed=True, reason="r"))).collections
    assert any("the key is hashed" in each for each in hashed.warnings)


@pytest.mark.parametrize(
    ("key", "warning"),
    [
        (shard_key("placed_at", reason="r"), None),
        (shard_key("created_at", reason="r"), "created_at only grows"),
        (shard_key("id", reason="r"), "id only grows"),
        (shard_key("note", reason="r"), "note may be None"),
        (shard_key("shop_id", reason="r"), "ask all shards"),
    ],
)
def test_keys_that_spread_badly_are_told(key: ShardKey, warning: str | None) -> None:
    (order,) = plan_of(with_key(Order, key)).collections

    grows = any("only grows" in each for each in order.warnings)
    assert any(warning in each for each in order.warnings) if warning else not grows


def test_few_values_are_told() -> None:
    (shop,) = plan_of(with_key(Shop, shard_key("region", reason="r"))).collections

    assert any("few values" in each for each in shop.warnings)
    assert not any("few values" in each for each in plan_of(Shop).collections[0].warnings)


@pytest.mark.parametrize(
    ("key", "equality", "ranges", "target"),
    [
        ((("a", 1),), {"a", "b"}, (), Target.ONE),
        ((("a", 1), ("b", 1)), {"a", "b"}, (), Target.ONE),
        ((("a", 1), ("b", 1)), {"a"}, (), Target.FEW),
        ((("a", 1), ("b", 1)), {"b"}, (), Target.ALL),
        ((("a", 1),), set(), ("a",), Target.FEW),
        ((("a", "hashed"),), set(), ("a",), Target.ALL),
        ((("a", "hashed"),), {"a"}, (), Target.ONE),
    ],
)
def test_what_a_query_asks(key: Any, equality: set[str], ranges: tuple[str, ...], target: Target) -> None:
    assert target_of(key, frozenset(equality), frozenset(ranges)) is target


def test_declared_and_logged_queries_are_told_with_what_they_ask() -> None:
    asked = (
        Asked("Order", "find Order by note", frozenset({"note"}), count=3),
        Asked("Order", "update Order by number", frozenset({"number"}), operation="update", limited=True, count=9),
        Asked("Other", "find Other", frozenset({"a"})),
    )
    (order,) = plan_of(Order, asked=asked).collections

    told = {each.query: (each.target, each.count) for each in order.targets}
    assert told["a shop's orders, newest first"] == (Target.FEW, None)
    assert told["all orders, newest first"] == (Target.ALL, None)
    assert told["find Order by note"] == (Target.ALL, 3)
    assert "find Other" not in told
    assert any("changes one document without the whole key" in each for each in order.warnings)


def test_cascades_over_all_shards_are_told() -> None:
    by_number = with_key(Order, shard_key("number", reason="r"))

    shop = plan_of(Shop, by_number).collections[0]
    assert any("the Order that refer to it by shop_id" in each for each in shop.warnings)
    assert not any("refer to it" in each for each in plan_of(Shop, Order).collections[0].warnings)


def test_a_key_of_no_attribute_is_refused() -> None:
    with pytest.raises(SettingsError, match="nothing"):
        plan_of(with_key(Order, shard_key("nothing", reason="r")))


def test_impossible_keys_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="one attribute"):
        shard_key(reason="r")
    with pytest.raises(ValueError, match="zone"):
        shard_key("a", reason="r", hashed=True, zones=(Zone("z", (1,), (2,)),))


def test_no_key_is_said() -> None:
    plan = plan_of(with_key(Shop, None))  # type: ignore[arg-type]

    assert (plan.first, plan.collections, plan.unsharded) == ((), (), ("Shop",))
    assert plan.notes == ("No model declares a shard key.",)


def test_the_own_models_keys_fit_their_unique_rules() -> None:
    plan = shard_plan((*ALL, *SYSTEM_MODELS), database="d")

    assert {each.collection for each in plan.collections} >= {"Review", "Vote", "AuditEntry", "QueryLog"}
    for each in plan.collections:
        assert not [warning for warning in each.warnings if "cannot be unique" in warning or "only grows" in warning]


def test_values_are_written_as_the_shell_reads_them() -> None:
    assert shell(datetime(2026, 1, 2, tzinfo=UTC)) == 'ISODate("2026-01-02T00:00:00+00:00")'
    assert shell('a "quoted" text') == '"a \\"quoted\\" text"'
    assert shell({"a.b": 1, "c": None, "d": True}) == '{ "a.b": 1, "c": null, "d": true }'
