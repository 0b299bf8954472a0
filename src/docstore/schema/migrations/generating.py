"""Writing a migration from what changed in the models since the last snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docstore.schema.migrations.files import next_number, slug_of
from docstore.schema.migrations.scripting import ScriptWriter
from docstore.schema.migrations.writing import write_new
from docstore.schema.snapshot import META, Snapshot, dumped, last_snapshot, snapshot_path
from docstore.schema.snapshot_diff import Kind, SchemaChange, differences, type_of
from docstore.schema.snapshot_renames import Renames, stored_path


@dataclass(frozen=True)
class Generated:
    """What `generate` wrote: the files (None when nothing changed), what changed, and what is still to be filled in.

    `unfilled` are fields for which a value has to be given before the migration can run, `maybe_renamed` pairs of a
    field that is gone and one that is new, of the same type.
    """

    path: Path | None
    snapshot: Path | None
    changes: tuple[SchemaChange, ...]
    unfilled: tuple[str, ...] = ()
    maybe_renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answers:
    """What only the author of a change knows.

    Args:
        renames: what was renamed.
        fills: values for existing documents, by "Collection.path".
    """

    renames: Renames = field(default_factory=Renames)
    fills: Mapping[str, Any] = field(default_factory=dict)

    def settled(self, old: Snapshot, new: Snapshot) -> Answers:
        """The same by new names of collections and stored names of fields.

        Raises:
            MigrationError: something is said to be renamed that was not there, or is not.
        """
        fills: dict[str, Any] = {}
        for key, value in self.fills.items():
            collection, _, path = key.partition(".")
            now = self.renames.current(collection)
            fills[f"{now}.{stored_path(new.collections.get(now), path)}"] = value
        return Answers(self.renames.settled(old, new), fills)


def changes_since(directory: Path, snapshot: Snapshot, renames: Renames | None = None) -> list[SchemaChange]:
    """What changed since the last snapshot of a directory."""
    return differences(last_snapshot(directory)[1], snapshot, renames)


def candidates(changes: Sequence[SchemaChange]) -> list[tuple[SchemaChange, SchemaChange]]:
    """Pairs of what is gone and what is new that may be a rename: fields of the same type, or collections."""
    pairs = []
    for gone in changes:
        for new in changes:
            if gone.kind is Kind.COLLECTION_REMOVED and new.kind is Kind.COLLECTION_ADDED:
                pairs.append((gone, new))
            if (
                gone.kind is Kind.FIELD_REMOVED
                and new.kind is Kind.FIELD_ADDED
                and gone.collection == new.collection
                and type_of(gone.old) == type_of(new.new)
            ):
                pairs.append((gone, new))
    return pairs


def generate(
    directory: Path, snapshot: Snapshot, *, answers: Answers | None = None, title: str | None = None
) -> Generated:
    """Write the migration that leads from the last snapshot to this one, and the new snapshot beside it.

    Written only when something changed. Nothing is guessed: a field that is gone and another that is new are that,
    unless the answers say that one became the other.

    Args:
        directory: of the migrations.
        snapshot: what the models declare now.
        answers: see `Answers`.
        title: what the migration does, in a few words; made from the changes when None.

    Raises:
        MigrationError: an answer does not fit, or the last snapshot is damaged.
    """
    number, before = last_snapshot(directory)
    given = (answers or Answers()).settled(before, snapshot)
    changes = differences(before, snapshot, given.renames)
    maybe = tuple((_told(gone), _told(new)) for gone, new in candidates(changes))
    if not changes:
        return Generated(None, None, ())
    described = title or _described(changes)
    here = next_number(directory)
    writer = ScriptWriter(given.fills, here, number)
    script = writer.script(described, changes)
    writer.expect_all_used()
    path = write_new(directory, slug_of(described), script.rendered())
    meta = snapshot_path(directory, here)
    meta.parent.mkdir(exist_ok=True)
    meta.write_text(dumped(snapshot), encoding="utf-8")
    return Generated(path, meta, tuple(changes), tuple(writer.unfilled), maybe)


def _described(changes: Sequence[SchemaChange]) -> str:
    telling = [each for each in changes if each.kind is not Kind.VALIDATOR_CHANGED] or list(changes)
    data = [each for each in telling if not each.kind.value.startswith("index")] or telling
    first = data[0]
    where = f"{first.collection}.{first.path}" if first.path else first.collection
    words = {
        Kind.COLLECTION_RENAMED: f"rename {first.old} to {first.new}",
        Kind.COLLECTION_ADDED: f"add {first.collection}",
        Kind.COLLECTION_REMOVED: f"remove {first.collection}",
        Kind.FIELD_RENAMED: f"rename {where} to {first.new}",
        Kind.FIELD_ADDED: f"add {where}",
        Kind.FIELD_REMOVED: f"remove {where}",
        Kind.TYPE_CHANGED: f"change the type of {where}",
        Kind.VALUES_CHANGED: f"change the values of {where}",
        Kind.REQUIRED: f"require {where}",
        Kind.TIGHTENED: f"tighten {where}",
        Kind.INDEX_ADDED: f"add index {where}",
        Kind.INDEX_REMOVED: f"drop index {where}",
        Kind.INDEX_CHANGED: f"change index {where}",
        Kind.VALIDATOR_CHANGED: f"change the validator of {first.collection}",
    }
    collections = sorted({each.collection for each in data})
    if len(data) == 1:
        return words[first.kind]
    if len(collections) == 1:
        return f"change {collections[0]}"
    return (
        f"change {collections[0]} and {len(collections) - 1} more"
        if len(collections) > 3
        else ("change " + ", ".join(collections))
    )


def _told(change: SchemaChange) -> str:
    return f"{change.collection}.{change.path}" if change.path else change.collection


__all__ = ["META", "Answers", "Generated", "candidates", "changes_since", "generate"]
