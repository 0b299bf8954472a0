"""What lies between two snapshots, as changes in the order in which a migration makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from docstore.schema.normal import canonical
from docstore.schema.snapshot import CollectionSnapshot, FieldSnapshot, Snapshot
from docstore.schema.snapshot_bounds import tightened
from docstore.schema.snapshot_paths import Schema, moved
from docstore.schema.snapshot_renames import Renames


class Kind(StrEnum):
    """What changed."""

    COLLECTION_RENAMED = "collection renamed"
    COLLECTION_ADDED = "collection added"
    COLLECTION_REMOVED = "collection removed"
    FIELD_RENAMED = "field renamed"
    FIELD_ADDED = "field added"
    FIELD_REMOVED = "field removed"
    TYPE_CHANGED = "type changed"
    VALUES_CHANGED = "values changed"
    REQUIRED = "required now"
    TIGHTENED = "tightened"
    INDEX_ADDED = "index added"
    INDEX_REMOVED = "index removed"
    INDEX_CHANGED = "index changed"
    VALIDATOR_CHANGED = "validator changed"


@dataclass(frozen=True)
class SchemaChange:
    """One change of one collection.

    Args:
        kind: what changed.
        collection: its name, as it is afterwards.
        path: the field, or the index's name.
        old: what it was: a name, a schema, an index, values; None when there was nothing.
        new: what it is.
        required: of a field that is there now: whether it must have a value.
        default: of such a field: its default in a one-element tuple, or empty.
    """

    kind: Kind
    collection: str
    path: str = ""
    old: Any = None
    new: Any = None
    required: bool = False
    default: tuple[Any, ...] = ()
    formerly: str = ""
    """What the collection was called before."""
    lasting: tuple[Any, ...] = ()
    """Of values that changed: those that were there before and still are."""

    def __str__(self) -> str:
        where = f"{self.collection}.{self.path}" if self.path else self.collection
        if self.kind in (Kind.FIELD_RENAMED, Kind.COLLECTION_RENAMED):
            return (
                f"{self.kind.value}: {self.collection}.{self.old} -> {self.new}"
                if self.path
                else (f"{self.kind.value}: {self.old} -> {self.collection}")
            )
        if self.kind is Kind.TYPE_CHANGED:
            return f"{self.kind.value}: {where}, {type_of(self.old)} -> {type_of(self.new)}"
        if self.kind is Kind.TIGHTENED:
            return f"{self.kind.value}: {where}, {', '.join(self.new)}"
        if self.kind is Kind.FIELD_ADDED and self.required:
            return f"{self.kind.value}: {where}, required"
        return f"{self.kind.value}: {where}"


def differences(old: Snapshot, new: Snapshot, renames: Renames | None = None) -> list[SchemaChange]:
    """What a migration has to do to lead from one snapshot to another.

    Raises:
        MigrationError: something is said to be renamed that was not there, or is not.
    """
    told = (renames or Renames()).settled(old, new)
    changes: list[SchemaChange] = []
    before = dict(old.collections)
    back = {became: name for name, became in told.collections.items()}
    for name, became in told.collections.items():
        changes.append(SchemaChange(Kind.COLLECTION_RENAMED, became, old=name, new=became))
        before[became] = before.pop(name)
    for name in sorted(new.collections):
        was = before.get(name)
        if was is None:
            changes.append(SchemaChange(Kind.COLLECTION_ADDED, name, new=new.collections[name].options))
        changes += [replace(each, formerly=back.get(name, name)) for each in _of_collection(name, was, new, told)]
    changes += [
        SchemaChange(Kind.COLLECTION_REMOVED, name, old=before[name])
        for name in sorted(before)
        if name not in new.collections
    ]
    return changes


def type_of(schema: Schema | None) -> str | None:
    """The one type of a field's values, null aside, as `convert_type` calls it; None when it has several, or any."""
    if not schema or "anyOf" in schema:
        return None
    if "bsonType" not in schema:
        values = [each for each in schema.get("enum", ()) if each is not None]
        return "string" if values and all(isinstance(each, str) for each in values) else None
    types = set(_types(schema)) - {"null"}
    if types == {"int", "long", "double"}:
        return "int" if "multipleOf" in schema else "double"
    return next(iter(types)) if len(types) == 1 else None


