"""What changed in the models as the lines of a migration's two functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from docstore.errors import MigrationError
from docstore.schema.migrations.conversions import TYPES_OF
from docstore.schema.migrations.files import FILL_IN
from docstore.schema.migrations.literals import Call, Name
from docstore.schema.migrations.writing import Script
from docstore.schema.snapshot_diff import Kind, SchemaChange, type_of
from docstore.schema.specs import IndexSpec

_INDENT = 4
_WIDTH = 120


@dataclass
class ScriptWriter:
    """Turns changes into the lines of the two functions.

    Args:
        fills: values for existing documents, by "Collection.path"; by "Collection.path:value" for one that is gone.
        number: of the migration.
        previous: of the snapshot before.
    """

    fills: Mapping[str, Any]
    number: int
    previous: int
    unfilled: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
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

    def expect_all_used(self) -> None:
        """Nothing, when every value that was given has a place.

        Raises:
            MigrationError: one has none.
        """
        for key in self.fills.keys() - self.used:
            raise MigrationError(
                f"{key} takes no value: it is neither new, nor newly required, nor a value that is gone.",
                hint="Name it as in --fill Post.priority=0, or --fill Post.status:GONE=OPEN for a value.",
            )

    def _given(self, key: str) -> bool:
        if key in self.fills:
            self.used.add(key)
        return key in self.fills

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
            Kind.TIGHTENED: self._tightened,
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
        if self._given(key) or (change.required and not change.default):
            self._fill(change)
        elif change.default:
            inside = _where_inside(change.path)
            value = [change.collection, change.path, change.default[0]]
            self._both(
                Call("await m.backfill", value, {**inside, "nulls": False}) if inside else _do("set_default", *value),
                _do("undo_backfill", change.collection, change.path),
            )

    def _required(self, change: SchemaChange) -> None:
        self._fill(change)

    def _tightened(self, change: SchemaChange) -> None:
        where = f"{change.collection}.{change.path}" if change.path else change.collection
        text = (
            f"{where}: {', '.join(change.new)} from now on. Documents that break it stay as they are: mend them here, "
            f"such as by m.transform. `docstore schema check --only {change.collection}` names them."
        )
        self.up += [f"# {line}" for line in wrap(text, _WIDTH - _INDENT - 2)]

    def _fill(self, change: SchemaChange) -> None:
        key = f"{change.collection}.{change.path}"
        note = ""
        if self._given(key):
            value = self.fills[key]
        elif change.default:
            value = change.default[0]
        else:
            value = Name(FILL_IN)
            self.unfilled.append(key)
            kind = type_of(change.new)
            note = f"{key}{f' ({kind})' if kind else ''} is required: say what documents without it get."
        self._both(
            Call("await m.backfill", [change.collection, change.path, value], _where_inside(change.path)),
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
        told: dict[Any, Any] = dict(change.new or {})
        key = f"{change.collection}.{change.path}"
        still = [each for each in change.old if each not in told and not self._given(f"{key}:{each}")]
        self.unfilled += [f"{key}:{each}" for each in still]
        values = {**told, **{each: self._filled(f"{key}:{each}") for each in change.old if each not in told}}
        renamed = {
            old: new for old, new in told.items() if new not in change.lasting and list(values.values()).count(new) == 1
        }
        merged = {old: new for old, new in values.items() if old not in renamed}
        place = [change.collection, change.path]
        if renamed:
            turned = {new: old for old, new in renamed.items()}
            self._both(_do("rename_value", *place, renamed), _do("rename_value", *place, turned))
        if merged:
            # The other way round would change documents, too, that never had the value that is gone.
            note = f"{', '.join(map(str, still))}: no value any more; say what documents that have it get."
            self._both(
                Call("await m.rename_value", [*place, merged], {"keep": True}),
                _do("undo_rename_value", *place),
                note if still else "",
            )

    def _filled(self, key: str) -> Any:
        return self.fills[key] if key in self.fills else Name(FILL_IN)

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
            Kind.TIGHTENED,
        }
    ),
    frozenset({Kind.INDEX_ADDED, Kind.INDEX_CHANGED}),
    frozenset({Kind.VALIDATOR_CHANGED}),
    frozenset({Kind.COLLECTION_REMOVED}),
)


def _where_inside(path: str) -> dict[str, Any]:
    """What keeps a field inside of another from being made where the other is not."""
    parent = path.rpartition(".")[0]
    return {"where": {parent: {"$type": "object"}}} if parent else {}


def _do(helper: str, *arguments: Any) -> Call:
    return Call(f"await m.{helper}", list(arguments))


def _create(collection: str, spec: IndexSpec) -> Call:
    keys = [tuple(pair) for pair in spec.keys]
    return Call("await m.create_index", [collection, keys], {"name": spec.name, **spec.options})
