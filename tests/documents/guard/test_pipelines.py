"""Pipelines that join, branch and write: what is sent, and what a server shows of it."""

import copy
from typing import Any

import beanie
import pytest
from beanie import Link
from bson.raw_bson import RawBSONDocument
from pydantic import Field
from pymongo.errors import PyMongoError

from docstore.documents import Document, SystemDocument
from docstore.documents.guard import LIVING, GuardRegistry, Policy, Scope
from docstore.documents.guard.pipelines import guard_pipeline, guard_stages
from docstore.errors import DocstoreError, GuardError, RefusedOperation, UnsafeFilter

LIVING_MATCH = {"$match": dict(LIVING)}


class Joined(Document):
    slug: str = ""
    number: int = 0


class JoinedRow(SystemDocument):
    slug: str = ""


class LinkTarget(beanie.Document):
    slug: str = ""


class LinkSource(beanie.Document):
    target: Link[LinkTarget]
    targets: list[Link[LinkTarget]] = Field(default_factory=list)


@pytest.fixture
def registry() -> GuardRegistry:
    made = GuardRegistry("here")
    made.register("Joined", Policy())
    made.register("Rows", Policy(soft_delete=False))
    return made


@pytest.fixture
async def gates(bind_models: Any, graveyard: Any) -> tuple[Any, Any, Any]:
    """The guarded collection of documents, that of plain rows, and the graveyard behind the first."""
    await bind_models(Joined, JoinedRow)
    yard = await graveyard("Joined")
    await yard.raw.database["JoinedRow"].insert_one({"slug": "row", "group": "g", "who": yard.ids, "number": 5})
    return Joined.get_pymongo_collection(), JoinedRow.get_pymongo_collection(), yard


SUB: list[dict[str, Any]] = [{"$project": {"secret": 1, "number": 1, "group": 1, "slug": 1, "tags": 1}}]

