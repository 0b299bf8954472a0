"""Writing a migration from what changed in the models since the last snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docstore.schema.migrations.conversions import TYPES_OF
from docstore.schema.migrations.files import FILL_IN, next_number, slug_of
from docstore.schema.migrations.literals import Call, Name
from docstore.schema.migrations.writing import Script, write_new
from docstore.schema.snapshot import META, Snapshot, dumped, last_snapshot, snapshot_path
from docstore.schema.snapshot_diff import Kind, Renames, SchemaChange, differences, type_of
from docstore.schema.specs import IndexSpec

_INDENT = 4


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
    given = answers or Answers()
    number, before = last_snapshot(directory)
    changes = differences(before, snapshot, given.renames)
    maybe = tuple((_told(gone), _told(new)) for gone, new in candidates(changes))
    if not changes:
        return Generated(None, None, ())
    described = title or _described(changes)
    here = next_number(directory)
    writer = _Writer(given.fills, here, number)
    script = writer.script(described, changes)
    path = write_new(directory, slug_of(described), script.rendered())
    meta = snapshot_path(directory, here)
    meta.parent.mkdir(exist_ok=True)
    meta.write_text(dumped(snapshot), encoding="utf-8")
    return Generated(path, meta, tuple(changes), tuple(writer.unfilled), maybe)


@dataclass
class _Writer:
    """Turns changes into the lines of the two functions."""

    fills: Mapping[str, Any]
    number: int
    previous: int
    unfilled: list[str] = field(default_factory=list)
    up: list[str] = field(default_factory=list)
    down: list[list[str]] = field(default_factory=list)

    def script(self, described: str, changes: Sequence[SchemaChange]) -> Script:
        """The whole file. Indexes go before the data changes and come after it, and validators come last."""
        for kinds in _PHASES:
            for change in changes:
                if change.kind in kinds:
                    self._write(change, kinds)
        down = [line for lines in reversed(self.down) for line in lines]
        return Script(described, self.up, down)

    def _write(self, change: SchemaChange, phase: frozenset[Kind]) -> None:
        if change.kind is Kind.INDEX_CHANGED:
            self._index_changed(change, before=Kind.INDEX_REMOVED in phase)
            return
        writers: Mapping[Kind, Callable[[SchemaChange], None]] = {
            Kind.COLLECTION_RENAMED: self._collection_renamed,
            Kind.COLLECTION_ADDED: self._collection_added,
            Kind.COLLECTION_REMOVED: self._collection_removed,
            Kind.FIELD_RENAMED: self._field_renamed,
            Kind.FIELD_ADDED: self._field_added,
            Kind.FIELD_REMOVED: self._field_removed,
            Kind.TYPE_CHANGED: self._type_changed,
            Kind.VALUES_CHANGED: self._values_changed,
            Kind.REQUIRED: self._required,
            Kind.INDEX_ADDED: self._index_added,
            Kind.INDEX_REMOVED: self._index_removed,
            Kind.VALIDATOR_CHANGED: self._validator_changed,
        }
        writers[change.kind](change)

    def _both(self, up: Call, down: Call, note: str = "") -> None:
        self.up += ([f"# {note}"] if note else []) + up.lines(_INDENT)
        self.down.append(down.lines(_INDENT))

    def _collection_renamed(self, change: SchemaChange) -> None:
        self._both(_do("rename_collection", change.old, change.new), _do("rename_collection", change.new, change.old))

    def _collection_added(self, change: SchemaChange) -> None:
        self._both(
            Call("await m.create_collection", [change.collection], dict(change.new or {})),
            _do("drop_collection", change.collection),
        )

    def _collection_removed(self, change: SchemaChange) -> None:
        self._both(
            _do("drop_collection", change.collection),
            _do("restore_collection", change.collection),
            "Only put aside; `docstore migrate forget` drops it for good.",
        )

    def _field_renamed(self, change: SchemaChange) -> None:
        self._both(
            _do("rename_field", change.collection, change.old, change.new),
            _do("rename_field", change.collection, change.new, change.old),
        )

    def _field_added(self, change: SchemaChange) -> None:
        key = f"{change.collection}.{change.path}"
        if key in self.fills or (change.required and not change.default):
            self._fill(change)
        elif change.default:
            self._both(
                _do("set_default", change.collection, change.path, change.default[0]),
                _do("undo_backfill", change.collection, change.path),
            )

    def _required(self, change: SchemaChange) -> None:
        self._fill(change)

    def _fill(self, change: SchemaChange) -> None:
        key = f"{change.collection}.{change.path}"
        note = ""
        if key in self.fills:
            value = self.fills[key]
        elif change.default:
            value = change.default[0]
        else:
            value = Name(FILL_IN)
            self.unfilled.append(key)
            kind = type_of(change.new)
            note = f"{key}{f' ({kind})' if kind else ''} is required: say what documents without it get."
        parent = change.path.rpartition(".")[0]
        named = {"where": {parent: {"$type": "object"}}} if parent else {}
        self._both(
            Call("await m.backfill", [change.collection, change.path, value], named),
            _do("undo_backfill", change.collection, change.path),
            note,
        )

    def _field_removed(self, change: SchemaChange) -> None:
        self._both(
            _do("drop_field", change.collection, change.path),
            _do("restore_field", change.collection, change.path),
        )

    def _type_changed(self, change: SchemaChange) -> None:
        old, new = type_of(change.old), type_of(change.new)
        if new not in TYPES_OF:
            key = f"{change.collection}.{change.path}"
            self.unfilled.append(key)
            name = f"{change.path} to its new form"
            self._both(
                Call(
                    "await m.transform",
                    [change.collection, name, Name(FILL_IN)],
                    {"fields": [change.path.split(".")[0]]},
                ),
                _do("undo_transform", change.collection, name),
                f"{key} has another form now: give a function that changes a document in place.",
            )
            return
        if "array" in (old, new) and old in TYPES_OF:
            new, old = self._elements(change, str(old), str(new))
        was = {"was": old} if old in TYPES_OF else {}
        up = Call("await m.convert_type", [change.collection, change.path, new], was)
        if not was:
            self.up += up.lines(_INDENT)
            self.down.append(_do("undo_convert_type", change.collection, change.path).lines(_INDENT))
            return
        self._both(up, Call("await m.convert_type", [change.collection, change.path, old], {"was": new}))

    def _elements(self, change: SchemaChange, old: str, new: str) -> tuple[str, str]:
        """Between a value and a list of values, the values may have to be converted first."""
        one, many = (change.old, change.new) if new == "array" else (change.new, change.old)
        alone, inside = type_of(one), type_of((many or {}).get("items"))
        if alone != inside and alone in TYPES_OF and inside in TYPES_OF:
            first, then = (alone, inside) if new == "array" else (inside, alone)
            self._both(
                Call("await m.convert_type", [change.collection, change.path, then], {"was": first}),
                Call("await m.convert_type", [change.collection, change.path, first], {"was": then}),
            )
        return new, old

    def _values_changed(self, change: SchemaChange) -> None:
        renamed: dict[Any, Any] = dict(change.new or {})
        open_ones = [each for each in change.old if each not in renamed]
        key = f"{change.collection}.{change.path}"
        values: dict[Any, Any] = {
            **renamed,
            **{each: self.fills.get(f"{key}:{each}", Name(FILL_IN)) for each in open_ones},
        }
        still = [each for each in open_ones if f"{key}:{each}" not in self.fills]
        self.unfilled += [f"{key}:{each}" for each in still]
        back = {new: old for old, new in values.items() if not isinstance(new, Name)}
        turned: list[str] = (
            Call("await m.rename_value", [change.collection, change.path, back]).lines(_INDENT)
            if not still
            else _do("undo_rename_value", change.collection, change.path).lines(_INDENT)
        )
        note = (
            [f"# {', '.join(map(str, still))}: no value any more; say what documents that have it get."]
            if still
            else []
        )
        keep = {"keep": True} if still else {}
        self.up += note + Call("await m.rename_value", [change.collection, change.path, values], keep).lines(_INDENT)
        self.down.append(turned)

    def _index_added(self, change: SchemaChange) -> None:
        self._both(_create(change.collection, change.new), _do("drop_index", change.collection, change.path))

    def _index_removed(self, change: SchemaChange) -> None:
        self._both(_do("drop_index", change.collection, change.path), _create(change.collection, change.old))

    def _index_changed(self, change: SchemaChange, *, before: bool) -> None:
        if before:
            self._both(_do("drop_index", change.collection, change.path), _create(change.collection, change.old))
        else:
            self._both(_create(change.collection, change.new), _do("drop_index", change.collection, change.path))

    def _validator_changed(self, change: SchemaChange) -> None:
        before = f"{self.previous:04d}" if change.old else None
        named = {"named": change.formerly} if before and change.formerly != change.collection else {}
        self._both(
            _do("set_validator", change.collection, f"{self.number:04d}"),
            Call("await m.set_validator", [change.collection, before], named),
        )


_PHASES = (
    frozenset({Kind.COLLECTION_RENAMED, Kind.COLLECTION_ADDED}),
    frozenset({Kind.INDEX_REMOVED, Kind.INDEX_CHANGED}),
    frozenset(
        {
            Kind.FIELD_RENAMED,
            Kind.FIELD_ADDED,
            Kind.FIELD_REMOVED,
            Kind.TYPE_CHANGED,
            Kind.VALUES_CHANGED,
            Kind.REQUIRED,
        }
    ),
    frozenset({Kind.INDEX_ADDED, Kind.INDEX_CHANGED}),
    frozenset({Kind.VALIDATOR_CHANGED}),
    frozenset({Kind.COLLECTION_REMOVED}),
)


def _do(helper: str, *arguments: Any) -> Call:
    return Call(f"await m.{helper}", list(arguments))


def _create(collection: str, spec: IndexSpec) -> Call:
    keys = [tuple(pair) for pair in spec.keys]
    return Call("await m.create_index", [collection, keys], {"name": spec.name, **spec.options})


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
