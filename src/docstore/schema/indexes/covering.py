"""What one index does for the queries of another, and what a planner can prove of a partial one."""

from __future__ import annotations

from typing import Final

from docstore.documents.guard import LIVING
from docstore.schema.normal import normal_filter
from docstore.schema.specs import IndexSpec

_PROVEN_BY_EQUALITY: Final = frozenset({"$gt", "$gte", "$lt", "$lte", "$exists"})
"""Conditions on an indexed field that hold for every value a look-up would ask for."""


def covers(better: IndexSpec, spec: IndexSpec) -> bool:
    """Whether `better` serves every query of `spec`, which has no other work to do."""
    if better is spec or spec.options.keys() & {"unique", "expireAfterSeconds", "hidden"}:
        return False
    if "hidden" in better.options or not _begins(better, spec):
        return False
    if better.form.get("collation") != spec.form.get("collation"):
        return False
    for name in ("partialFilterExpression", "sparse", "wildcardProjection"):
        if name in better.form and better.form.get(name) != spec.form.get(name):
            return False
    return True


def _begins(longer: IndexSpec, shorter: IndexSpec) -> bool:
    if len(shorter.keys) > len(longer.keys):
        return False
    pairs = list(zip(shorter.keys, longer.keys, strict=False))
    if any(mine[0] != other[0] for mine, other in pairs):
        return False
    ways = [(mine[1], other[1]) for mine, other in pairs]
    if any(isinstance(way, str) for pair in ways for way in pair):
        return all(mine == other for mine, other in ways) and len(shorter.keys) == len(longer.keys)
    # An index is read from either end.
    return len(ways) == 1 or all(mine == other for mine, other in ways) or all(mine != other for mine, other in ways)


def unproven(spec: IndexSpec, *, living: bool) -> tuple[str, ...]:
    """The fields of a partial filter that MongoDB's planner cannot prove from a look-up by the index's own keys.

    It proves a condition from the same condition, and a range or an existence from an equality; what the guard adds
    to each query, `LIVING`, counts where documents are marked when deleted.
    """
    partial = spec.options.get("partialFilterExpression")
    if not partial:
        return ()
    asked = normal_filter(LIVING) if living else frozenset()
    keys = {name for name, _ in spec.keys}
    fields = [
        str(condition[0])
        for condition in normal_filter(partial)
        if condition not in asked and not (condition[0] in keys and condition[1] in _PROVEN_BY_EQUALITY)
    ]
    return tuple(sorted(set(fields)))
