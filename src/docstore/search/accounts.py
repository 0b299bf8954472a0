"""Records of the index `accounts`: every account, under the platform's own id, with the slugs of its categories."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from docstore.models import Account, Category, CategoryMapping, Platform
from docstore.search.reading import Misfits, among, by_id, related_ids
from docstore.search.records import Id, Record, SearchRecord, instant

_PLATFORMS = [platform.value for platform in Platform]


async def compose(accounts: Sequence[Account]) -> list[Record]:
    """The records of accounts."""
    categories = await _categories_of([Id(account.id) for account in accounts if account.id is not None])
    return [_record(account, categories[Id(account.id)]) for account in accounts]


def _record(account: Account, categories: list[str]) -> Record:
    youtube = account.yt_data
    made_for_kids = _within(youtube, ("status", "madeForKids"), ("madeForKids",))
    created = _within(youtube, ("snippet", "publishedAt"), ("publishedAt",))
    return {
        "objectID": account.account_id,
        "platform": account.platform.value,
        "handle": account.handle,
        "name": account.name_en or account.name,
        "description": account.description_en or account.description,
        "keywords": account.keywords_en or account.keywords,
        "followerCount": account.follower_count,
        "imageUrl": account.image_url,
        "bannerURL": account.banner_url,
        "country": account.country,
        "language_code": account.language_code,
        "rating": account.rating,
        "reviewCount": account.review_count,
        "madeForKids": made_for_kids if isinstance(made_for_kids, bool) else None,
        "videoCount": _number(_within(youtube, ("statistics", "videoCount"), ("videoCount",))),
        "categories": list(categories),
        "createdDate": created if isinstance(created, str) else instant(account.created_at),
    }


def _within(data: JsonValue, *paths: tuple[str, ...]) -> JsonValue:
    """The first value that one of the paths leads to; YouTube's own nesting, or flat."""
    for path in paths:
        value: Any = data
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            found: JsonValue = value
            return found
    return None


def _number(value: JsonValue) -> int | None:
    # YouTube tells counts as text.
    if isinstance(value, str):
        return int(value) if value.isdecimal() else None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


async def _categories_of(ids: Sequence[Id]) -> defaultdict[Id, list[str]]:
    mappings = await among(CategoryMapping, "accountId", ids)
    categories = await by_id(Category, {mapping.category_id for mapping in mappings})
    slugs: defaultdict[Id, list[str]] = defaultdict(list)
    for mapping in mappings:
        if mapping.category_id in categories:
            slugs[mapping.account_id].append(categories[mapping.category_id].slug)
    for each in slugs.values():
        each.sort()
    return slugs


async def _with_account_ids(account_ids: Sequence[str], misfits: Misfits) -> list[Account]:
    # The platform is named so that the index, which begins with it, serves.
    return await among(Account, "accountId", account_ids, misfits, also={"platform": {"$in": _PLATFORMS}})


async def _filed(mapping_ids: Sequence[Id]) -> set[Id]:
    # With the deleted ones: an account that left a category needs its record anew too.
    return await related_ids(CategoryMapping, "_id", mapping_ids, "accountId")


async def _filed_under(category_ids: Sequence[Id]) -> set[Id]:
    return await related_ids(CategoryMapping, "categoryId", category_ids, "accountId")


ACCOUNTS = SearchRecord(
    "accounts",
    Account,
    compose,
    # Two platforms may use the same id: then the record is the older account's.
    object_id=lambda account: account.account_id,
    stored_in="accountId",
    find_by=_with_account_ids,
    touched_by={"CategoryMapping": _filed, "Category": _filed_under},
)
