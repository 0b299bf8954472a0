"""The files of `indexes/algolia`: read and checked, and written.

A file is what Algolia's own command line exports of an index (``settings``, ``synonyms``, ``rules``), and ``replicas``:
the settings of each replica.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from docstore.errors import DocstoreError

_IN_CHECKOUT = Path(__file__).parents[3] / "indexes" / "algolia"

Declared = dict[str, Any]


def declared_settings(folder: Path | None = None) -> dict[str, Declared]:
    """What is declared for each index: its `settings`, `replicas`, `synonyms` and `rules`, by its logical name.

    Args:
        folder: where the files are: those of the checkout, or of the installed package, when None.

    Raises:
        DocstoreError: there is no such folder, or the files are neither in the installed package nor in a checkout;
            or one of them does not fit.
    """
    if folder is not None and not folder.is_dir():
        raise DocstoreError(
            "There is no such folder of search settings.", hint="`docstore search settings pull --dir` makes one."
        )
    found: dict[str, Declared] = {}
    for each in (folder or _folder()).iterdir():
        if each.name.endswith(".json"):
            found[each.name.removesuffix(".json")] = _read(each)
    return dict(sorted(found.items()))


def bare(replica: str) -> str:
    """The name of a replica, without the mark of a virtual one."""
    return replica.removeprefix("virtual(").removesuffix(")")


def known_settings(folder: Path) -> dict[str, Declared]:
    """As `declared_settings`; nothing where there is no such folder yet."""
    return declared_settings(folder) if folder.is_dir() else {}


def write_settings(file: Path, content: Declared) -> None:
    """Write a file, and make its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(file: Traversable) -> Declared:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DocstoreError(f"{file.name} of the search settings is not JSON.", hint="Mend the file.") from error
    if not isinstance(content, dict) or not isinstance(content.get("settings"), dict):
        raise DocstoreError(
            f"{file.name} of the search settings is no export of an index.",
            hint='It is a JSON object with "settings", and "synonyms", "rules" and "replicas" where there are any.',
        )
    if (wrong := _misshapen(content)) is not None:
        raise DocstoreError(f"{file.name} of the search settings does not fit: {wrong}.", hint="Mend the file.")
    return content


def _misshapen(content: Declared) -> str | None:
    """What of a file is not as it should be: found before anything of it is pushed."""
    for kind in ("synonyms", "rules"):
        entries = content.get(kind, [])
        if not isinstance(entries, list) or not all(map(_has_id, entries)):
            return f'"{kind}" is a list of objects, each with its objectID'
    listed = content["settings"].get("replicas") or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        return '"settings.replicas" is a list of names'
    replicas = content.get("replicas", {})
    if not isinstance(replicas, dict) or not all(isinstance(each, dict) for each in replicas.values()):
        return '"replicas" is an object with the settings of each replica'
    if unlisted := sorted(replicas.keys() - {bare(each) for each in listed}):
        # Pushed, it would become an index of its own that nobody writes to.
        return f'{", ".join(unlisted)} of "replicas" is not among "settings.replicas"'
    return None


def _has_id(entry: Any) -> bool:
    return isinstance(entry, dict) and bool(entry.get("objectID"))


def _folder() -> Traversable:
    packaged = files("docstore") / "_files" / "indexes" / "algolia"
    for folder in (packaged, _IN_CHECKOUT):
        if folder.is_dir():
            return folder
    raise DocstoreError(
        "The declared search settings were not found in the installed package.", hint="Install docstore again."
    )