JOINS: dict[str, list[dict[str, Any]]] = {
    "fields": [{"$lookup": {"from": "Joined", "localField": "group", "foreignField": "group", "as": "x"}}],
    "ids": [{"$lookup": {"from": "Joined", "localField": "who", "foreignField": "_id", "as": "x"}}],
    "pipeline": [{"$lookup": {"from": "Joined", "pipeline": [], "as": "x"}}],
    "pipeline that hides the marks": [{"$lookup": {"from": "Joined", "pipeline": SUB, "as": "x"}}],
    "let": [
        {
            "$lookup": {
                "from": "Joined",
                "let": {"g": "$group"},
                "as": "x",
                "pipeline": [{"$match": {"$expr": {"$eq": ["$group", "$$g"]}}}],
            }
        }
    ],
    "fields and pipeline": [
        {"$lookup": {"from": "Joined", "localField": "group", "foreignField": "group", "pipeline": SUB, "as": "x"}}
    ],
    "fields and let": [
        {
            "$lookup": {
                "from": "Joined",
                "localField": "group",
                "foreignField": "group",
                "as": "x",
                "let": {"n": "$number"},
                "pipeline": [{"$match": {"$expr": {"$gte": ["$number", "$$n"]}}}],
            }
        }
    ],
    "nested": [
        {
            "$lookup": {
                "from": "JoinedRow",
                "as": "x",
                "pipeline": [{"$lookup": {"from": "Joined", "pipeline": [{"$unionWith": "Joined"}], "as": "y"}}],
            }
        }
    ],
    "match on marks": [
        {"$lookup": {"from": "Joined", "pipeline": [{"$match": {"deletedAt": {"$ne": None}}}], "as": "x"}}
    ],
    "match on every mark": [
        {
            "$lookup": {
                "from": "Joined",
                "as": "x",
                "pipeline": [{"$match": {"$or": [{"isDeleted": True}, {"status": "DELETED"}]}}],
            }
        }
    ],
    "graph": [
        {
            "$graphLookup": {
                "from": "Joined",
                "startWith": "$group",
                "connectFromField": "group",
                "connectToField": "group",
                "as": "x",
                "depthField": "depth",
            }
        }
    ],
    "graph with a match of its own": [
        {
            "$graphLookup": {
                "from": "Joined",
                "startWith": "$who",
                "connectFromField": "parent",
                "connectToField": "_id",
                "as": "x",
                "restrictSearchWithMatch": {"number": {"$gt": 0}},
            }
        }
    ],
    "graph that asks for the marked": [
        {
            "$graphLookup": {
                "from": "Joined",
                "startWith": "$who",
                "connectFromField": "parent",
                "connectToField": "_id",
                "as": "x",
                "restrictSearchWithMatch": {"status": "DELETED"},
            }
        }
    ],
    "union by name": [{"$unionWith": "Joined"}],
    "union with pipeline": [{"$unionWith": {"coll": "Joined", "pipeline": SUB}}],
    "union twice": [
        {"$unionWith": "Joined"},
        {"$unionWith": {"coll": "Joined", "pipeline": [{"$unionWith": "Joined"}]}},
    ],
    "facet": [
        {"$facet": {"a": [{"$unionWith": "Joined"}], "b": [{"$lookup": {"from": "Joined", "pipeline": [], "as": "x"}}]}}
    ],
    "facet of joins": [
        {"$facet": {"a": [{"$lookup": {"from": "Joined", "localField": "group", "foreignField": "group", "as": "x"}}]}}
    ],
    "join behind a join": [
        {"$lookup": {"from": "Joined", "localField": "group", "foreignField": "group", "as": "x"}},
        {"$unwind": "$x"},
        {"$lookup": {"from": "Joined", "localField": "x.group", "foreignField": "group", "as": "z"}},
    ],
    "grouped": [
        {"$lookup": {"from": "Joined", "pipeline": [], "as": "x"}},
        {"$unwind": "$x"},
        {"$group": {"_id": None, "most": {"$max": "$x.number"}, "all": {"$addToSet": "$x.secret"}}},
    ],
}


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize("start", ["documents", "rows"])
@pytest.mark.parametrize("wrap", ["bare", "behind a match"])
async def test_no_join_shows_a_deleted_document(name: str, start: str, wrap: str, gates: tuple[Any, Any, Any]) -> None:
    documents, rows, yard = gates
    gate = documents if start == "documents" else rows
    pipeline = [*([{"$match": {}}] if wrap != "bare" else []), *JOINS[name]]
    given = copy.deepcopy(pipeline)
    seen = await (await gate.aggregate(pipeline)).to_list()
    assert seen
    # A row names the deleted ids itself: what may not show is anything of the documents behind them.
    yard.assert_hidden([{key: value for key, value in each.items() if key != "who"} for each in _without_who(seen)])
    assert pipeline == given
    raw = [batch async for batch in await gate.aggregate_raw_batches(pipeline)]
    assert yard.secret.encode() not in b"".join(raw)
    await yard.assert_untouched()


def _without_who(seen: Any) -> Any:
    if isinstance(seen, dict):
        return {key: _without_who(value) for key, value in seen.items() if key != "who"}
    return [_without_who(each) for each in seen] if isinstance(seen, list) else seen


@pytest.mark.parametrize("scope", [Scope.DELETED, Scope.ALL])
async def test_the_trash_joins_living_documents_alone(scope: Scope, gates: tuple[Any, Any, Any]) -> None:
    documents, _, yard = gates
    trash = documents.in_scope(scope)
    seen = await (
        await trash.aggregate(
            [{"$lookup": {"from": "Joined", "pipeline": [], "as": "x"}}, {"$project": {"x": 1, "_id": 0}}]
        )
    ).to_list()
    assert len(seen) == (4 if scope is Scope.DELETED else 6)
    yard.assert_hidden(seen)


