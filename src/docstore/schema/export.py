"""What the models declare as reviewable files, one a collection: their indexes, and their validators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bson import json_util

from docstore.schema.specs import IndexSpec, by_collection, declared_specs
from docstore.schema.validators import collection_validator

Files = Callable[[Sequence[type[Any]]], Mapping[str, str]]


def exported_files(models: Sequence[type[Any]]) -> dict[str, str]:
    """The content of every index file by its name, such as ``Post.json``."""
    return {f"{name}.json": _indexes(name, declared_specs(*sharing)) for name, sharing in by_collection(models).items()}


def exported_validators(models: Sequence[type[Any]]) -> dict[str, str]:
    """The content of every validator file by its name, such as ``Post.json``."""
    return {
        f"{name}.json": _rendered({"collection": name, "validator": collection_validator(sharing)})
        for name, sharing in by_collection(models).items()
    }


def stale_exports(directory: Path, models: Sequence[type[Any]], files: Files = exported_files) -> list[str]:
    """Names of the files in `directory` that are missing, outdated, or of no model, in alphabetical order.

    Args:
        directory: where they are.
        models: document classes, bound or not.
        files: what they are to hold: `exported_files` or `exported_validators`.
    """
    wanted = files(models)
    held = _held(directory)
    return sorted(name for name in wanted.keys() | held.keys() if wanted.get(name) != held.get(name))


def export_indexes(directory: Path, models: Sequence[type[Any]], files: Files = exported_files) -> list[str]:
    """Make `directory` hold exactly what the models declare; returns the names of the files that changed.

    Takes what `stale_exports` takes.
    """
    stale = stale_exports(directory, models, files)
    wanted = files(models)
    directory.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in wanted:
            (directory / name).write_text(wanted[name], encoding="utf-8")
        else:
            (directory / name).unlink()
    return stale


def _held(directory: Path) -> Mapping[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}


def _indexes(collection: str, specs: Sequence[IndexSpec]) -> str:
    indexes = [{"name": spec.name, "serves": spec.serves, "key": dict(spec.keys), **spec.options} for spec in specs]
    return _rendered({"collection": collection, "indexes": indexes})


def _rendered(content: Mapping[str, Any]) -> str:
    # Patterns may hold characters that no editor shows.
    text = json_util.dumps(content, json_options=json_util.RELAXED_JSON_OPTIONS, indent=2, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text) + "\n"
