"""What a query needs of an index, and how well an index meets it: equality first, then sort, then range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docstore.operations.querylog import Shape

Keys = Sequence[tuple[str, int | str]]

_EQUALITIES: Final = frozenset({"$eq", "$in", "$all"})
_RANGES: Final = frozenset({"$gt", "$gte", "$lt", "$lte"})
_READS: Final = frozenset({"find", "aggregate", "count", "distinct", "update", "delete", "findAndModify"})


@dataclass(frozen=True)
class Need:
    """The fields a query compares for equality, sorts by, and bounds by ranges; in stored names."""

    equality: frozenset[str] = frozenset()
    sort: tuple[tuple[str, int], ...] = ()
    ranges: tuple[str, ...] = ()
    nulls: frozenset[str] = frozenset()
    """Of the equalities those with null, which is often the commonest value."""

    @property
    def ordering(self) -> tuple[tuple[str, int], ...]:
        """The sort without fields that are the same in all documents found."""
        return tuple(key for key in self.sort if key[0] not in self.equality)

    @property
    def fields(self) -> frozenset[str]:
        """Every field named."""
        return self.equality | {name for name, _ in self.sort} | set(self.ranges)


@dataclass(frozen=True)
class Fit:
    """What an index does for a need.

    Args:
        equality: the leading keys that are compared for equality, in order.
        sorts: documents come out in the order asked for, or none is asked for.
        bounds: a range is bounded by the key after them.
    """

    equality: tuple[str, ...] = ()
    sorts: bool = False
    bounds: bool = False
    reads_in_order: bool = False

    @property
    def helps(self) -> bool:
        """Whether a server could use the index at all."""
        return bool(self.equality) or self.bounds or self.reads_in_order

    def meets(self, need: Need) -> bool:
        """Whether nothing better can be built."""
        if not self.helps or not self.sorts or len(self.equality) < len(need.equality):
            return False
        return self.bounds or not need.ranges or bool(need.ordering)


def needs_of(shape: Shape) -> list[Need]:
    """What the query needs: one need, or one for each branch of an ``$or`` at the top; none when it asks for all."""
    if shape.operation not in _READS:
        return []
    equality: set[str] = set()
    ranges: list[str] = []
    branches: list[list[Mapping[str, Any]]] = []
    _collect(shape.filter, equality, ranges, branches)
    nulls = frozenset(name for name, condition in shape.filter.items() if condition == "?null")
    needs = [Need(frozenset(equality), shape.sort, tuple(dict.fromkeys(ranges)), nulls)]
    for branch in branches[:1]:
        needs = []
        for part in branch:
            own, bounded = set(equality), list(ranges)
            _collect(part, own, bounded, [])
            needs.append(Need(frozenset(own), shape.sort, tuple(dict.fromkeys(bounded)), nulls))
    return [need for need in needs if need.fields] if all(need.fields for need in needs) else []


def fit(keys: Keys, need: Need) -> Fit:
    """How well an index with these keys meets the need; kinds such as ``text`` meet none, ``hashed`` an equality."""
    if any(not isinstance(way, int) for _, way in keys):
        first = keys[0]
        return (
            Fit((first[0],), sorts=not need.ordering) if first[1] == "hashed" and first[0] in need.equality else Fit()
        )
    names = [name for name, _ in keys]
    matched = 0
    while matched < len(names) and names[matched] in need.equality:
        matched += 1
    sorts = _sorts(keys[matched:], need)
    bounds = matched < len(names) and names[matched] in need.ranges
    return Fit(tuple(names[:matched]), sorts, bounds, reads_in_order=sorts and bool(need.ordering))


def ideal_keys(need: Need, distinct: Mapping[str, int], documents: int) -> tuple[tuple[str, int], ...]:
    """The keys of the index to build: equalities with the most different values first, then the sort, then a range.

    Further equalities are left out once those before them find a single document.

    Args:
        need: what the query needs.
        distinct: how many different values each field has, as far as a sample tells.
        documents: how many there are.
    """
    left = float(documents)
    chosen: list[tuple[str, int]] = []
    for name in sorted(need.equality, key=lambda each: (-distinct.get(each, 1), each)):
        if chosen and left <= 1:
            break
        chosen.append((name, 1))
        left /= max(1, distinct.get(name, 1))
    if left > 1 or not chosen:
        chosen += need.ordering
    taken = {name for name, _ in chosen}
    bounded = [name for name in need.ranges if name not in taken]
    return (*chosen, *((name, 1) for name in bounded[:1] if left > 1))


def _sorts(keys: Keys, need: Need) -> bool:
    wanted = list(need.ordering)
    ways: set[bool] = set()
    for name, way in keys:
        if not wanted:
            break
        if name == wanted[0][0]:
            ways.add(way == wanted.pop(0)[1])
        elif name not in need.equality:
            return False
    return not wanted and len(ways) <= 1


def _collect(
    filter_: Mapping[str, Any],
    equality: set[str],
    ranges: list[str],
    branches: list[list[Mapping[str, Any]]],
    at: str = "",
) -> None:
    for name, condition in filter_.items():
        if name == "$and" and isinstance(condition, list):
            for part in condition:
                if isinstance(part, Mapping):
                    _collect(part, equality, ranges, branches, at)
        elif name == "$or" and isinstance(condition, list) and not at:
            branches.append([part for part in condition if isinstance(part, Mapping)])
        elif not name.startswith("$"):
            for kind in _kinds(condition):
                _note(kind, f"{at}{name}", condition, equality, ranges, branches)


def _note(
    kind: str,
    path: str,
    condition: Any,
    equality: set[str],
    ranges: list[str],
    branches: list[list[Mapping[str, Any]]],
) -> None:
    if kind == "equality":
        equality.add(path)
    elif kind == "range":
        ranges.append(path)
    elif kind == "elements":
        _collect(condition["$elemMatch"], equality, ranges, branches, f"{path}.")


def _kinds(condition: Any) -> Iterator[str]:
    """``equality``, ``range`` or ``elements``; nothing for what no index helps with."""
    if isinstance(condition, str):
        if condition == "?regex^":
            yield "range"
        elif condition != "?regex":
            yield "equality"
        return
    if not isinstance(condition, Mapping):
        return
    operators = condition.keys()
    if operators & _EQUALITIES:
        yield "equality"
    elif operators & _RANGES or condition.get("$regex") == "?regex^":
        yield "range"
    elif isinstance(condition.get("$elemMatch"), Mapping):
        yield "elements"
