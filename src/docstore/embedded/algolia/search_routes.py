"""Requests that search: one index, several, the values of a facet, or everything by cursor."""

from __future__ import annotations

from typing import Any

from docstore.embedded.algolia.call import Answer, Call
from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.params import encoded, from_query_string, request_params
from docstore.embedded.algolia.search import retrievable, search, search_facet
from docstore.embedded.algolia.selection import browse_page


def query(call: Call) -> Answer:
    """POST /1/indexes/{index}/query"""
    return search(call.catalog.get(call.index), request_params(call.mapping()))


def query_by_url(call: Call) -> Answer:
    """GET /1/indexes/{index}"""
    return search(call.catalog.get(call.index), _url_params(call))


def queries(call: Call) -> Answer:
    """POST /1/indexes/*/queries"""
    results: list[dict[str, Any]] = []
    strategy = call.mapping().get("strategy", "none")
    for request in call.listing("requests"):
        if not isinstance(request, dict) or not request.get("indexName"):
            raise bad_request("Each request needs indexName")
        index = call.catalog.get(str(request["indexName"]))
        own = {k: v for k, v in request.items() if k not in ("indexName", "type", "facet")}
        params = request_params(own)
        if request.get("type") == "facet":
            results.append({**search_facet(index, str(request.get("facet", "")), params), "index": index.name})
            continue
        answer = search(index, params)
        results.append(answer)
        if strategy == "stopIfEnoughMatches" and answer["nbHits"] >= answer.get("hitsPerPage", 20):
            break
    return {"results": results}


def facet_values(call: Call) -> Answer:
    """POST /1/indexes/{index}/facets/{facet}/query"""
    return search_facet(call.catalog.get(call.index), call.path["facet"], request_params(call.mapping()))


def browse(call: Call) -> Answer:
    """POST and GET /1/indexes/{index}/browse"""
    index = call.catalog.get(call.index)
    given = request_params(call.mapping()) if call.body is not None else _url_params(call)
    records, total, cursor, params = browse_page(index, given)
    size = int(params.get("hitsPerPage") or 1000)
    settings = index.effective_settings()
    wanted = params.get("attributesToRetrieve", settings.get("attributesToRetrieve"))
    answer: dict[str, Any] = {
        "hits": [retrievable(record, wanted, settings) for record in records],
        "page": 0,
        "nbHits": total,
        "nbPages": -(-total // size),
        "hitsPerPage": size,
        "processingTimeMS": 1,
        "query": str(params.get("query") or ""),
        "params": encoded(params),
        "index": index.name,
    }
    if cursor is not None:
        answer["cursor"] = cursor
    return answer


def _url_params(call: Call) -> dict[str, Any]:
    params = request_params(from_query_string(encoded(call.query)))
    return {name: value for name, value in params.items() if not name.lower().startswith("x-algolia-")}
