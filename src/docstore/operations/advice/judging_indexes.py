"""Indexes that cost more than they give: redundant, unused, and of little value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from docstore.operations.advice.facts import CollectionFacts, IndexFacts
from docstore.operations.advice.findings import Advice, Kind
from docstore.operations.advice.needs import needs_of
from docstore.operations.advice.workload import ShapeUse

LONG_ENOUGH: Final = timedelta(days=7)
"""How long a server must have counted before an index is called unused."""
ENOUGH_QUERIES: Final = 20
"""How many logged queries of a collection may speak against an index where the server does not count."""
_MANY_DOCUMENTS: Final = 1_000
_FEW_VALUES: Final = 4
_COMMON: Final = 0.1


def redundant(facts: CollectionFacts) -> Iterator[Advice]:
    """Indexes whose keys begin another one, which does their work too."""
    gone: set[str] = set()
    for index in facts.built:
        better = next((each for each in facts.built if each.name not in gone and covers(each, index)), None)
        if better is not None:
            gone.add(index.name)
            reason = f"its keys ({told(index)}) begin {better.name} ({told(better)}), which serves its queries"
            yield Advice(Kind.REDUNDANT, facts.name, reason, removal(index), index.name)


def unused(facts: CollectionFacts, uses: Sequence[ShapeUse], now: datetime) -> Iterator[Advice]:
    """Indexes no query uses: by the server's own count, or where it keeps none, by the log."""
    queries = sum(use.count for use in uses)
    for index in facts.built:
        if index.works or (index.reference and not facts.counts_uses):
            continue
        could = any(_could_use(index, use) for use in uses)
        if facts.counts_uses:
            long = index.since is not None and now - index.since >= LONG_ENOUGH
            if index.uses == 0 and long and not could:
                reason = f"the server has not used it since {index.since:%Y-%m-%d}, when it began to count"
                yield Advice(Kind.UNUSED, facts.name, reason, removal(index), index.name)
        elif not could and queries >= ENOUGH_QUERIES and not facts.is_system:
            reason = (
                f"none of the {len(uses)} different queries in the log ({queries:,.0f} in all) could use it; "
                "this server does not count index use, so the log alone says so"
            )
            remedy = f"if the log shows all that asks for it: {removal(index)}"
            yield Advice(Kind.UNUSED, facts.name, reason, remedy, index.name)


def low_value(facts: CollectionFacts) -> Iterator[Advice]:
    """Indexes on one field with so few values, all of them common, that a look-up reads much of the collection."""
    if facts.documents < _MANY_DOCUMENTS or facts.is_system:  # whose declarations are docstore's own
        return
    for index in facts.built:
        if index.works or index.reference or index.partial or len(index.keys) > 1:
            continue
        values = Counter(map(repr, facts.values(index.keys[0][0])))
        total = values.total()
        if not total or len(values) > _FEW_VALUES:
            continue
        rarest = min(values.values()) / total
        if rarest >= _COMMON:
            reason = (
                f"{index.keys[0][0]} has {len(values)} different value{'s' if len(values) > 1 else ''} in a sample of "
                f"{len(facts.sample):,}; even the rarest is in {rarest:.0%} of the documents, so it narrows little down"
            )
            yield Advice(Kind.LOW_VALUE, facts.name, reason, removal(index), index.name)


def covers(better: IndexFacts, index: IndexFacts) -> bool:
    """Whether `better` does all that `index` does."""
    if better is index or index.works or index.hidden or better.hidden or better.collation != index.collation:
        return False
    if (better.partial and dict(better.partial) != dict(index.partial)) or better.sparse > index.sparse:
        return False
    if len(index.keys) > len(better.keys):
        return False
    pairs = list(zip(index.keys, better.keys, strict=False))
    if any(mine[0] != other[0] or isinstance(mine[1], str) or isinstance(other[1], str) for mine, other in pairs):
        return False
    same = {mine[1] == other[1] for mine, other in pairs}
    # An index is read from either end.
    return len(same) == 1


def told(index: IndexFacts) -> str:
    """The keys in words."""
    return ", ".join(f"{name} {way}" for name, way in index.keys)


def removal(index: IndexFacts) -> str:
    """How to be rid of an index, after having tried how it is without it."""
    if index.declared:
        words = f"take the declaration that serves {index.serves!r} out of the model"
        return f"{words}, then `docstore indexes sync --prune`"
    return f"no model declares it: hide it first, then drop it with `docstore indexes sync --prune` ({index.name})"


def _could_use(index: IndexFacts, use: ShapeUse) -> bool:
    return any(index.fits(need, living=use.shape.living).helps for need in needs_of(use.shape))
