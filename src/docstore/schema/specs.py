"""The form in which a declared index and one that a server reports can be held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from docstore.documents import StoredDocument, declared_indexes

_COMPARED: Final[Mapping[str, Any]] = {
    "unique": False,
    "sparse": False,
    "hidden": False,
    "partialFilterExpression": None,
    "collation": None,
    "expireAfterSeconds": None,
}
"""Options that change what an index does, with what an absent one means."""

_PART_OF_IDENTITY: Final = ("unique", "sparse", "partialFilterExpression", "collation")
"""Options in which a server lets two indexes on the same keys differ."""


@dataclass(frozen=True)
class IndexSpec:
    """An index: its keys in order (1 ascending, -1 descending, or a kind such as ``text``) and what deviates from
    the plain case."""

    name: str
    keys: tuple[tuple[str, int | str], ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    serves: str = ""

    def does_the_same(self, other: IndexSpec) -> bool:
        """Whether both index the same, whatever they are called."""
        return self.keys == other.keys and self.options == other.options

    def clashes_with(self, other: IndexSpec) -> bool:
        """Whether a server refuses to hold both."""
        if self.name == other.name:
            return True
        mine, others = ({name: spec.options.get(name) for name in _PART_OF_IDENTITY} for spec in (self, other))
        return self.keys == other.keys and mine == others


def collection_of(model: type[StoredDocument]) -> str:
    """The collection of a model, bound or not."""
    named: str | None = getattr(getattr(model, "Settings", None), "name", None)
    return named or model.__name__


def declared_specs(model: type[StoredDocument]) -> tuple[IndexSpec, ...]:
    """The indexes a model declares, those of its references included."""
    specs = []
    for each in declared_indexes(model):
        document = each.to_index_model(model).document
        specs.append(_spec(document, document["key"].items(), each.serves))
    return tuple(specs)


def reported_specs(documents: Iterable[Mapping[str, Any]]) -> tuple[IndexSpec, ...]:
    """The indexes of a server's answer to ``listIndexes``, without the one on ``_id`` that every collection has."""
    return tuple(_spec(each, each["key"].items()) for each in documents if list(each["key"].items()) != [("_id", 1)])


def with_collections(models: Sequence[type[Any]]) -> tuple[type[StoredDocument], ...]:
    """The models that have a collection of their own; views and unions have none."""
    return tuple(model for model in models if issubclass(model, StoredDocument))


def _spec(document: Mapping[str, Any], keys: Iterable[tuple[str, Any]], serves: str = "") -> IndexSpec:
    # Other drivers store directions as doubles.
    plain = tuple((name, int(way) if isinstance(way, float) else way) for name, way in keys)
    options = {
        name: _plain(document[name])
        for name, absent in _COMPARED.items()
        if name in document and document[name] != absent
    }
    return IndexSpec(str(document["name"]), plain, options, serves)


def _plain(value: Any) -> Any:
    """Nested mappings as plain dicts, whose comparison ignores the order of keys."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
