"""A search request against one index, from parameters to Algolia's answer."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docstore.embedded.algolia.conditions import unwrap
from docstore.embedded.algolia.facets import counted, search_values
from docstore.embedded.algolia.highlight import highlight_results, snippet_results
from docstore.embedded.algolia.index import Index
from docstore.embedded.algolia.matching import Word, query_words, searchable
from docstore.embedded.algolia.params import encoded, with_defaults
from docstore.embedded.algolia.ranking import order
from docstore.embedded.algolia.rules import Applied, apply_rules
from docstore.embedded.algolia.selection import candidates, matching_records
from docstore.embedded.algolia.values import Record


@dataclass(frozen=True, slots=True)
class _Window:
    """Which of the ordered hits are returned."""

    start: int
    size: int
    by_offset: bool

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> _Window:
        if "offset" in params or "length" in params:
            size = int(params.get("length", params.get("hitsPerPage", 20)))
            return cls(int(params.get("offset", 0)), size, by_offset=True)
        size = int(params.get("hitsPerPage", 20))
        return cls(int(params.get("page", 0)) * size, size, by_offset=False)


def search(index: Index, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ``/1/indexes/{index}/query``.

    Args:
        index: where to search.
        given: the request's parameters, as `params.request_params` read them.

    Raises:
        ApiError: 400, a filter cannot be read.
    """
    started = time.perf_counter()
    settings = index.effective_settings()
    applied = apply_rules(index.configuration.rules.values(), with_defaults(given, settings))
    params = applied.params
    query = query_words(params, index.alternatives())
    window = _Window.of(params)
    matches = candidates(index, query, params, settings)
    # Rules may reorder nothing but the front, so ranking sees the plain matches first; who counts alone needs none.
    if window.size:
        matches = order(matches, {**settings, **_ranking(params)})
    ordered = _with_promotions(index, [match.record for match in matches], applied)
    limit = int(settings["paginationLimitedTo"])
    reachable = ordered[:limit] if limit else ordered
    shown = reachable[window.start : window.start + window.size]
    answer: dict[str, Any] = {
        "hits": [_hit(record, query, params, settings) for record in shown],
        "nbHits": len(ordered),
        **_position(window, len(reachable)),
        **_constant(index, given, started),
    }
    if not shown and window.start >= limit > 0 and ordered:
        answer["message"] = (
            f"you can only fetch the {limit} hits for this query. You can extend the number of hits returned "
            "via the paginationLimitedTo index parameter or use the browse method."
        )
    _add_facets(answer, ordered, params, settings)
    if applied.rule_ids:
        answer["appliedRules"] = [{"objectID": rule_id} for rule_id in applied.rule_ids]
    if applied.user_data:
        answer["userData"] = applied.user_data
    return answer


def search_facet(index: Index, facet: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ``/1/indexes/{index}/facets/{facet}/query``.

    Raises:
        ApiError: 400, the facet is not searchable.
    """
    started = time.perf_counter()
    hits = search_values(list(matching_records(index, given)), facet, given, index.effective_settings())
    elapsed = max(1, round((time.perf_counter() - started) * 1000))
    return {"facetHits": hits, "exhaustiveFacetsCount": True, "processingTimeMS": elapsed}


def retrievable(record: Record, wanted: Any, settings: Mapping[str, Any]) -> Record:
    """The record with the attributes asked for; objectID always, unretrievable ones never."""
    names = ["*"] if wanted is None else [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    if "*" in names:
        excluded = {name[1:] for name in names if name.startswith("-")}
        kept = {name: value for name, value in record.items() if name not in excluded}
    else:
        kept = {}
        for name in names:
            _keep(record, kept, name)
    for name in settings.get("unretrievableAttributes") or ():
        kept.pop(name, None)
    kept["objectID"] = record["objectID"]
    return kept


def _ranking(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("ranking", "customRanking") if name in params}


def _with_promotions(index: Index, records: list[Record], applied: Applied) -> list[Record]:
    hidden = {*applied.hidden, *applied.promoted}
    kept = [record for record in records if record["objectID"] not in hidden]
    for object_id, position in sorted(applied.promoted.items(), key=lambda item: item[1]):
        if object_id in index.records:
            kept.insert(position, index.records[object_id])
    return kept


def _hit(
    record: Record, query: Sequence[Word], params: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    hit = dict(retrievable(record, params.get("attributesToRetrieve"), settings))
    secret = [unwrap(str(name))[1] for name in settings.get("unretrievableAttributes") or ()]
    visible = {name: value for name, value in record.items() if name not in secret}
    if params.get("attributesToSnippet"):
        hit["_snippetResult"] = snippet_results(visible, query, params)
    marked = highlight_results(visible, query, params, searchable(settings))
    if marked:
        hit["_highlightResult"] = marked
    return hit


def _keep(record: Mapping[str, Any], kept: dict[str, Any], path: str) -> None:
    if path in record:
        kept[path] = record[path]
        return
    head, dot, rest = path.partition(".")
    if dot and isinstance(record.get(head), dict):
        _keep(record[head], kept.setdefault(head, {}), rest)


def _position(window: _Window, reachable: int) -> dict[str, Any]:
    if window.by_offset:
        return {"offset": window.start, "length": window.size}
    pages = math.ceil(reachable / window.size) if window.size else 0
    page = window.start // window.size if window.size else 0
    return {"page": page, "nbPages": pages, "hitsPerPage": window.size}


def _constant(index: Index, given: Mapping[str, Any], started: float) -> dict[str, Any]:
    return {
        "exhaustiveNbHits": True,
        "exhaustiveTypo": True,
        "exhaustive": {"nbHits": True, "typo": True},
        "query": str(given.get("query") or ""),
        "params": encoded(given),
        "index": index.name,
        "renderingContent": {},
        "processingTimeMS": max(1, round((time.perf_counter() - started) * 1000)),
    }


def _add_facets(
    answer: dict[str, Any], records: Sequence[Record], params: Mapping[str, Any], settings: Mapping[str, Any]
) -> None:
    if not params.get("facets"):
        return
    counts, stats = counted(records, params, settings)
    answer["facets"] = counts
    answer["exhaustiveFacetsCount"] = True
    answer["exhaustive"] = {**answer["exhaustive"], "facetsCount": True}
    if stats:
        answer["facets_stats"] = stats
