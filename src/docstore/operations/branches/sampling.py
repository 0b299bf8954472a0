"""Choosing some documents of each collection such that what they refer to comes along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docstore.documents import StoredDocument, references_of, translated
from docstore.operations.backup.catalog import Database

WHOLE: Final = frozenset({"MigrationJournal"})
"""What a sample takes all of: without its journal a branch would run every migration again."""

_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Link:
    """A field of a collection that holds ids of another."""

    field: str
    target: str


def links_of(models: Sequence[type[Any]]) -> dict[str, tuple[Link, ...]]:
    """By collection, the references that models declare."""
    named = {model.__name__: _collection_of(model) for model in models if issubclass(model, StoredDocument)}
    links: dict[str, list[Link]] = {}
    for model in models:
        for reference in references_of(model):
            if reference.target in named and model.__name__ in named:
                link = Link(reference.field, named[reference.target])
                links.setdefault(named[model.__name__], []).append(link)
    return {name: tuple(found) for name, found in links.items()}


class Sample:
    """The ids that a sample holds so far.

    Args:
        database: what is sampled.
        links: see `links_of`.
        names: the collections there are.
    """

    def __init__(self, database: Database, links: Mapping[str, Sequence[Link]], names: Iterable[str]) -> None:
        self._database = database
        self._links = links
        self.ids: dict[str, dict[Any, None]] = {name: {} for name in names}

    async def draw(self, name: str, size: int) -> None:
        """Add `size` random documents of a collection; all when it has no more."""
        stages: list[dict[str, Any]] = [{"$sample": {"size": size}}, {"$project": self._shown(name)}]
        with translated(name):
            await self._take(name, await (await self._database[name].aggregate(stages)).to_list())

    async def _take(self, name: str, documents: Iterable[Mapping[str, Any]]) -> None:
        """Add documents, and whatever they refer to, and whatever that refers to."""
        waiting: dict[str, dict[Any, None]] = {}
        self._add(name, documents, waiting)
        while waiting:
            target, ids = waiting.popitem()
            wanted = list(ids)
            for start in range(0, len(wanted), _BATCH):
                chosen = {"_id": {"$in": wanted[start : start + _BATCH]}}
                found = await self._database[target].find(chosen, self._shown(target)).to_list()
                self._add(target, found, waiting)

    def _add(self, name: str, documents: Iterable[Mapping[str, Any]], waiting: dict[str, dict[Any, None]]) -> None:
        for document in documents:
            self.ids[name][document["_id"]] = None
            for link in self._links.get(name, ()):
                for value in _values(document, link.field):
                    if link.target in self.ids and value not in self.ids[link.target]:
                        waiting.setdefault(link.target, {})[value] = None

    def _shown(self, name: str) -> dict[str, int]:
        return {"_id": 1, **{link.field: 1 for link in self._links.get(name, ())}}


def _values(document: Mapping[str, Any], path: str) -> list[Any]:
    found: list[Any] = [document]
    for part in path.split("."):
        found = [
            inner
            for each in found
            if isinstance(each, Mapping) and part in each
            for inner in (each[part] if isinstance(each[part], list) else [each[part]])
        ]
    return [each for each in found if each is not None]


def _collection_of(model: type[Any]) -> str:
    return getattr(getattr(model, "Settings", None), "name", None) or model.__name__
