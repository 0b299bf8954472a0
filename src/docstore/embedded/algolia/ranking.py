"""The order of what matched: Algolia's ranking criteria, one after the other.

Typo and geo never differ here (there is no typo tolerance and no geo search), so they order nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docstore.embedded.algolia.conditions import unwrap
from docstore.embedded.algolia.matching import Match
from docstore.embedded.algolia.values import Record, scalars

DEFAULT_RANKING = ("typo", "geo", "words", "filters", "proximity", "attribute", "exact", "custom")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that matched, with what the criteria look at."""

    record: Record
    match: Match
    filter_score: int = 0


_CRITERIA: Mapping[str, Callable[[Candidate], Any]] = {
    "words": lambda c: -c.match.matched,
    "filters": lambda c: -c.filter_score,
    "proximity": lambda c: c.match.proximity,
    "attribute": lambda c: c.match.attribute,
    "exact": lambda c: -c.match.exact,
}


def order(candidates: list[Candidate], settings: Mapping[str, Any]) -> list[Candidate]:
    """The candidates, best first; the last tie is broken by objectID so that pages are stable."""
    ordered = sorted(candidates, key=lambda c: str(c.record["objectID"]))
    # Sorting is stable, so the least important criterion goes first.
    for criterion in reversed(_expanded(settings)):
        modifier, attribute = unwrap(criterion)
        if modifier in ("asc", "desc"):
            _sort_by(ordered, attribute, descending=modifier == "desc")
        elif criterion in _CRITERIA:
            ordered.sort(key=_CRITERIA[criterion])
    return ordered


def _expanded(settings: Mapping[str, Any]) -> list[str]:
    out: list[str] = []
    for criterion in settings.get("ranking") or DEFAULT_RANKING:
        out.extend(_custom(settings) if criterion == "custom" else (str(criterion),))
    return out


def _custom(settings: Mapping[str, Any]) -> Sequence[str]:
    return [str(entry) for entry in settings.get("customRanking") or ()]


def _sort_by(candidates: list[Candidate], attribute: str, *, descending: bool) -> None:
    def key(candidate: Candidate) -> tuple[int, float, str] | None:
        value = next(scalars(candidate.record, attribute), None)
        if value is None:
            return None
        return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")

    # Records without the attribute come last in both directions.
    present = [c for c in candidates if key(c) is not None]
    absent = [c for c in candidates if key(c) is None]
    present.sort(key=lambda c: key(c) or (0, 0.0, ""), reverse=descending)
    candidates[:] = present + absent
