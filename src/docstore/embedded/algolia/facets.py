"""Facets: how often each value occurs among the matching records, and searching those values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from docstore.embedded.algolia.conditions import facet_modifiers
from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.highlight import emphasize
from docstore.embedded.algolia.matching import Word
from docstore.embedded.algolia.text import words
from docstore.embedded.algolia.values import Record, facet_text, number, scalars

_MAX_VALUES = 100
_MAX_FACET_HITS = 100


def counted(
    records: Sequence[Record], params: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Counts and, for numbers, statistics of the requested facets.

    Facets that are not declared for faceting, or declared ``filterOnly``, are left out, as on Algolia.
    """
    limit = int(params.get("maxValuesPerFacet") or _MAX_VALUES)
    alphabetical = params.get("sortFacetValuesBy") == "alpha"
    counts: dict[str, dict[str, int]] = {}
    stats: dict[str, dict[str, float]] = {}
    for attribute in _requested(params, settings):
        tally = _tally(records, attribute)
        if not tally:
            continue
        by_count = sorted(tally.items(), key=lambda item: item[0] if alphabetical else (-item[1], item[0]))
        counts[attribute] = dict(by_count[:limit])
        numbers = _numbers(records, attribute)
        if numbers:
            total = sum(numbers)
            stats[attribute] = {
                "min": min(numbers),
                "max": max(numbers),
                "avg": total / len(numbers),
                "sum": total,
            }
    return counts, stats


def search_values(
    records: Sequence[Record], attribute: str, params: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The values of a facet that hold ``facetQuery``, most frequent first.

    Raises:
        ApiError: 400, the facet is not declared ``searchable``.
    """
    if facet_modifiers(settings).get(attribute) != "searchable":
        raise bad_request(
            f"Cannot search in `{attribute}` attribute, you need to add `searchable({attribute})` to "
            "attributesForFaceting."
        )
    texts = words(str(params.get("facetQuery") or ""))
    query = [Word(text, prefix=at == len(texts) - 1) for at, text in enumerate(texts)]
    limit = int(params.get("maxFacetHits") or 10)
    hits = []
    for value, count in sorted(_tally(records, attribute).items(), key=lambda item: (-item[1], item[0])):
        held = words(value)
        if all(any(word.matches(text) for text in held) for word in query):
            shown = emphasize(value, query, "<em>", "</em>").value
            hits.append({"value": value, "highlighted": shown, "count": count})
    return hits[: min(limit, _MAX_FACET_HITS)]


def _requested(params: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    asked = params.get("facets") or []
    if isinstance(asked, str):
        asked = [part.strip() for part in asked.split(",") if part.strip()]
    countable = [name for name, modifier in facet_modifiers(settings).items() if modifier != "filterOnly"]
    return countable if "*" in asked else [name for name in asked if name in countable]


def _tally(records: Iterable[Record], attribute: str) -> Counter[str]:
    tally: Counter[str] = Counter()
    for record in records:
        # A value that stands twice in one record counts once.
        tally.update({facet_text(value) for value in scalars(record, attribute)})
    return tally


def _numbers(records: Iterable[Record], attribute: str) -> list[float]:
    return [
        n
        for record in records
        for value in scalars(record, attribute)
        if not isinstance(value, bool) and (n := number(value)) is not None
    ]
