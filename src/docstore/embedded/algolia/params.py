"""Search parameters: from a request body or a URL, over the settings of the index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from docstore.embedded.algolia.errors import bad_request

# Settings that hold for every search unless the request says otherwise.
_DEFAULTS_FROM_SETTINGS = (
    "hitsPerPage",
    "queryType",
    "optionalWords",
    "attributesToRetrieve",
    "attributesToHighlight",
    "attributesToSnippet",
    "highlightPreTag",
    "highlightPostTag",
    "snippetEllipsisText",
    "maxValuesPerFacet",
    "sortFacetValuesBy",
    "customRanking",
    "ranking",
    "enableRules",
)
_LISTS = (
    "attributesToRetrieve",
    "attributesToHighlight",
    "attributesToSnippet",
    "facets",
    "restrictSearchableAttributes",
    "optionalWords",
    "responseFields",
    "ruleContexts",
)
_NUMBERS = ("page", "hitsPerPage", "offset", "length", "maxValuesPerFacet", "maxFacetHits")
_BOOLEANS = ("enableRules",)
MAX_HITS_PER_PAGE = 1000


def request_params(body: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of one search request; a ``params`` string is taken apart, named members win.

    Raises:
        ApiError: 400, a parameter is of the wrong type.
    """
    params: dict[str, Any] = {}
    encoded = body.get("params")
    if encoded is not None:
        if not isinstance(encoded, str):
            raise bad_request("params: a URL-encoded string was expected")
        params.update(from_query_string(encoded))
    params.update({name: value for name, value in body.items() if name != "params"})
    for name in _NUMBERS:
        if params.get(name) is not None:
            params[name] = _natural(name, params[name])
    if params.get("hitsPerPage", 0) > MAX_HITS_PER_PAGE:
        raise bad_request(
            f'Invalid value for "hitsPerPage" parameter, expected integer between 0 and {MAX_HITS_PER_PAGE}'
        )
    return params


def from_query_string(text: str) -> dict[str, Any]:
    """URL-encoded parameters as values: lists, numbers and booleans are recognised by their name."""
    out: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in _LISTS:
            out[name] = _list(value)
        elif name in _BOOLEANS:
            out[name] = value.lower() == "true"
        else:
            out[name] = value
    return out


def with_defaults(params: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters on top of what the index's settings say for every search."""
    defaults = {name: settings[name] for name in _DEFAULTS_FROM_SETTINGS if settings.get(name) is not None}
    return {**defaults, **{name: value for name, value in params.items() if value is not None}}


def encoded(params: Mapping[str, Any]) -> str:
    """The parameters URL-encoded, as search answers repeat them."""
    return urlencode({k: v if isinstance(v, str) else json.dumps(v, separators=(",", ":")) for k, v in params.items()})


def _natural(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or isinstance(value, bool):
        raise bad_request(f'Invalid value for "{name}" parameter, expected a positive integer')
    return number


def _list(value: str) -> list[Any]:
    text = value.strip()
    if text.startswith("["):
        try:
            parsed = json.loads(text)
        except ValueError as error:
            raise bad_request("a list was expected") from error
        if isinstance(parsed, list):
            return parsed
    return [part.strip() for part in text.split(",") if part.strip()]
