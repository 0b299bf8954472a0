"""What has to happen to a collection's indexes, decided without a server: declared ones against found ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bson import json_util

from docstore.schema.specs import IN_PLACE, IndexSpec

BESIDE: Final = "__new"
"""The end of the name under which a changed index is built while the old one still serves."""

SMALL: Final = 100_000
"""Documents up to which an index is dropped and built again under its name: that takes a moment."""


_LONGEST_VALUE: Final = 60


class IndexAction(StrEnum):
    """What is to be done about an index."""

    CREATE = "create"
    """Declared, and not on the server."""
    CHANGE = "change"
    """Declared, and on the server with other keys or options."""
    UNHIDE = "unhide"
    """Declared, and hidden on the server."""
    HIDE = "hide"
    """Declared as hidden and visible on the server; or unknown, to be pruned, and first seen to be missed by nobody."""
    KEEP = "keep"
    """Declared, and on the server, maybe under another name."""
    DROP = "drop"
    """Left over from a change, or unknown and to be pruned."""
    UNKNOWN = "unknown"
    """On the server, and declared by no model: left alone."""


class Pruning(StrEnum):
    """What becomes of indexes that no model declares."""

    KEEP = "keep"
    """Nothing."""
    DROP = "drop"
    """They are dropped."""
    HIDE_FIRST = "hide-first"
    """They are hidden; those that are hidden already are dropped."""


class Way(StrEnum):
    """How an index is changed."""

    IN_PLACE = "in place"
    """By ``collMod``, without building."""
    BESIDE = "beside"
    """The new one is built under another name while the old one serves, which is then dropped."""
    ANEW = "anew"
    """The old one is dropped first: the server holds only one of the two, or the collection is small."""


@dataclass(frozen=True)
class IndexStep:
    """What is to be done about one index of a collection.

    Args:
        collection: its name.
        name: of the index, as declared; as found where no model declares it.
        action: what to do.
        wanted: as declared.
        found: as on the server.
        way: how, for a change.
        detail: what there is to say about it.
    """

    collection: str
    name: str
    action: IndexAction
    wanted: IndexSpec | None = None
    found: IndexSpec | None = None
    way: Way | None = None
    detail: str = ""

    @property
    def spec(self) -> IndexSpec:
        """The index as it is to be, or as it is where no model declares it."""
        spec = self.wanted or self.found
        assert spec is not None
        return spec

    @property
    def serves(self) -> str:
        """The query it is for, in words; empty when unknown."""
        return self.spec.serves

    def described(self) -> dict[str, Any]:
        """The step as plain JSON."""
        return {
            "collection": self.collection,
            "name": self.name,
            "action": self.action.value,
            "keys": [list(key) for key in self.spec.keys],
            "options": dict(self.spec.options),
            "serves": self.serves,
            "way": self.way.value if self.way else None,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class IndexPlan:
    """What has to happen to the indexes of a database, in the order in which it is done.

    Args:
        steps: one for each index.
        missing: collections that do not exist yet, with the options to create them with.
    """

    steps: tuple[IndexStep, ...]
    missing: Mapping[str, Mapping[str, Any]]

    def of(self, *actions: IndexAction) -> tuple[IndexStep, ...]:
        """The steps of some kinds."""
        return tuple(each for each in self.steps if each.action in actions)

    @property
    def work(self) -> tuple[IndexStep, ...]:
        """The steps that change something, in order: nothing is dropped before all is built."""
        doing = [each for each in self.steps if each.action not in (IndexAction.KEEP, IndexAction.UNKNOWN)]
        return tuple(sorted(doing, key=lambda step: _ORDER[step.action]))

    def counts(self) -> dict[str, int]:
        """How many steps there are of each kind, by its name."""
        return {action.value: len(self.of(action)) for action in IndexAction}

    @property
    def outstanding(self) -> tuple[IndexStep, ...]:
        """What the declarations ask for and the server has not: all work but pruning."""
        return tuple(each for each in self.work if each.wanted is not None)


@dataclass(frozen=True)
class Collection:
    """A collection as a server has it: its indexes without that on ``_id``, its default collation, its size."""

    name: str
    found: Sequence[IndexSpec] = ()
    collation: Mapping[str, Any] | None = None
    documents: int = 0


_ORDER: Final = {
    IndexAction.CREATE: 0,
    IndexAction.CHANGE: 1,
    IndexAction.UNHIDE: 2,
    IndexAction.HIDE: 3,
    IndexAction.DROP: 4,
}


def steps_for(collection: Collection, declared: Iterable[IndexSpec], pruning: Pruning) -> list[IndexStep]:
    """What has to happen to the indexes of one collection."""
    wanted = [each.within(collection.collation) for each in declared]
    matches = _matched(wanted, collection.found)
    used = {spec.name for spec in matches.values()}
    steps = []
    for spec in wanted:
        found = matches.get(spec.name)
        if found is None:
            found = _clashing(spec, collection.found, used)
            if found is not None:
                used.add(found.name)
        steps.append(_declared(collection, spec, found))
    names = {spec.name for spec in wanted}
    left = [each for each in collection.found if each.name not in used]
    return steps + [_undeclared(collection.name, each, names, pruning) for each in left]


def _matched(wanted: Sequence[IndexSpec], found: Sequence[IndexSpec]) -> dict[str, IndexSpec]:
    """The found index for each declared one that it needs no building for, by the declared one's name."""
    matches: dict[str, IndexSpec] = {}
    for close_enough in (frozenset[str](), frozenset({"hidden"}), IN_PLACE):
        for spec in wanted:
            if spec.name in matches:
                continue
            taken = {each.name for each in matches.values()}
            fitting = [each for each in found if each.name not in taken and spec.differences(each) <= close_enough]
            fitting.sort(key=lambda each: each.name != spec.name)
            if fitting and _in_place(spec, fitting[0]):
                matches[spec.name] = fitting[0]
    return matches


