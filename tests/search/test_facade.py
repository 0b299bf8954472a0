"""The searches: filters that no value breaks out of, ranges, sorted replicas, typed results."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.clients import SearchIndex
from docstore.errors import NotBound, ServiceError, UnknownField, ValidationFailed
from docstore.models import Platform
from docstore.search import (
    AccountSort,
    push_settings,
    search_accounts,
    search_categories,
    search_posts,
    use_search_index,
)
from docstore.search.facade import NumberRange, parse_range
from docstore.store import Store

SECRET = "hidden"
ACCOUNTS: list[dict[str, Any]] = [
    {
        "objectID": "small",
        "platform": "YOUTUBE",
        "name": "Small cats",
        "followerCount": 900,
        "rating": 4.5,
        "reviewCount": 3,
        "categories": ["tech", "cats"],
        "country": "DE",
        "madeForKids": False,
        "videoCount": 12,
    },
    {
        "objectID": "large",
        "platform": "TWITCH",
        "name": "Large cats",
        "followerCount": 5_000_000,
        "rating": 3.0,
        "reviewCount": 70,
        "categories": ["tech"],
        "country": "US",
        "madeForKids": True,
    },
    {"objectID": "bare", "platform": "REDDIT", "name": "Dogs", "followerCount": 100_000, "categories": ["-dogs"]},
    {"objectID": SECRET, "platform": "TIKTOK", "name": "Hidden", "country": "ZZ", "categories": ["secret"]},
]


@pytest_asyncio.fixture
async def filled(store: Store) -> SearchIndex:
    index = await store.search_index()
    await push_settings(index)
    await index.save_objects("accounts", ACCOUNTS)
    return index


async def ids(*arguments: Any, **options: Any) -> list[str]:
    return [each.object_id for each in (await search_accounts(*arguments, **options)).hits]


async def test_words_facets_ranges_and_orders(filled: SearchIndex) -> None:
    assert sorted(await ids("cats")) == ["large", "small"]
    assert await ids(filters={"platform": Platform.YOUTUBE}) == ["small"]
    assert sorted(await ids(filters={"platform": ["YOUTUBE", "TWITCH"]})) == ["large", "small"]
    assert await ids(filters={"platform": ["YOUTUBE", "TWITCH"], "country": "US"}) == ["large"]
    assert await ids(filters={"followerCount": "1M-10M"}) == ["large"]
    assert sorted(await ids(filters={"followerCount": "100K+"})) == ["bare", "large"]
    assert await ids(filters={"rating": "4+", "madeForKids": "false"}) == ["small"]
    assert await ids(filters={"categories": "-dogs"}) == ["bare"]
    assert await ids(filters={"country": None, "categories": [], "videoCount": 12}) == ["small"]
    wanted = {"followerCount": (0, None)}
    assert await ids("", wanted, AccountSort.FOLLOWED_ASC) == ["small", "bare", "large"]
    assert await ids("", wanted, "followed_desc") == ["large", "bare", "small"]
    assert await ids("", wanted, "rating_desc", 0, per_page=1) == ["small"]


async def test_results_are_typed_and_counted(filled: SearchIndex) -> None:
    found = await search_accounts("cats", page=1, per_page=1)
    assert (found.total, found.page, found.pages) == (2, 1, 2)
    assert found.facets["platform"] == {"TWITCH": 1, "YOUTUBE": 1}
    assert found.facets["categories"] == {"tech": 2, "cats": 1}
    (hit,) = (await search_accounts(filters={"country": "DE"})).hits
    assert (hit.follower_count, hit.made_for_kids, hit.categories) == (900, False, ["tech", "cats"])
    assert hit.image_url is None


async def test_posts_and_categories(filled: SearchIndex) -> None:
    await filled.save_objects("posts", [{"objectID": "p", "title": "Hello", "tags": ["a"], "featured": True}])
    await filled.save_objects("categories", [{"objectID": "c", "name": "Phones", "depth": 1, "popular": False}])
    (post,) = (await search_posts("hel", {"tags": ["a", "b"], "featured": True})).hits
    assert (post.object_id, post.title) == ("p", "Hello")
    (category,) = (await search_categories("", {"depth": "1", "popular": "no"})).hits
    assert category.name == "Phones"


_values = st.one_of(
    st.text(min_size=1, max_size=40),
    st.sampled_from(
        [
            'x" OR country:"ZZ',
            "x' OR country:'ZZ",
            "x OR country:ZZ",
            "-x",
            "\\-x",
            "x\\",
            "x:y",
            '["country:ZZ"]',
            "x, country:ZZ",
            "NOT x",
            "x) OR (country:ZZ",
            "x<score=2>",
            " -nothing",
        ]
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_values)
async def test_no_value_reaches_what_it_does_not_name(filled: SearchIndex, value: str) -> None:
    for name in ("country", "language_code", "categories"):
        try:
            found = await ids(filters={name: [value]})
        except ValidationFailed:
            assert not value.strip()
            continue
        wanted = value.strip().casefold()
        for each in ACCOUNTS:
            held = each.get(name) or []
            if each["objectID"] in found:
                assert wanted in [one.casefold() for one in ([held] if isinstance(held, str) else held)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=1, max_size=40).filter(lambda text: text == text.strip() and text.isprintable()))
async def test_any_value_is_found_by_itself(filled: SearchIndex, value: str) -> None:
    await filled.save_objects("accounts", [{"objectID": "odd", "country": value}])
    assert "odd" in await ids(filters={"country": value})
    await filled.delete_objects("accounts", ["odd"])


@pytest.mark.parametrize(
    ("filters", "error", "told"),
    [
        ({"password": "x"}, UnknownField, "password"),
        ({"country": {"$ne": ""}}, ValidationFailed, "country"),
        ({"country": ""}, ValidationFailed, "country"),
        ({"country": ["DE", 1]}, ValidationFailed, "country"),
        ({"country": "x" * 501}, ValidationFailed, "country"),
        ({"country": ["x"] * 101}, ValidationFailed, "country"),
        ({"platform": "MYSPACE"}, ValidationFailed, "platform"),
        ({"madeForKids": "perhaps"}, ValidationFailed, "madeForKids"),
        ({"rating": "4 OR country:ZZ"}, ValidationFailed, "rating"),
        ({"rating": "5-4"}, ValidationFailed, "rating"),
        ({"rating": True}, ValidationFailed, "rating"),
        ({"rating": float("nan")}, ValidationFailed, "rating"),
        ({"rating": (0, 10**400)}, ValidationFailed, "rating"),
        ({"rating": 10**400}, ValidationFailed, "rating"),
        ({"rating": NumberRange(float("nan"), None)}, ValidationFailed, "rating"),
        (["platform"], ValidationFailed, "filters"),
    ],
)
async def test_filters_that_do_not_fit_are_named(filled: SearchIndex, filters: Any, error: Any, told: str) -> None:
    with pytest.raises(error, match=told):
        await search_accounts(filters=filters)


@pytest.mark.parametrize(
    "options", [{"sort": "price"}, {"page": -1}, {"page": True}, {"per_page": 0}, {"per_page": 1_001}, {"query": 1}]
)
async def test_what_else_does_not_fit_is_named(filled: SearchIndex, options: Any) -> None:
    with pytest.raises(ValidationFailed, match=next(iter(options)) if "sort" not in options else "order"):
        await search_accounts(**options)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("1M-10M", 1e6, 1e7),
        ("100K+", 1e5, None),
        ("1.5m – 2B", 1.5e6, 2e9),
        ("500-1K", 500, 1000),
        ("<10k", None, 1e4),
        (">= 4.5", 4.5, None),
        ("42", 42, 42),
        ((None, 3), None, 3),
        (7, 7, 7),
    ],
)
def test_ranges_are_read(text: Any, low: float | None, high: float | None) -> None:
    assert parse_range(text, "x") == NumberRange(low, high)


@given(st.text(max_size=20))
def test_a_range_is_read_or_refused(text: str) -> None:
    try:
        found = parse_range(text, "x")
    except ValidationFailed:
        return
    for condition in found.conditions("n"):
        attribute, sign, number = condition.split(" ")
        assert (attribute, sign in (">=", "<=")) == ("n", True)
        assert float(number) >= 0


async def test_a_query_is_cut_at_what_the_engine_reads(filled: SearchIndex) -> None:
    assert await ids("ü" * 600) == []


async def test_without_a_store_the_engine_has_to_be_given(filled: SearchIndex) -> None:
    use_search_index(None)
    with pytest.raises(NotBound, match="Store"):
        await search_accounts()
    assert await ids(filters={"country": "DE"}, index=filled) == ["small"]


async def test_a_missing_index_and_a_broken_record_are_told(filled: SearchIndex, store: Store) -> None:
    await filled.save_objects("accounts", [{"objectID": "broken", "country": "XX", "rating": "many"}])
    with pytest.raises(ServiceError, match="rating"):
        await search_accounts(filters={"country": "XX"})
    await filled.delete_index("posts")
    with pytest.raises(ServiceError, match="posts"):
        await search_posts()
