"""The plan: for each model with a shard key its commands, what its queries would ask, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from bson import ObjectId

from docstore.documents import ShardKey, StoredDocument, references_of
from docstore.errors import SettingsError
from docstore.schema.sharding.commands import shard_commands, stored_key
from docstore.schema.specs import IndexSpec, collection_of, declared_specs, with_collections

_GROWING: Final = frozenset({"createdAt", "updatedAt", "timestamp", "sentAt", "processedAt", "at"})
_ONE_DOCUMENT: Final = frozenset({"update", "delete", "findAndModify"})


class Target(StrEnum):
    """Which shards a query asks."""

    ONE = "one shard"
    FEW = "few shards"
    ALL = "all shards"


@dataclass(frozen=True)
class Asked:
    """A query of the log: the stored fields it compares for equality and bounds by ranges.

    Args:
        text: the query in words.
        writes_one: it changes one document at most.
        upserts: it inserts where nothing matches.
        count: how often it ran.
    """

    collection: str
    text: str
    equality: frozenset[str]
    ranges: frozenset[str] = frozenset()
    operation: str = "find"
    limited: bool = False
    count: float = 0


@dataclass(frozen=True)
class Targeting:
    """A query, and which shards it asks: by a declared index's purpose, or as the log has it."""

    query: str
    target: Target
    count: float | None = None