def _in_place(wanted: IndexSpec, found: IndexSpec) -> bool:
    """Whether ``collMod`` makes the one the other: it sets and moves an expiry, and never takes it away."""
    return not ("expireAfterSeconds" in found.options and "expireAfterSeconds" not in wanted.options)


def _clashing(wanted: IndexSpec, found: Sequence[IndexSpec], used: set[str]) -> IndexSpec | None:
    standing = [each for each in found if each.name not in used and wanted.clashes_with(each)]
    return min(standing, key=lambda each: each.name != wanted.name, default=None)


def _declared(collection: Collection, wanted: IndexSpec, found: IndexSpec | None) -> IndexStep:
    name = collection.name
    if found is None:
        return IndexStep(name, wanted.name, IndexAction.CREATE, wanted)
    called = "" if found.name == wanted.name else f"as {found.name}"
    differing = wanted.differences(found)
    if not differing:
        return IndexStep(name, wanted.name, IndexAction.KEEP, wanted, found, detail=called)
    if differing == {"hidden"}:
        action = IndexAction.HIDE if wanted.options.get("hidden") else IndexAction.UNHIDE
        return IndexStep(name, wanted.name, action, wanted, found, Way.IN_PLACE, called)
    way = Way.IN_PLACE if differing <= IN_PLACE and _in_place(wanted, found) else _way(collection, wanted, found)
    detail = f"{_told(differing, found, wanted)}; {_HOW[way]}"
    return IndexStep(name, wanted.name, IndexAction.CHANGE, wanted, found, way, detail)


def _way(collection: Collection, wanted: IndexSpec, found: IndexSpec) -> Way:
    text = any(way == "text" for _, way in wanted.keys) and any(way == "text" for _, way in found.keys)
    both_held = bool(wanted.differences(found) & {"key", "unique", "partialFilterExpression", "collation"})
    # A unique rule must hold at every moment; and a server has one text index a collection.
    worth_it = collection.documents > SMALL or bool(wanted.options.get("unique"))
    return Way.BESIDE if both_held and worth_it and not text else Way.ANEW


def _undeclared(collection: str, found: IndexSpec, declared: set[str], pruning: Pruning) -> IndexStep:
    if found.name in declared or found.name.removesuffix(BESIDE) in declared:
        return IndexStep(collection, found.name, IndexAction.DROP, found=found, detail="left over from a change")
    if pruning is Pruning.KEEP:
        return IndexStep(collection, found.name, IndexAction.UNKNOWN, found=found, detail="no model declares it")
    if pruning is Pruning.HIDE_FIRST and not found.options.get("hidden"):
        detail = "no model declares it; dropped the next time"
        return IndexStep(collection, found.name, IndexAction.HIDE, found=found, way=Way.IN_PLACE, detail=detail)
    hidden = ", and it is hidden" if found.options.get("hidden") else ""
    return IndexStep(collection, found.name, IndexAction.DROP, found=found, detail=f"no model declares it{hidden}")


def _told(differing: frozenset[str], found: IndexSpec, wanted: IndexSpec) -> str:
    """What differs, for people."""
    words = []
    if "key" in differing:
        words.append(f"the server's {found.name} has keys ({keys_told(found)})")
    for name in sorted(differing - {"key"}):
        there, here = found.options.get(name), wanted.options.get(name)
        words.append(f"{name} {_value(there)} → {_value(here)}")
    return ", ".join(words)


def keys_told(spec: IndexSpec) -> str:
    """The keys of an index for people: ``status, publishDate -1``."""
    return ", ".join(name if way == 1 else f"{name} {way}" for name, way in spec.keys)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        text = json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)
        return text if len(text) <= _LONGEST_VALUE else f"on {', '.join(value)}"
    return str(value)


_HOW: Final = {
    Way.IN_PLACE: "in place",
    Way.BESIDE: "built beside the old one, which is dropped then",
    Way.ANEW: "dropped and built again",
}