@pytest.mark.parametrize(
    "stage",
    [
        {"$out": "Joined"},
        {"$out": {"db": "DATABASE", "coll": "Joined"}},
        {"$out": {"coll": "Joined"}},
        {"$out": {"db": "DATABASE", "coll": "Joined", "timeseries": {"timeField": "t"}}},
        {"$merge": "Joined"},
        {"$merge": {"into": "Joined"}},
        {"$merge": {"into": {"db": "DATABASE", "coll": "Joined"}}},
        {"$merge": {"into": {"coll": "Joined"}}},
        {"$merge": {"into": "Joined", "on": "_id", "whenMatched": "replace", "whenNotMatched": "insert"}},
        {"$merge": {"into": "Joined", "whenMatched": [{"$set": {"x": 1}}]}},
        {"$merge": {"into": "JoinedRow"}},
    ],
    ids=str,
)
async def test_no_pipeline_writes_into_a_bound_collection(stage: dict[str, Any], gates: tuple[Any, Any, Any]) -> None:
    documents, rows, yard = gates
    filled = _named(stage, documents.database.name)
    for gate in (documents, rows, documents.in_scope(Scope.ALL)):
        for before in ([], [{"$match": {}}]):
            with pytest.raises(RefusedOperation):
                await gate.aggregate([*before, filled])
        with pytest.raises(RefusedOperation):
            await gate.aggregate_raw_batches([filled])
    with pytest.raises((RefusedOperation, PyMongoError)):
        await documents.database.aggregate([{"$documents": []}, filled])
    await yard.assert_untouched()


def _named(value: Any, database: str) -> Any:
    if isinstance(value, dict):
        return {key: _named(each, database) for key, each in value.items()}
    return database if value == "DATABASE" else value


async def test_a_pipeline_destroys_no_deleted_document_of_an_unbound_collection(
    gates: tuple[Any, Any, Any], graveyard: Any
) -> None:
    documents, _, _ = gates
    stranger = await graveyard("Unbound")
    for stage in ({"$out": "Unbound"}, {"$merge": {"into": "Unbound", "whenMatched": "replace"}}):
        await stranger.attempt(lambda stage=stage: documents.aggregate([stage]))
        assert await stranger.contents() == stranger.as_buried


async def test_a_report_can_be_written_into_a_collection_of_its_own(gates: tuple[Any, Any, Any]) -> None:
    documents, _, yard = gates
    await (await documents.aggregate([{"$out": "Report"}])).to_list()
    yard.assert_hidden(await yard.raw.database["Report"].find().to_list())
    assert await yard.raw.database["Report"].count_documents({}) == 2
    await yard.assert_untouched()


@pytest.mark.parametrize(
    "name",
    [
        *("$collStats", "$changeStream", "$searchMeta", "$listSessions", "$listLocalSessions"),
        "$shardedDataDistribution",
    ],
)
async def test_stages_that_cannot_be_guarded_are_refused(name: str, gates: tuple[Any, Any, Any]) -> None:
    documents, _, _ = gates
    stage = {name: {"count": {}}}
    for pipeline in (
        [stage],
        [{"$facet": {"a": [stage]}}],
        [{"$lookup": {"from": "Joined", "pipeline": [stage], "as": "x"}}],
        [{"$unionWith": {"coll": "Joined", "pipeline": [stage]}}],
    ):
        with pytest.raises(RefusedOperation):
            await documents.aggregate(pipeline)
    with pytest.raises(RefusedOperation):
        await documents.database.aggregate([stage])


