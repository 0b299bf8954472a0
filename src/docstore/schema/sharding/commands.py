"""The commands that shard a collection, as ``mongosh`` takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId

from docstore.documents import ShardKey, StoredDocument, Zone
from docstore.schema.specs import IndexSpec


def stored_key(model: type[StoredDocument], key: ShardKey) -> tuple[tuple[str, int | str], ...]:
    """The key in stored fields: 1 for a range, ``hashed`` for the first attribute of a hashed key."""
    names = [model.stored_name(attribute) for attribute in key.attributes]
    return tuple((name, "hashed" if key.hashed and not place else 1) for place, name in enumerate(names))


def shard_commands(
    model: type[StoredDocument],
    collection: str,
    key: ShardKey,
    indexes: Sequence[IndexSpec],
    *,
    database: str,
    split_at: Sequence[Any] = (),
) -> list[str]:
    """The commands for one collection, in order.

    Args:
        model, collection, key: what to shard, and by what.
        indexes: the collection's; the key needs a plain one that begins with it.
        database: its name on the cluster.
        split_at: values of the first attribute at which a ranged key is split beforehand.
    """
    keys = stored_key(model, key)
    namespace = json.dumps(f"{database}.{collection}")
    commands = []
    if not any(supports(index, keys) for index in indexes) and dict(keys) != {"_id": 1}:
        commands.append(
            f"db.getSiblingDB({json.dumps(database)}).{_collection(collection)}.createIndex({shell(dict(keys))})"
        )
    commands.append(f"sh.shardCollection({namespace}, {shell(dict(keys))})")
    commands += [
        f"sh.splitAt({namespace}, {shell(_bound(keys, (value,), 'MinKey()'))})" for value in split_at if not key.hashed
    ]
    for zone in key.zones:
        commands += _zone(namespace, keys, zone)
    commands.append(f"sh.balancerCollectionStatus({namespace})")
    return commands


def supports(index: IndexSpec, keys: Sequence[tuple[str, int | str]]) -> bool:
    """Whether an index can carry the key: it begins with it, and holds every document."""
    if index.options.keys() & {"partialFilterExpression", "sparse", "collation", "hidden"}:
        return False
    return tuple(index.keys[: len(keys)]) == tuple(keys)


def shell(value: Any) -> str:
    """A value as mongosh reads it."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(name))}: {shell(each)}" for name, each in value.items()) + " }"
    if isinstance(value, ObjectId):
        return f'ObjectId("{value}")'
    if isinstance(value, datetime):
        return f'ISODate("{value.isoformat()}")'
    return json.dumps(value, default=str)


class Raw:
    """Text that stands as it is."""

    def __init__(self, text: str) -> None:
        self.text = text


def _zone(namespace: str, keys: Sequence[tuple[str, int | str]], zone: Zone) -> Iterator[str]:
    name = json.dumps(zone.name)
    for shard in zone.shards:
        yield f"sh.addShardToZone({json.dumps(shard)}, {name})"
    low, high = (shell(_bound(keys, values, "MinKey()")) for values in (zone.low, zone.high))
    yield f"sh.updateZoneKeyRange({namespace}, {low}, {high}, {name})"


def _bound(keys: Sequence[tuple[str, int | str]], values: Sequence[Any], rest: str) -> dict[str, Any]:
    given = [*values, *(Raw(rest) for _ in keys[len(values) :])]
    return {name: value for (name, _), value in zip(keys, given, strict=False)}


def _collection(name: str) -> str:
    return name if name.isidentifier() else f"getCollection({json.dumps(name)})"