def _of_collection(
    name: str, was: CollectionSnapshot | None, new: Snapshot, renames: Renames
) -> Iterator[SchemaChange]:
    now = new.collections[name]
    old_indexes = was.indexes if was is not None else ()
    if was is not None:
        yield from _fields(name, was, now, renames)
    by_name = {each.name: each for each in old_indexes}
    for spec in old_indexes:
        if spec.name not in {each.name for each in now.indexes}:
            yield SchemaChange(Kind.INDEX_REMOVED, name, spec.name, old=spec)
    for spec in now.indexes:
        held = by_name.get(spec.name)
        if held is None:
            yield SchemaChange(Kind.INDEX_ADDED, name, spec.name, new=spec)
        elif not held.does_the_same(spec):
            yield SchemaChange(Kind.INDEX_CHANGED, name, spec.name, old=held, new=spec)
    old_validator = was.validator if was is not None else {}
    if canonical(old_validator) != canonical(now.validator):
        yield SchemaChange(Kind.VALIDATOR_CHANGED, name, old=old_validator or None, new=now.validator)


def _fields(name: str, was: CollectionSnapshot, now: CollectionSnapshot, renames: Renames) -> Iterator[SchemaChange]:
    old_schema = was.schema
    for path, became in renames.ordered(name):
        yield SchemaChange(Kind.FIELD_RENAMED, name, path, old=path, new=became)
        old_schema = moved(old_schema, path, became)
    rules = tightened(old_schema, now.schema)
    if rules:
        yield SchemaChange(Kind.TIGHTENED, name, new=rules)
    yield from _inside(name, "", old_schema, now.schema, now.fields, renames)


def _inside(
    name: str, prefix: str, old: Schema, new: Schema, fields: Mapping[str, FieldSnapshot], renames: Renames
) -> Iterator[SchemaChange]:
    before: Mapping[str, Schema] = old.get("properties", {})
    after: Mapping[str, Schema] = new.get("properties", {})
    required, required_before = set(new.get("required", ())), set(old.get("required", ()))
    if not before or not after:
        return  # of free form on either side: there is nothing to be said about what is inside
    for field_name in after:
        path = prefix + field_name
        default = fields[path].default if path in fields else ()
        must = field_name in required
        if field_name not in before:
            yield SchemaChange(Kind.FIELD_ADDED, name, path, new=after[field_name], required=must, default=default)
            continue
        yield from _field(name, path, before[field_name], after[field_name], fields, renames)
        stricter = _nullable(before[field_name]) and not _nullable(after[field_name])
        if stricter or (must and field_name not in required_before):
            yield SchemaChange(Kind.REQUIRED, name, path, new=after[field_name], required=True, default=default)
    for field_name in before:
        if field_name not in after:
            yield SchemaChange(Kind.FIELD_REMOVED, name, prefix + field_name, old=before[field_name])


def _field(
    name: str, path: str, old: Schema, new: Schema, fields: Mapping[str, FieldSnapshot], renames: Renames
) -> Iterator[SchemaChange]:
    old_type, new_type = type_of(old), type_of(new)
    if old_type != new_type and not _widened(old, new):
        yield SchemaChange(Kind.TYPE_CHANGED, name, path, old=old, new=new)
        return
    rules = tightened(old, new)
    if rules:
        yield SchemaChange(Kind.TIGHTENED, name, path, old=old, new=rules)
    if old_type == new_type == "array":
        yield from _field(name, path, old.get("items") or {}, new.get("items") or {}, fields, renames)
    elif old_type == new_type == "object":
        yield from _inside(name, f"{path}.", old, new, fields, renames)
    else:
        yield from _values(name, path, old, new, renames)


def _values(name: str, path: str, old: Schema, new: Schema, renames: Renames) -> Iterator[SchemaChange]:
    if "enum" not in new:
        return
    renamed = dict(renames.values.get((name, path), {}))
    before = [each for each in old.get("enum", ()) if each is not None]
    gone = [each for each in before if each not in new["enum"]]
    lasting = tuple(each for each in before if each in new["enum"])
    if gone or renamed:
        yield SchemaChange(Kind.VALUES_CHANGED, name, path, old=gone, new=renamed, lasting=lasting)


def _widened(old: Schema, new: Schema) -> bool:
    """Whether whatever was valid still is, as far as types go."""
    if not new or "anyOf" in new:
        return True
    if "anyOf" in old or "bsonType" not in old or "bsonType" not in new:
        return False
    return set(_types(old)) <= set(_types(new)) | {"null"} and not ("multipleOf" in new and "multipleOf" not in old)


def _nullable(schema: Schema) -> bool:
    if "anyOf" in schema:
        return any(_nullable(each) for each in schema["anyOf"])
    if "enum" in schema:
        return None in schema["enum"]
    return "bsonType" not in schema or "null" in _types(schema)


def _types(schema: Schema) -> list[str]:
    types = schema["bsonType"]
    return list(types) if isinstance(types, list) else [types]


ORDER: Final = tuple(Kind)
"""The order in which kinds of changes are told."""

__all__ = ["ORDER", "Kind", "Renames", "SchemaChange", "differences", "type_of"]