@pytest.mark.parametrize(
    "stage",
    [
        {"$match": {"$where": "true"}},
        {"$project": {"x": {"$function": {"body": "", "args": [], "lang": "js"}}}},
        {"$group": {"_id": None, "x": {"$accumulator": {}}}},
        {"$facet": {"a": [{"$set": {"x": {"$function": {}}}}]}},
        {"$lookup": {"from": "Joined", "pipeline": [{"$set": {"x": {"$function": {}}}}], "as": "x"}},
    ],
    ids=str,
)
async def test_scripts_are_refused_wherever_they_stand(stage: dict[str, Any], gates: tuple[Any, Any, Any]) -> None:
    documents, _, _ = gates
    with pytest.raises(UnsafeFilter):
        await documents.aggregate([stage])
    with pytest.raises(UnsafeFilter):
        await documents.database.aggregate([{"$documents": []}, stage])


async def test_a_stage_of_two_keys_opens_nothing(gates: tuple[Any, Any, Any]) -> None:
    documents, rows, yard = gates
    join = {"from": "Joined", "pipeline": [], "as": "x"}
    for gate in (documents, rows):
        for stage in ({"$match": {}, "$lookup": join}, {"$lookup": join, "$match": {}}, {}):
            try:
                seen = await (await gate.aggregate([stage, {"$project": {"who": 0}}])).to_list()
            except (DocstoreError, PyMongoError):
                continue
            yard.assert_hidden(seen)


async def test_pipelines_of_other_shapes_are_read_as_their_contents(gates: tuple[Any, Any, Any]) -> None:
    _, rows, yard = gates
    import bson

    join = {"$lookup": {"from": "Joined", "localField": "group", "foreignField": "group", "as": "x"}}
    for stages in ((join,), [RawBSONDocument(bson.encode(join))]):
        try:
            seen = await (await rows.aggregate(stages)).to_list()
        except (DocstoreError, PyMongoError, TypeError):
            continue
        yard.assert_hidden(_without_who(seen))


async def test_the_first_match_of_a_view_does_not_hide_the_marks(gates: tuple[Any, Any, Any]) -> None:
    documents, _, yard = gates
    for pipeline in (
        [{"$project": {"secret": 1, "number": 1}}, {"$match": {"secret": yard.secret}}],
        [{"$unset": ["deletedAt", "isDeleted", "status"]}, {"$match": {"secret": yard.secret}}],
        [{"$set": {"deletedAt": None, "isDeleted": False, "status": None}}, {"$match": {"secret": yard.secret}}],
        [{"$replaceWith": {"secret": "$secret"}}, {"$match": {"secret": yard.secret}}],
        [{"$match": {"deletedAt": {"$ne": None}}}],
        [{"$match": {"$or": [{"isDeleted": True}, {"status": "DELETED"}]}}],
        [{"$match": {"deletedAt": {"$exists": True}, "isDeleted": True, "status": "DELETED"}}],
    ):
        assert await (await documents.aggregate(pipeline)).to_list() == []


# What is sent, for stages that the local server does not know.


def test_geo_near_keeps_its_place(registry: GuardRegistry) -> None:
    stage = {"$geoNear": {"near": [0, 0], "distanceField": "d", "query": {"slug": "x"}}}
    assert guard_pipeline([stage], registry, Scope.LIVING, "Joined") == [
        {"$geoNear": {"near": [0, 0], "distanceField": "d", "query": {"slug": "x", **LIVING}}}
    ]
    asked = {"$geoNear": {"near": [0, 0], "distanceField": "d", "query": {"deletedAt": {"$ne": None}}}}
    [sent] = guard_pipeline([asked], registry, Scope.LIVING, "Joined")
    assert sent["$geoNear"]["query"] == {"$and": [{"deletedAt": {"$ne": None}}, dict(LIVING)]}


def test_text_stays_in_the_first_match(registry: GuardRegistry) -> None:
    stage = {"$match": {"$text": {"$search": "x"}}}
    [sent] = guard_pipeline([stage], registry, Scope.LIVING, "Joined")
    assert sent == {"$match": {"$text": {"$search": "x"}, **LIVING}}


