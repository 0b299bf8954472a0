"""Which records a request is about, before they are ordered: for search, browse and deletion by filter."""

from __future__ import annotations

import base64
import binascii
import bisect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from docstore.embedded.algolia.conditions import conditions
from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.index import Index
from docstore.embedded.algolia.matching import Match, Word, match, query_words, searchable
from docstore.embedded.algolia.params import with_defaults
from docstore.embedded.algolia.ranking import Candidate
from docstore.embedded.algolia.values import Record

_PAGE = 1000
_RESTRICTING = ("query", "filters", "facetFilters", "numericFilters", "tagFilters", "optionalWords")


def candidates(
    index: Index, query: Sequence[Word], params: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[Candidate]:
    """Every record that passes the filters and holds the query's words, in no order.

    Raises:
        ApiError: 400, a filter cannot be read.
    """
    restrict = conditions(params, settings)
    attributes = searchable(settings)
    allowed = params.get("restrictSearchableAttributes")
    ranks = None if not allowed or attributes is None else {rank for rank, _, name in attributes if name in allowed}
    out: list[Candidate] = []
    for record in index.records.values():
        if not restrict.match(record):
            continue
        answer: Match | None = Match()
        if query:
            fields = index.fields.fields(record, attributes)
            answer = match(fields if ranks is None else [f for f in fields if f.rank in ranks], query)
        if answer is not None:
            out.append(Candidate(record, answer, restrict.score(record)))
    return out


def matching_records(index: Index, given: Mapping[str, Any]) -> Iterator[Record]:
    """The records alone, by objectID.

    Raises:
        ApiError: 400, a filter cannot be read.
    """
    settings = index.effective_settings()
    params = with_defaults(given, settings)
    found = candidates(index, query_words(params, index.alternatives()), params, settings)
    return iter(sorted((c.record for c in found), key=lambda record: str(record["objectID"])))


class BrowsePage(NamedTuple):
    """A page of `browse_page`: `cursor` leads to the next one, `params` are those in force."""

    records: list[Record]
    total: int
    cursor: str | None
    params: Mapping[str, Any]


def browse_page(index: Index, given: Mapping[str, Any]) -> BrowsePage:
    """One page of every matching record, with the cursor for the next.

    A cursor carries the request and the last objectID, so records written meanwhile neither shift nor repeat
    the others.

    Raises:
        ApiError: 400, the cursor or a filter cannot be read.
    """
    after = ""
    cursor = given.get("cursor")
    if cursor:
        given, after = _open(str(cursor))
    size = int(given.get("hitsPerPage") or _PAGE)
    if not any(given.get(name) for name in _RESTRICTING):
        return _whole_page(index, given, after, size)
    found = list(matching_records(index, given))
    rest = [record for record in found if str(record["objectID"]) > after]
    page = rest[:size]
    more = _close(given, str(page[-1]["objectID"])) if len(rest) > size else None
    return BrowsePage(page, len(found), more, given)


def _whole_page(index: Index, given: Mapping[str, Any], after: str, size: int) -> BrowsePage:
    ids, records = index.sorted_ids(), index.records
    start = bisect.bisect_right(ids, after)
    page = ids[start : start + size]
    more = _close(given, page[-1]) if start + size < len(ids) else None
    return BrowsePage([records[each] for each in page], len(ids), more, given)


def _close(params: Mapping[str, Any], after: str) -> str:
    text = json.dumps({"params": dict(params), "after": after})
    return base64.urlsafe_b64encode(text.encode()).decode()


def _open(cursor: str) -> tuple[dict[str, Any], str]:
    try:
        content = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return dict(content["params"]), str(content["after"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request("Invalid cursor") from error
