"""Searching through the official client: words, filters, facets, order, pages, highlighting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from algoliasearch.http.exceptions import RequestException
from algoliasearch.search.client import SearchClient

Fill = Callable[..., Any]

BOOKS: list[dict[str, Any]] = [
    {"objectID": "1", "title": "Café society", "kind": "Book", "price": 10, "tags": ["new"], "_tags": ["hot"]},
    {"objectID": "2", "title": "Society and space", "kind": "book", "price": 20, "inStock": True},
    {"objectID": "3", "title": "Spacecraft", "kind": "Film", "price": 30, "tags": ["new", "old"]},
    {"objectID": "4", "title": "Cooking", "kind": "Sci-Fi & more", "price": 5.5, "by": {"name": "Ada"}},
]
FACETS = ["kind", "searchable(tags)", "inStock", "by.name", "price"]


@pytest.fixture
async def books(client: SearchClient, index: str, fill: Fill) -> Any:
    await fill(*BOOKS, attributesForFaceting=FACETS, searchableAttributes=["title", "unordered(tags)"])

    async def ids(**params: Any) -> list[str]:
        return [hit.object_id for hit in (await client.search_single_index(index, params)).hits]

    return ids


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["1", "2", "3", "4"]),
        ("CAFE", ["1"]),
        ("café soc", ["1"]),
        ("society", ["2", "1"]),
        ("space", ["3", "2"]),
        ("spa society", []),
        ("society spa", ["2"]),
        ("new", ["1", "3"]),
        ("nothing", []),
        ("...", ["1", "2", "3", "4"]),
    ],
)
async def test_words(books: Any, query: str, found: list[str]) -> None:
    assert await books(query=query) == found


async def test_query_type_decides_about_beginnings(books: Any) -> None:
    assert await books(query="spa soc", queryType="prefixAll") == ["2"]
    assert await books(query="spac", queryType="prefixNone") == []


async def test_optional_words_rank_but_do_not_exclude(books: Any) -> None:
    assert await books(query="cafe society", optionalWords=["cafe"]) == ["1", "2"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("kind:book", ["1", "2"]),
        ('kind:"Sci-Fi & more"', ["4"]),
        ("NOT kind:book", ["3", "4"]),
        ("kind:book AND price < 15", ["1"]),
        ("kind:film OR kind:book AND price > 15", ["2", "3"]),
        ("price:10 TO 20", ["1", "2"]),
        ("price:10", ["1"]),
        ("price != 10 AND price >= 20", ["2", "3"]),
        ("inStock:true", ["2"]),
        ("by.name:Ada", ["4"]),
        ("tags:new AND tags:old", ["3"]),
        ("_tags:hot", ["1"]),
        ("hot", ["1"]),
        ("title:Spacecraft", []),
        ("unknown > 3", []),
    ],
)
async def test_filters(books: Any, filters: str, found: list[str]) -> None:
    assert await books(filters=filters) == found


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"facetFilters": ["kind:book"]}, ["1", "2"]),
        ({"facetFilters": [["kind:book", "kind:film"], "tags:new"]}, ["1", "3"]),
        ({"facetFilters": ["kind:-book"]}, ["3", "4"]),
        ({"numericFilters": ["price>=10", "price<30"]}, ["1", "2"]),
        ({"numericFilters": [["price=10", "price=30"]]}, ["1", "3"]),
        ({"tagFilters": ["hot"]}, ["1"]),
        ({"tagFilters": ["-hot"]}, ["2", "3", "4"]),
        ({"params": "query=society&facetFilters=%5B%22kind%3Abook%22%5D&hitsPerPage=1"}, ["2"]),
    ],
)
async def test_the_older_filter_parameters(
    client: SearchClient, books: Any, index: str, params: dict[str, Any], found: list[str]
) -> None:
    answer = await client.custom_post(f"1/indexes/{index}/query", body=params)
    assert [hit["objectID"] for hit in answer["hits"]] == found


async def test_a_filter_that_cannot_be_read_is_400(books: Any) -> None:
    with pytest.raises(RequestException, match="filters: Unexpected") as refused:
        await books(filters="kind:book AND")
    assert refused.value.status_code == 400


async def test_facets_are_counted_over_all_hits(client: SearchClient, books: Any, index: str) -> None:
    found = await client.search_single_index(index, {"facets": ["*"], "hitsPerPage": 1})
    assert found.facets is not None
    assert found.facets["tags"] == {"new": 2, "old": 1}
    assert found.facets["inStock"] == {"true": 1}
    stats = (found.facets_stats or {})["price"]
    assert (stats.min, stats.max, stats.sum) == (5.5, 30, 65.5)


async def test_filter_only_facets_filter_and_are_not_counted(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1", "k": "a"}, attributesForFaceting=["filterOnly(k)"])
    found = await client.search_single_index(index, {"facets": ["k"], "filters": "k:a"})
    assert found.nb_hits == 1
    assert not found.facets


async def test_facet_values_are_searched(client: SearchClient, books: Any, index: str) -> None:
    found = await client.search_for_facet_values(index, "tags", {"facetQuery": "ne"})
    assert [(hit.value, hit.count, hit.highlighted) for hit in found.facet_hits] == [("new", 2, "<em>ne</em>w")]
    with pytest.raises(RequestException, match="searchable\\(kind\\)"):
        await client.search_for_facet_values(index, "kind", {"facetQuery": "b"})


async def test_custom_ranking_orders_and_the_absent_come_last(client: SearchClient, index: str, fill: Fill) -> None:
    records = ({"objectID": str(n), "n": n} for n in range(3))
    await fill(*records, {"objectID": "none"}, customRanking=["desc(n)"])
    hits = (await client.search_single_index(index)).hits
    assert [hit.object_id for hit in hits] == ["2", "1", "0", "none"]


async def test_earlier_attributes_rank_higher(client: SearchClient, index: str, fill: Fill) -> None:
    await fill(
        {"objectID": "1", "title": "x", "text": "ada"},
        {"objectID": "2", "title": "ada", "text": "x"},
        searchableAttributes=["title", "text"],
    )
    hits = (await client.search_single_index(index, {"query": "ada"})).hits
    assert [hit.object_id for hit in hits] == ["2", "1"]


async def test_filter_scores_rank(books: Any) -> None:
    assert await books(filters="kind:film<score=1> OR kind:book<score=5>") == ["1", "2", "3"]


async def test_pages(client: SearchClient, index: str, fill: Fill) -> None:
    await fill(*({"objectID": f"{n:02}"} for n in range(25)), paginationLimitedTo=20)
    second = await client.search_single_index(index, {"page": 1, "hitsPerPage": 10})
    assert [hit.object_id for hit in second.hits] == [f"{n:02}" for n in range(10, 20)]
    assert (second.nb_hits, second.nb_pages, second.page) == (25, 2, 1)
    beyond = await client.search_single_index(index, {"page": 2, "hitsPerPage": 10})
    assert beyond.hits == []
    assert "paginationLimitedTo" in (beyond.message or "")
    window = await client.search_single_index(index, {"offset": 3, "length": 2})
    assert [hit.object_id for hit in window.hits] == ["03", "04"]
    with pytest.raises(RequestException, match="hitsPerPage"):
        await client.search_single_index(index, {"hitsPerPage": 1001})


async def test_attributes_retrieved_and_never_retrieved(client: SearchClient, index: str, fill: Fill) -> None:
    await fill({"objectID": "1", "a": 1, "b": {"c": 2, "d": 3}, "secret": "x"}, unretrievableAttributes=["secret"])
    found = await client.search_single_index(index, {"attributesToRetrieve": ["a", "b.c", "secret"]})
    hit = found.hits[0].to_dict()
    assert {k: hit[k] for k in hit if not k.startswith("_")} == {"objectID": "1", "a": 1, "b": {"c": 2}}
    assert "secret" not in hit["_highlightResult"]
    assert "secret" not in await client.get_object(index, "1")


async def test_highlighting_and_snippets(client: SearchClient, index: str, fill: Fill) -> None:
    text = "one two three four five six Straße eight nine ten eleven twelve"
    await fill({"objectID": "1", "t": text, "l": ["Élan", "x"]}, attributesToSnippet=["t:3"])
    hit = (await client.search_single_index(index, {"query": "strasse"})).hits[0].to_dict()
    assert "<em>Straße</em>" in hit["_highlightResult"]["t"]["value"]
    assert hit["_highlightResult"]["t"]["matchLevel"] == "full"
    assert hit["_snippetResult"]["t"]["value"] == "…six <em>Straße</em> eight…"
    tags = {"query": "ela", "highlightPreTag": "[", "highlightPostTag": "]", "attributesToHighlight": ["l"]}
    hit = (await client.search_single_index(index, tags)).hits[0].to_dict()
    assert [part["value"] for part in hit["_highlightResult"]["l"]] == ["[Éla]n", "x"]


async def test_several_searches_at_once(client: SearchClient, books: Any, index: str) -> None:
    answer = await client.search(
        {
            "requests": [
                {"indexName": index, "query": "cafe"},
                {"indexName": index, "type": "facet", "facet": "tags", "facetQuery": "old"},
            ]
        }
    )
    parts = [result.to_dict() for result in answer.results]
    assert parts[0]["nbHits"] == 1
    assert parts[1]["facetHits"][0]["value"] == "old"


async def test_a_search_by_url(client: SearchClient, books: Any, index: str) -> None:
    answer = await client.custom_get(f"1/indexes/{index}", {"query": "cafe", "hitsPerPage": "3"})
    assert (answer["nbHits"], answer["hitsPerPage"]) == (1, 3)
