"""The form in which a declared index and one that a server reports can be held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from docstore.documents import StoredDocument, declared_indexes
from docstore.schema.normal import canonical, normal_collation, normal_filter, normal_projection

_ABSENT: Final[Mapping[str, Any]] = {
    "unique": False,
    "sparse": False,
    "hidden": False,
    "partialFilterExpression": None,
    "collation": None,
    "expireAfterSeconds": None,
    "wildcardProjection": None,
    "weights": None,
    "default_language": "english",
    "language_override": "language",
    "bits": 26,
    "min": -180,
    "max": 180,
}
"""Options that change what an index does, with what an absent one means. Versions are the server's business."""

IDENTITY: Final = ("unique", "sparse", "partialFilterExpression", "collation", "wildcardProjection")
"""Options in which a server lets two indexes on the same keys differ."""

IN_PLACE: Final = frozenset({"hidden", "expireAfterSeconds"})
"""Options that a server changes without building anew."""

_NO_COLLATION: Final[Mapping[str, Any]] = {"locale": "simple"}


@dataclass(frozen=True)
class IndexSpec:
    """An index: its keys in order (1 ascending, -1 descending, or a kind such as ``text``) and what deviates from
    the plain case, as ``createIndexes`` takes it."""

    name: str
    keys: tuple[tuple[str, int | str], ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    serves: str = ""

    @cached_property
    def form(self) -> Mapping[str, Any]:
        """Keys and options such that two indexes that do the same are equal, however they were spelled."""
        options = {name: _NORMAL.get(name, canonical)(value) for name, value in self.options.items()}
        if "weights" in options:
            options["weights"] = canonical(_further_weights(self.keys, self.options["weights"]))
        return {"key": _sorted_text(self.keys)} | {
            name: value for name, value in options.items() if value not in (None, canonical({}))
        }

    def does_the_same(self, other: IndexSpec) -> bool:
        """Whether both index the same, whatever they are called."""
        return self.form == other.form

    def differences(self, other: IndexSpec) -> frozenset[str]:
        """What differs: names of options, and ``key``."""
        names = self.form.keys() | other.form.keys()
        return frozenset(name for name in names if self.form.get(name) != other.form.get(name))

    def clashes_with(self, other: IndexSpec) -> bool:
        """Whether a server refuses to hold both."""
        return self.name == other.name or not self.differences(other) & {"key", *IDENTITY}

    def within(self, collation: Mapping[str, Any] | None) -> IndexSpec:
        """The index as a collection with a default collation holds it."""
        if not collation or "collation" in self.options or any(isinstance(way, str) for _, way in self.keys):
            return self
        return IndexSpec(self.name, self.keys, {**self.options, "collation": dict(collation)}, self.serves)


def collection_of(model: type[StoredDocument]) -> str:
    """The collection of a model, bound or not; a child of a root shares the root's."""
    for base in reversed(model.__mro__):
        if getattr(vars(base).get("Settings"), "is_root", False):
            return str(getattr(vars(base)["Settings"], "name", None) or base.__name__)
    named: str | None = getattr(getattr(model, "Settings", None), "name", None)
    return named or model.__name__


def with_collections(models: Sequence[type[Any]]) -> tuple[type[StoredDocument], ...]:
    """The models that have a collection of their own; views and unions have none."""
    return tuple(model for model in models if issubclass(model, StoredDocument))


def by_collection(models: Sequence[type[Any]]) -> dict[str, list[type[StoredDocument]]]:
    """The models of each collection, which those that inherit from one another may share."""
    sharing: dict[str, list[type[StoredDocument]]] = {}
    for model in with_collections(models):
        sharing.setdefault(collection_of(model), []).append(model)
    return sharing


def declared_specs(*models: type[StoredDocument]) -> tuple[IndexSpec, ...]:
    """The indexes that the models of one collection declare, those of their references included, each once."""
    specs: list[IndexSpec] = []
    for model in models:
        for each in declared_indexes(model):
            document = each.to_index_model(model).document
            spec = _spec(document, document["key"].items(), each.serves)
            if not any(spec.does_the_same(known) for known in specs):
                specs.append(spec)
    return tuple(specs)


def reported_specs(documents: Iterable[Mapping[str, Any]]) -> tuple[IndexSpec, ...]:
    """The indexes of a server's answer to ``listIndexes``, without the one on ``_id`` that every collection has."""
    return tuple(
        _spec(each, _as_declared(each)) for each in documents if list(each["key"].items()) not in ([("_id", 1)], [])
    )


def _spec(document: Mapping[str, Any], keys: Iterable[tuple[str, Any]], serves: str = "") -> IndexSpec:
    # Other drivers store directions, and what is yes or no, as doubles.
    plain = tuple((name, way if isinstance(way, str) else int(way)) for name, way in keys)
    options = {
        name: _plain(bool(document[name]) if absent is False else document[name])
        for name, absent in _ABSENT.items()
        if name in document and document[name] != absent
    }
    if all(way == 1 for way in options.get("weights", {}).values()) and not _further_weights(
        plain, options.get("weights", {})
    ):
        options.pop("weights", None)
    return IndexSpec(str(document["name"]), plain, options, serves)


def _as_declared(document: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The keys of a reported index; a server keeps those of a text index among its weights."""
    for name, way in document["key"].items():
        if name == "_fts":
            yield from ((field, "text") for field in document.get("weights", {}))
        elif name != "_ftsx":
            yield name, way


def _sorted_text(keys: Sequence[tuple[str, int | str]]) -> tuple[tuple[str, int | str], ...]:
    """The keys, neighbouring text fields in alphabetical order: the server does not keep theirs."""
    text = sorted(key for key in keys if key[1] == "text")
    first = next((place for place, key in enumerate(keys) if key[1] == "text"), 0)
    others = [key for key in keys if key[1] != "text"]
    return (*others[:first], *text, *others[first:])


def _further_weights(keys: Sequence[tuple[str, int | str]], weights: Mapping[str, Any]) -> dict[str, Any]:
    """The weights that say more than the keys do."""
    text = {name for name, way in keys if way == "text"}
    return {name: weight for name, weight in weights.items() if weight != 1 or name not in text}


def _plain(value: Any) -> Any:
    """Nested mappings as plain dicts."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


_NORMAL: Final[Mapping[str, Any]] = {
    "partialFilterExpression": normal_filter,
    "collation": normal_collation,
    "wildcardProjection": normal_projection,
}
