"""The searches: accounts, posts and categories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from docstore.clients.protocols import SearchIndex
from docstore.errors import NotBound, ServiceError, ValidationFailed
from docstore.models import ContentType, Platform
from docstore.search.facade.conditions import Attribute, compile_conditions
from docstore.search.facade.hits import AccountHit, CategoryHit, PostHit, SearchResults

H = TypeVar("H", bound=BaseModel)

_MOST_HITS: Final = 1_000
_LONGEST_QUERY_BYTES: Final = 512
_FACET, _FLAG, _NUMBER = Attribute("facet"), Attribute("flag"), Attribute("number")


class AccountSort(StrEnum):
    """The order of accounts; all but RELEVANCE are replicas of the index."""

    RELEVANCE = "relevance"
    FOLLOWED_ASC = "followed_asc"
    FOLLOWED_DESC = "followed_desc"
    RATING_ASC = "rating_asc"
    RATING_DESC = "rating_desc"
    REVIEW_ASC = "review_asc"
    REVIEW_DESC = "review_desc"


_ACCOUNTS: Final[Mapping[str, Attribute]] = {
    "platform": Attribute("facet", frozenset(each.value for each in Platform)),
    "categories": _FACET,
    "country": _FACET,
    "language_code": _FACET,
    "madeForKids": _FLAG,
    "followerCount": _NUMBER,
    "rating": _NUMBER,
    "reviewCount": _NUMBER,
    "videoCount": _NUMBER,
}
_POSTS: Final[Mapping[str, Attribute]] = {
    "contentType": Attribute("facet", frozenset(each.value for each in ContentType)),
    "tags": _FACET,
    "authorName": _FACET,
    "featured": _FLAG,
}
_CATEGORIES: Final[Mapping[str, Attribute]] = {
    "parentCategory": _FACET,
    "parentId": _FACET,
    "slug": _FACET,
    "popular": _FLAG,
    "depth": _NUMBER,
}

_opener: list[Callable[[], Awaitable[SearchIndex]]] = []


def use_search_index(opener: Callable[[], Awaitable[SearchIndex]] | None) -> None:
    """What gives the searches their engine from now on; an open Store sets its own."""
    _opener[:] = [] if opener is None else [opener]


async def search_accounts(
    query: str = "",
    filters: Mapping[str, Any] | None = None,
    sort: AccountSort | str = AccountSort.RELEVANCE,
    page: int = 0,
    *,
    per_page: int = 20,
    index: SearchIndex | None = None,
) -> SearchResults[AccountHit]:
    """Search accounts, with counts by platform, category, country, language and whether they are made for children.

    Args:
        query: the words; empty finds all.
        filters: by attribute of the records: `platform`, `categories`, `country` and `language_code` take a value or
            several of which any will do, `madeForKids` a truth, `followerCount`, `rating`, `reviewCount` and
            `videoCount` a range such as ``"1M-10M"`` or ``"100K+"``.
        sort: see `AccountSort`.
        page: from 0.
        per_page: 1 to 1,000.
        index: the search engine; that of the open Store when None.

    Raises:
        UnknownField, ValidationFailed: a filter, the sort or the page does not fit; names it.
        ServiceError: the engine refuses; the index may not be there yet.
        ServerUnavailable, OperationTimeout: it does not answer.
    """
    try:
        order = AccountSort(sort)
    except ValueError:
        raise ValidationFailed(
            "there is no such order of accounts.", hint=f"Sort by {', '.join(AccountSort)}.", field="sort"
        ) from None
    name = "accounts" if order is AccountSort.RELEVANCE else f"accounts_{order.value}"
    wanted = _Wanted(name, query, page, per_page, ("platform", "categories", "country", "language_code", "madeForKids"))
    return await _search(wanted, filters, _ACCOUNTS, AccountHit, index)


async def search_posts(
    query: str = "",
    filters: Mapping[str, Any] | None = None,
    page: int = 0,
    *,
    per_page: int = 20,
    index: SearchIndex | None = None,
) -> SearchResults[PostHit]:
    """Search published posts; filters are `contentType`, `tags`, `authorName` and `featured`. See `search_accounts`."""
    wanted = _Wanted("posts", query, page, per_page, ("contentType", "tags", "authorName", "featured"))
    return await _search(wanted, filters, _POSTS, PostHit, index)


async def search_categories(
    query: str = "",
    filters: Mapping[str, Any] | None = None,
    page: int = 0,
    *,
    per_page: int = 20,
    index: SearchIndex | None = None,
) -> SearchResults[CategoryHit]:
    """Search categories; filters are `parentCategory`, `parentId`, `slug`, `popular` and `depth`. See
    `search_accounts`."""
    wanted = _Wanted("categories", query, page, per_page, ("parentCategory", "popular"))
    return await _search(wanted, filters, _CATEGORIES, CategoryHit, index)


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    query: Any
    page: Any
    per_page: Any
    facets: Sequence[str]


async def _search(
    wanted: _Wanted,
    filters: Mapping[str, Any] | None,
    attributes: Mapping[str, Attribute],
    hit: type[H],
    index: SearchIndex | None,
) -> SearchResults[H]:
    conditions = compile_conditions(filters, attributes)
    _check(wanted)
    engine = index if index is not None else await _open()
    found = await engine.search(
        wanted.name,
        _cut(wanted.query),
        facet_filters=conditions.facets,
        numeric_filters=conditions.numbers,
        page=wanted.page,
        hits_per_page=wanted.per_page,
        facets=wanted.facets,
    )
    try:
        hits = [hit.model_validate(each) for each in found.hits]
    except ValidationError as error:
        fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
    else:
        return SearchResults(hits, found.total, found.page, found.pages, found.facets)
    # Outside the except block: pydantic's error knows the values.
    raise ServiceError(
        f"a record of index {wanted.name!r} is not what it should be: {', '.join(fields)}.",
        hint="`docstore search verify --mend` writes it anew.",
    )


async def _open() -> SearchIndex:
    if not _opener:
        raise NotBound(
            "no Store is open to search in.", hint="Search inside `async with store: ...`, or give an index."
        )
    return await _opener[-1]()


def _check(wanted: _Wanted) -> None:
    if not isinstance(wanted.query, str):
        raise ValidationFailed("query takes text.", field="query", value_type=type(wanted.query).__name__)
    for field, value, low, high in (("page", wanted.page, 0, _MOST_HITS), ("per_page", wanted.per_page, 1, _MOST_HITS)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValidationFailed(
                f"{field} takes a whole number from {low} to {high}.", field=field, value_type=type(value).__name__
            )


def _cut(query: str) -> str:
    """The query as far as the engine reads it, without half a character at its end."""
    return query.encode("utf-8", "ignore")[:_LONGEST_QUERY_BYTES].decode("utf-8", "ignore")
