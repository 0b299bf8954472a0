"""Index settings: declared in files of `indexes/algolia`, pushed to the search engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from docstore.clients.protocols import SearchIndex
from docstore.errors import DocstoreError

_IN_CHECKOUT = Path(__file__).parents[3] / "indexes" / "algolia"


def declared_settings() -> dict[str, dict[str, Any]]:
    """What is declared for each index: its `settings`, `replicas`, `synonyms` and `rules`, by its logical name.

    Raises:
        DocstoreError: the files are neither in the installed package nor in a checkout.
    """
    folder = _folder()
    found = {
        each.name.removesuffix(".json"): json.loads(each.read_text(encoding="utf-8"))
        for each in folder.iterdir()
        if each.name.endswith(".json")
    }
    return dict(sorted(found.items()))


async def push_settings(index: SearchIndex) -> tuple[str, ...]:
    """Push the declared settings of every index and of its replicas; returns their names.

    Settings that are not declared stay as they are, and so do synonyms and rules.
    """
    pushed: list[str] = []
    for name, declared in declared_settings().items():
        replicas: Mapping[str, Mapping[str, Any]] = declared.get("replicas", {})
        # The primary first: it is what makes its replicas.
        for each, settings in ((name, declared["settings"]), *replicas.items()):
            await index.set_settings(each, settings)
            pushed.append(each)
    return tuple(pushed)


def _folder() -> Traversable:
    packaged = files("docstore") / "_files" / "indexes" / "algolia"
    for folder in (packaged, _IN_CHECKOUT):
        if folder.is_dir():
            return folder
    raise DocstoreError(
        "The declared search settings were not found in the installed package.", hint="Install docstore again."
    )