@dataclass(frozen=True)
class CollectionPlan:
    """One collection: its key, the commands, what its queries ask, and what does not fit."""

    collection: str
    key: tuple[tuple[str, int | str], ...]
    reason: str
    commands: tuple[str, ...]
    targets: tuple[Targeting, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ShardPlan:
    """Every collection with a key, commands that come first, what holds for all, and the collections without a key."""

    first: tuple[str, ...] = ()
    collections: tuple[CollectionPlan, ...] = ()
    notes: tuple[str, ...] = ()
    unsharded: tuple[str, ...] = field(default=())


def shard_plan(
    models: Sequence[type[Any]],
    *,
    database: str,
    asked: Sequence[Asked] = (),
    split_at: Mapping[str, Sequence[Any]] | None = None,
) -> ShardPlan:
    """The plan for a cluster.

    Args:
        models: document classes, bound or not.
        database: its name on the cluster.
        asked: queries of the log; without them declared indexes alone tell what is asked.
        split_at: by collection, values of the key's first field at which to split beforehand.

    Raises:
        SettingsError: a key names an attribute its model does not have.
    """
    stored = with_collections(models)
    keys = {collection_of(model): _checked(model) for model in stored if model.shard_key is not None}
    plans = []
    for model in stored:
        name = collection_of(model)
        key = keys.get(name)
        if key is None or model.shard_key is None:
            continue
        indexes = declared_specs(model)
        mine = [each for each in asked if each.collection == name]
        commands = shard_commands(model, name, key, indexes, database=database, split_at=(split_at or {}).get(name, ()))
        stored_keys = stored_key(model, key)
        targets = [*_declared_targets(stored_keys, indexes), *_asked_targets(stored_keys, mine)]
        warnings = [*_warnings(model, key, stored_keys, indexes), *_write_warnings(stored_keys, mine)]
        warnings += _reference_warnings(model, stored, keys)
        plans.append(CollectionPlan(name, stored_keys, key.reason, tuple(commands), tuple(targets), tuple(warnings)))
    first = (f'sh.enableSharding("{database}")',) if plans else ()
    unsharded = tuple(collection_of(model) for model in stored if collection_of(model) not in keys)
    return ShardPlan(first, tuple(plans), _notes(plans, keys, stored), unsharded)


def target_of(key: Sequence[tuple[str, int | str]], equality: frozenset[str], ranges: frozenset[str]) -> Target:
    """Which shards a query with these conditions asks."""
    names = [name for name, _ in key]
    if equality.issuperset(names):
        return Target.ONE
    leading, kind = key[0]
    if leading in equality or (leading in ranges and kind != "hashed"):
        return Target.FEW if len(names) > 1 or leading in ranges else Target.ONE
    return Target.ALL


def _checked(model: type[StoredDocument]) -> ShardKey:
    key = model.shard_key
    assert key is not None
    for attribute in key.attributes:
        if attribute not in model.model_fields:
            raise SettingsError(
                f"{model.__name__}.shard_key names {attribute!r}, which is none of its attributes.",
                hint=f"Its attributes are {', '.join(model.model_fields)}.",
                field=attribute,
            )
    return key


def _declared_targets(key: Sequence[tuple[str, int | str]], indexes: Sequence[IndexSpec]) -> Iterator[Targeting]:
    yield Targeting("by id: get(), save(), delete()", target_of(key, frozenset({"_id"}), frozenset()))
    for index in indexes:
        # Descending keys are there for a sort, what precedes them is compared for equality.
        equality = []
        for name, way in index.keys:
            if way == -1:
                break
            equality.append(name)
        alone = equality[:1] if not index.options.get("unique") else equality
        yield Targeting(index.serves or index.name, target_of(key, frozenset(alone or ()), frozenset()))


def _asked_targets(key: Sequence[tuple[str, int | str]], asked: Sequence[Asked]) -> Iterator[Targeting]:
    for each in sorted(asked, key=lambda one: -one.count):
        yield Targeting(each.text, target_of(key, each.equality, each.ranges), each.count)


def _warnings(
    model: type[StoredDocument], key: ShardKey, keys: Sequence[tuple[str, int | str]], indexes: Sequence[IndexSpec]
) -> Iterator[str]:
    names = tuple(name for name, _ in keys)
    for index in indexes:
        if index.options.get("unique") and (key.hashed or tuple(n for n, _ in index.keys[: len(names)]) != names):
            fields = ", ".join(name for name, _ in index.keys)
            why = "the key is hashed" if key.hashed else f"it does not begin with {', '.join(names)}"
            yield (
                f"{index.name} cannot be unique over the shards: {why}. Keep {fields} unique in an unsharded "
                "collection of its own, written in the same transaction, or choose another key"
            )
    if names[0] != "_id" and _base(model, "id") is not ObjectId:
        yield "_id is unique on each shard alone: its values are chosen by the application, which has to see to it"
    leading = key.attributes[0]
    if not key.hashed and (names[0] in _GROWING or (names[0] == "_id" and _base(model, "id") is ObjectId)):
        yield f"{leading} only grows: every insert goes to the last shard. Hash it, or put another attribute first"
    kind = _base(model, leading)
    if len(names) == 1 and isinstance(kind, type) and (issubclass(kind, Enum) or kind is bool):
        yield f"{leading} has few values: a chunk cannot be split within one of them. Add an attribute to the key"
    if _is_optional(model, leading) and leading != "id":
        yield f"{leading} may be None: all such documents lie in one chunk"
    if names[0] != "_id":
        yield "get(), save() and delete() find by id alone and ask all shards; add the key's fields to hot queries"


def _write_warnings(key: Sequence[tuple[str, int | str]], asked: Sequence[Asked]) -> Iterator[str]:
    for each in asked:
        if each.operation not in _ONE_DOCUMENT or not each.limited or "_id" in each.equality:
            continue
        if target_of(key, each.equality, each.ranges) is not Target.ONE:
            yield f"{each.text}: changes one document without the whole key, which asks all shards (MongoDB 7.0 on)"


def _reference_warnings(
    model: type[StoredDocument], models: Sequence[type[StoredDocument]], keys: Mapping[str, ShardKey]
) -> Iterator[str]:
    for other in models:
        key = keys.get(collection_of(other))
        for reference in references_of(other):
            if reference.target != model.__name__ or key is None or key.attributes[0] == reference.attribute:
                continue
            name = collection_of(other)
            yield f"deleting a document asks all shards for the {name} that refer to it by {reference.attribute}"


def _notes(
    plans: Sequence[CollectionPlan], keys: Mapping[str, ShardKey], models: Sequence[type[StoredDocument]]
) -> tuple[str, ...]:
    if not plans:
        return ("No model declares a shard key.",)
    notes = [
        "Transactions over several shards work and commit in two phases: cascades, audit entries and outbox rows of "
        "one change lie on different shards, so expect longer commits.",
        "Choose keys whose fields never change: MongoDB moves a document only for an update whose filter holds the "
        "whole key, which save() does not do.",
        "Unsharded collections stay on the database's primary shard.",
        "Use replica sets of three for each shard and the config servers; of docstore's settings only the URL changes, "
        "to that of the mongos routers.",
    ]
    if any(collection_of(model) not in keys and model.audited for model in models):
        notes.append("The audit log grows with every change: shard it first.")
    return tuple(notes)


def _base(model: type[StoredDocument], attribute: str) -> Any:
    annotation = model.model_fields[attribute].annotation
    while get_origin(annotation) in (Union, UnionType):
        annotation = next((each for each in get_args(annotation) if each is not type(None)), None)
    if isinstance(annotation, type) and issubclass(annotation, ObjectId):
        return ObjectId
    return annotation


def _is_optional(model: type[StoredDocument], attribute: str) -> bool:
    return type(None) in get_args(model.model_fields[attribute].annotation)
