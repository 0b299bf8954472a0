"""The declared indexes as reviewable files: ``indexes/mongodb/<Collection>.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bson import json_util

from docstore.schema.specs import IndexSpec, by_collection, declared_specs


def exported_files(models: Sequence[type[Any]]) -> dict[str, str]:
    """The content of every file by its name, such as ``Post.json``."""
    return {
        f"{name}.json": _rendered(name, declared_specs(*sharing)) for name, sharing in by_collection(models).items()
    }


def stale_exports(directory: Path, models: Sequence[type[Any]]) -> list[str]:
    """Names of the files in `directory` that are missing, outdated, or of no model, in alphabetical order."""
    wanted = exported_files(models)
    held = _held(directory)
    return sorted(name for name in wanted.keys() | held.keys() if wanted.get(name) != held.get(name))


def export_indexes(directory: Path, models: Sequence[type[Any]]) -> list[str]:
    """Make `directory` hold exactly what the models declare; returns the names of the files that changed."""
    stale = stale_exports(directory, models)
    wanted = exported_files(models)
    directory.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in wanted:
            (directory / name).write_text(wanted[name], encoding="utf-8")
        else:
            (directory / name).unlink()
    return stale


def _held(directory: Path) -> Mapping[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}


def _rendered(collection: str, specs: Sequence[IndexSpec]) -> str:
    indexes = [{"name": spec.name, "serves": spec.serves, "key": dict(spec.keys), **spec.options} for spec in specs]
    return (
        json_util.dumps(
            {"collection": collection, "indexes": indexes},
            json_options=json_util.RELAXED_JSON_OPTIONS,
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )
