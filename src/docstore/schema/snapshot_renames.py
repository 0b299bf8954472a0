"""What was renamed between two snapshots, as only its author knows: checked, and in an order that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docstore.errors import MigrationError
from docstore.schema.snapshot import CollectionSnapshot, Snapshot
from docstore.schema.snapshot_paths import field_at


@dataclass(frozen=True)
class Renames:
    """What was renamed.

    A collection may go by its old name or its new one, a field by the name it is stored under or by its attribute's.

    Args:
        collections: new name by old one.
        fields: (collection's name, old path) to the new path.
        values: (collection's name, new path) to new values by old ones.
    """

    collections: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], str] = field(default_factory=dict)
    values: Mapping[tuple[str, str], Mapping[Any, Any]] = field(default_factory=dict)

    def current(self, collection: str) -> str:
        """What a collection is called now."""
        return self.collections.get(collection, collection)

    def former(self, collection: str) -> str:
        """What a collection that goes by its new name was called."""
        return next((old for old, new in self.collections.items() if new == collection), collection)

    def settled(self, old: Snapshot, new: Snapshot) -> Renames:
        """The same by new names of collections and stored names of fields.

        Raises:
            MigrationError: something is said to be renamed that was not there, or is not.
        """
        for name, became in self.collections.items():
            _check_collection(name, became, old, new)
        fields: dict[tuple[str, str], str] = {}
        for (given, path), became in self.fields.items():
            collection = self.current(given)
            was, now = old.collections.get(self.former(collection)), new.collections.get(collection)
            source, target = stored_path(was, path), stored_path(now, became)
            if was is None or now is None or _lacks(was, source) or _lacks(now, target):
                raise MigrationError(
                    f"{given}.{path} was not renamed to {became}: one of them is no field of it.",
                    hint="Name whole paths, as in --rename Post.meta.seo=meta.seoTitle.",
                    collection=collection,
                )
            fields[collection, source] = target
        values: dict[tuple[str, str], Mapping[Any, Any]] = {}
        for (given, path), pairs in self.values.items():
            collection = self.current(given)
            found = stored_path(new.collections.get(collection), path)
            _check_values(given, path, pairs, new.collections.get(collection), found)
            values[collection, found] = pairs
        return Renames(self.collections, fields, values)

    def ordered(self, collection: str) -> list[tuple[str, str]]:
        """Its fields' renames, one after the other: none takes a place that another has yet to leave, and what is
        inside of one that moved is named by where it is by then. Two that changed places go by a third name."""
        given = [(old, new) for (name, old), new in self.fields.items() if name == collection]
        left = dict(sorted(given, key=lambda pair: pair[0].count(".")))
        found: list[tuple[str, str]] = []
        while left:
            free = next((old for old, new in left.items() if new not in left), None)
            old = free or next(iter(left))
            new = left.pop(old)
            if free is None:
                left[f"{old}_before"] = new
                new = f"{old}_before"
            found.append((old, new))
            left = {_within(path, old, new): became for path, became in left.items()}
        return [(old, new) for old, new in found if old != new]


def _within(path: str, old: str, new: str) -> str:
    return new + path.removeprefix(old) if path.startswith(f"{old}.") else path


def stored_path(collection: CollectionSnapshot | None, path: str) -> str:
    """A path by stored names, of which the first may be given as the attribute's."""
    first, dot, rest = path.partition(".")
    if collection is None or first in collection.fields:
        return path
    stored = next((name for name, each in collection.fields.items() if each.attribute == first), first)
    return f"{stored}{dot}{rest}"


def _lacks(collection: CollectionSnapshot, path: str) -> bool:
    return field_at(collection.schema, path) is None


def _check_collection(name: str, became: str, old: Snapshot, new: Snapshot) -> None:
    if name not in old.collections or became not in new.collections or became in old.collections:
        known = name in old.collections
        raise MigrationError(
            f"{name} was not renamed to {became}: "
            + ("that is no new one." if known else "the models had no such collection."),
            hint="Name them as in --rename Old=New.",
        )


def _check_values(given: str, path: str, pairs: Mapping[Any, Any], now: CollectionSnapshot | None, found: str) -> None:
    schema = field_at(now.schema, found) if now is not None else None
    while schema and "enum" not in schema and isinstance(schema.get("items"), Mapping):
        schema = schema["items"]
    allowed = (schema or {}).get("enum", ())
    wrong = [str(each) for each in pairs.values() if each not in allowed]
    if wrong:
        raise MigrationError(
            f"{given}.{path} has no value {', '.join(wrong)} now.",
            hint="Name the field and its values, as in --rename Post.status:UP=UPVOTE.",
            collection=given,
        )
