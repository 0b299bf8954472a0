"""What the models declare, as plain JSON: the state that the next migration is generated from.

One file beside each generated migration: ``migrations/meta/NNNN.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from bson import Decimal128, ObjectId, json_util
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docstore.documents import StoredDocument
from docstore.errors import MigrationError
from docstore.schema.specs import IndexSpec, by_collection, declared_specs, reported_specs
from docstore.schema.validators import collection_validator

META: Final = "meta"
"""The folder of the snapshots, beside the migrations."""

_FORMAT: Final = 1
_NOTHING: Final = object()


@dataclass(frozen=True)
class FieldSnapshot:
    """A stored field: the attribute it is in Python, and its default where that is a plain value.

    `default` is a one-element tuple with the value, or empty.
    """

    attribute: str
    default: tuple[Any, ...] = ()


@dataclass(frozen=True)
class CollectionSnapshot:
    """A collection: its fields by stored name, its indexes, and the validator of its documents."""

    fields: Mapping[str, FieldSnapshot] = field(default_factory=dict)
    indexes: tuple[IndexSpec, ...] = ()
    validator: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of its documents; empty when several models share it, or none says anything."""
        found: Mapping[str, Any] = self.validator.get("$jsonSchema", {})
        return found


@dataclass(frozen=True)
class Snapshot:
    """What some models declare: their collections by name."""

    collections: Mapping[str, CollectionSnapshot] = field(default_factory=dict)


def snapshot_of(models: Sequence[type[Any]]) -> Snapshot:
    """The snapshot of document classes, bound or not; it does not depend on the order they are given in."""
    from docstore.schema.collections import collection_options

    grouped = by_collection(models)
    return Snapshot(
        {
            name: CollectionSnapshot(
                _fields(grouped[name]),
                tuple(sorted(declared_specs(*grouped[name]), key=lambda spec: spec.name)),
                _plain(collection_validator(grouped[name])),
                _plain(collection_options(grouped[name])),
            )
            for name in sorted(grouped)
        }
    )


def dumped(snapshot: Snapshot) -> str:
    """The snapshot as text; the same for the same models."""
    collections = {
        name: {
            "fields": {
                stored: {"attribute": each.attribute, **({"default": each.default[0]} if each.default else {})}
                for stored, each in collection.fields.items()
            },
            "indexes": [
                {"name": spec.name, "key": [list(pair) for pair in spec.keys], **spec.options}
                for spec in collection.indexes
            ],
            "validator": collection.validator,
            **({"options": collection.options} if collection.options else {}),
        }
        for name, collection in snapshot.collections.items()
    }
    options = json_util.RELAXED_JSON_OPTIONS
    return (
        json_util.dumps(
            {"format": _FORMAT, "collections": collections}, json_options=options, indent=2, ensure_ascii=False
        )
        + "\n"
    )


def loaded(text: str, where: str = "the snapshot") -> Snapshot:
    """The snapshot in a text.

    Raises:
        MigrationError: it is none, or of a later docstore.
    """
    try:
        content = json_util.loads(text)
        if content["format"] != _FORMAT:
            raise MigrationError(
                f"{where} is of another version of docstore.", hint="Use that version, or a later one."
            )
        return Snapshot({name: _collection(each) for name, each in content["collections"].items()})
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise MigrationError(
            f"{where} is no snapshot: {type(error).__name__}.", hint="Bring the file back as it was written."
        ) from error


def snapshot_path(directory: Path, number: int | str) -> Path:
    """Where the snapshot of a migration is."""
    return directory / META / f"{int(number):04d}.json"


def last_snapshot(directory: Path) -> tuple[int, Snapshot]:
    """The newest snapshot of a directory with its number; an empty one with 0 when there is none.

    Raises:
        MigrationError: it is damaged, or its migration is gone.
    """
    found = sorted(int(path.stem) for path in (directory / META).glob("*.json") if path.stem.isdigit())
    if not found:
        return 0, Snapshot()
    if not any(directory.glob(f"{found[-1]:04d}_*.py")):
        raise MigrationError(
            f"{snapshot_path(directory, found[-1])} is the snapshot of a migration that is not there.",
            hint="Bring the migration's file back, or delete its snapshot, too.",
        )
    return found[-1], read_snapshot(directory, found[-1])


def read_snapshot(directory: Path, number: int | str) -> Snapshot:
    """The snapshot of a migration.

    Raises:
        MigrationError: there is none, or it is damaged.
    """
    path = snapshot_path(directory, number)
    try:
        return loaded(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise MigrationError(f"there is no snapshot {path}.", hint="Bring the file back.") from error


def _fields(models: Sequence[type[StoredDocument]]) -> dict[str, FieldSnapshot]:
    found: dict[str, FieldSnapshot] = {}
    for model in models:
        for path, attribute, info in _stored_fields(model):
            # Of what is inside of others the names are in the schema; only defaults are not.
            default = _default(info)
            if "." not in path or default:
                found.setdefault(path, FieldSnapshot(attribute, default))
    return found


def _stored_fields(
    model: type[BaseModel], prefix: str = "", inside: tuple[type[BaseModel], ...] = ()
) -> Iterator[tuple[str, str, FieldInfo]]:
    """Every field by its path, those of models inside it included: the path, the attribute, what pydantic knows."""
    for attribute, info in model.model_fields.items():
        if info.exclude is True:
            continue
        path = f"{prefix}{info.alias or attribute}"
        yield path, attribute, info
        for inner in _models_in(info.annotation):
            if inner not in (model, *inside):
                yield from _stored_fields(inner, f"{path}.", (*inside, model))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that values of an annotation are, or are lists of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        if get_origin(annotation) is not dict:
            yield from _models_in(argument)


def _default(info: FieldInfo) -> tuple[Any, ...]:
    if info.default_factory in (list, dict, set):
        return ({} if info.default_factory is dict else [],)
    if info.is_required() or info.default_factory is not None or info.default is None:
        return ()
    value = info.default.value if isinstance(info.default, Enum) else info.default
    plain = _plain(value)
    return () if plain is _NOTHING else (plain,)


def _plain(value: Any) -> Any:
    """A value as the snapshot reads it back; _NOTHING when it could not."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | Decimal128 | ObjectId):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Mapping):
        inside = {str(name): _plain(each) for name, each in value.items()}
        return _NOTHING if _NOTHING in inside.values() else inside
    if isinstance(value, list | tuple | set | frozenset):
        held = [_plain(each) for each in value]
        return _NOTHING if _NOTHING in held else held
    return _NOTHING


def _collection(content: Mapping[str, Any]) -> CollectionSnapshot:
    return CollectionSnapshot(
        {
            stored: FieldSnapshot(each["attribute"], (each["default"],) if "default" in each else ())
            for stored, each in content["fields"].items()
        },
        reported_specs({**each, "key": dict(each["key"])} for each in content["indexes"]),
        content["validator"],
        content.get("options", {}),
    )