@pytest.mark.parametrize("name", ["$search", "$vectorSearch"])
def test_search_stays_first_and_is_matched_at_once(name: str, registry: GuardRegistry) -> None:
    sent = guard_pipeline([{name: {"index": "i"}}, {"$limit": 1}], registry, Scope.LIVING, "Joined")
    assert sent == [{name: {"index": "i"}}, LIVING_MATCH, {"$limit": 1}]


@pytest.mark.parametrize("name", ["$rankFusion", "$scoreFusion"])
def test_fused_searches_are_guarded_one_by_one(name: str, registry: GuardRegistry) -> None:
    stage = {name: {"input": {"pipelines": {"a": [{"$match": {"x": 1}}], "b": [{"$search": {}}]}}}}
    [sent, _] = guard_pipeline([stage], registry, Scope.LIVING, "Joined")
    assert sent[name]["input"]["pipelines"] == {
        "a": [{"$match": {"x": 1, **LIVING}}],
        "b": [{"$search": {}}, LIVING_MATCH],
    }


@pytest.mark.parametrize("first", [{"$indexStats": {}}, {"$listSearchIndexes": {}}, {"$documents": [{"a": 1}]}])
def test_stages_without_documents_stay_first_but_what_follows_is_guarded(
    first: dict[str, Any], registry: GuardRegistry
) -> None:
    sent = guard_pipeline([first, {"$unionWith": "Joined"}], registry, Scope.LIVING, "Joined")
    assert sent == [first, {"$unionWith": {"coll": "Joined", "pipeline": [LIVING_MATCH]}}]


def test_geo_near_in_a_join_is_narrowed(registry: GuardRegistry) -> None:
    near = {"$geoNear": {"near": [0, 0], "distanceField": "d"}}
    [sent] = guard_stages([{"$lookup": {"from": "Joined", "pipeline": [near], "as": "x"}}], registry, "Rows")
    assert sent["$lookup"]["pipeline"][0]["$geoNear"]["query"] == dict(LIVING)


def test_joins_without_a_collection_are_followed_inward(registry: GuardRegistry) -> None:
    for name in ("$lookup", "$unionWith"):
        inner = [{"$documents": [{"a": 1}]}, {"$lookup": {"from": "Joined", "pipeline": [], "as": "x"}}]
        [sent] = guard_stages([{name: {"pipeline": inner, "as": "y"}}], registry, "Rows")
        assert sent[name]["pipeline"][1]["$lookup"]["pipeline"] == [LIVING_MATCH]


def test_rows_are_joined_as_they_are(registry: GuardRegistry) -> None:
    stage = {"$lookup": {"from": "Rows", "localField": "a", "foreignField": "b", "as": "x"}}
    assert guard_pipeline([stage], registry, Scope.ALL, "Rows") == [stage]


def test_a_collection_of_another_database_is_no_way_out(registry: GuardRegistry) -> None:
    for source in ({"db": "here", "coll": "Joined"}, {"db": "there", "coll": "Joined"}, {"coll": "Joined"}):
        [sent] = guard_stages([{"$lookup": {"from": source, "pipeline": [], "as": "x"}}], registry, "Rows")
        assert sent["$lookup"]["pipeline"] == [LIVING_MATCH]
    with pytest.raises(GuardError):
        guard_stages([{"$lookup": {"from": ["Joined"], "as": "x"}}], registry, "Rows")
    with pytest.raises(GuardError):
        guard_stages([{"$lookup": {"from": {"db": "here"}, "as": "x"}}], registry, "Rows")


async def test_beanies_own_joins_are_guarded(bind_models: Any, registry: GuardRegistry) -> None:
    await bind_models(LinkTarget, LinkSource)
    pipeline = LinkSource.find(fetch_links=True).build_aggregation_pipeline()
    sent = guard_pipeline(pipeline, LinkSource.get_pymongo_collection().database.registry, Scope.LIVING, "LinkSource")
    joins = [stage["$lookup"] for stage in sent if "$lookup" in stage]
    assert joins
    for join in joins:
        assert str(dict(LIVING)) in str(join["pipeline"])
