"""Every public name of Beanie's documents, queries, views, unions and writers, against deleted documents.

The tables hold a probe for each name, or the reason why it needs none; a name that a new Beanie adds must be classed.
"""

import copy
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import beanie
import pymongo
import pytest
from beanie import BackLink, BulkWriter, Link, UnionDoc, View, WriteRules
from beanie.exceptions import DocumentNotFound, ReplaceError
from beanie.odm.queries.aggregation import AggregationQuery
from beanie.odm.queries.delete import DeleteMany, DeleteOne
from beanie.odm.queries.find import FindMany, FindOne
from beanie.odm.queries.update import UpdateMany, UpdateOne, UpdateResponse
from beanie.operators import In, Inc, Set
from pydantic import BaseModel, Field
from pymongo.errors import PyMongoError

from docstore.documents import Document, PydanticObjectId
from docstore.errors import DeletedDocument, DocstoreError, NotFound

Probe = Callable[[Any, Any], Awaitable[None]]


class Routed(Document):
    """Ours."""

    slug: str = ""
    number: int = 0
    secret: str = ""
    parent: PydanticObjectId | None = None


class RoutedStock(beanie.Document):
    """Beanie's own, handed to bind as it is."""

    slug: str = ""
    number: int = 0
    secret: str = ""


class RoutedSaved(Document):
    """Ours, with Beanie's state management and revisions."""

    slug: str = ""
    number: int = 0
    secret: str = ""

    class Settings:
        use_state_management = True
        use_revision = True


class RoutedAnnouncing(Document):
    slug: str = ""
    number: int = 0
    secret: str = ""
    announces = True


class RoutedUnion(UnionDoc):
    class Settings:
        name = "RoutedShared"
        class_id = "_class_id"


class RoutedPart(Document):
    slug: str = ""
    number: int = 0
    secret: str = ""

    class Settings:
        union_doc = RoutedUnion


class RoutedView(View):
    slug: str = ""
    number: int = 0
    secret: str = ""

    class Settings:
        source = Routed
        pipeline: ClassVar[Any] = [{"$project": {"slug": 1, "number": 1, "secret": 1}}]


class Short(BaseModel):
    id: PydanticObjectId = Field(alias="_id")
    number: int = 0


MODELS = (Routed, RoutedStock, RoutedSaved, RoutedAnnouncing)
SET = {"$set": {"number": 5}}


@pytest.fixture(params=MODELS, ids=lambda model: model.__name__)
async def bound(request: pytest.FixtureRequest, bind_models: Any, graveyard: Any) -> tuple[Any, Any]:
    """A bound model over a graveyard."""
    await bind_models(*MODELS, strict_filters=False)  # the routes themselves are tried, with whatever is given them
    return request.param, await graveyard(request.param.get_collection_name())


async def ghosts(model: Any, yard: Any) -> list[Any]:
    """The deleted documents as objects that somebody read while they lived."""
    found = [model.model_validate(each) async for each in yard.raw.find({"_id": {"$in": yard.ids}})]
    for each in found:
        each._save_state()
        if isinstance(each, Document):  # they looked alive when they were read
            each.__dict__.update(deleted_at=None, is_deleted=False, deleted_by=None)
    assert len(found) == len(yard.ids)
    return found


async def refused(call: Callable[[], Any]) -> None:
    with pytest.raises((DocstoreError, PyMongoError, DocumentNotFound, ReplaceError)):
        await call()


# Document, class-wide


async def find(model: Any, yard: Any) -> None:
    for name in ("find", "find_many"):
        query = getattr(model, name)
        for wanted in yard.filters:
            assert await query(wanted).to_list() == []
        assert [each.number for each in await query().to_list()] == [1, 2]
        assert await query(model.secret == yard.secret).to_list() == []
        assert await query(In(model.id, yard.ids)).to_list() == []
        assert await query({}, {"secret": yard.secret}, skip=0, limit=9, sort="-number").to_list() == []
        assert await query({"secret": yard.secret}, projection_model=Short).to_list() == []
        assert [each.number for each in await query(projection_model=Short).to_list()] == [1, 2]
        assert len(await query(with_children=True).to_list()) == 2
        assert len(await query(fetch_links=True).to_list()) == 2
        assert len(await query(lazy_parse=True).to_list()) == 2
        assert len(await query(batch_size=1, hint=[("_id", 1)], max_time_ms=9999).to_list()) == 2


async def find_all(model: Any, yard: Any) -> None:
    for name in ("find_all", "all"):
        assert [each.number for each in await getattr(model, name)().to_list()] == [1, 2]
        assert await getattr(model, name)(sort="-number", limit=1).to_list() == [await model.get(yard.living[1])]


async def find_one(model: Any, yard: Any) -> None:
    for wanted in yard.filters:
        assert await model.find_one(wanted) is None
        assert await model.find_one(wanted, projection_model=Short) is None
        assert await model.find_one(wanted, fetch_links=True) is None


async def get(model: Any, yard: Any) -> None:
    for dead in yard.ids:
        assert await model.get(dead) is None
        assert await model.get(str(dead)) is None
        assert await model.get(document_id=dead, fetch_links=True, ignore_cache=True) is None
    assert await model.get(yard.living[0]) is not None


async def count(model: Any, yard: Any) -> None:
    assert await model.count() == 2
    assert await model.find().count() == 2


async def distinct(model: Any, yard: Any) -> None:
    assert await model.distinct("number") == [1, 2]
    for wanted in yard.filters:
        assert await model.distinct("number", wanted) == []


async def aggregate(model: Any, yard: Any) -> None:
    assert await model.aggregate([{"$count": "n"}]).to_list() == [{"n": 2}]
    yard.assert_hidden(await model.aggregate([]).to_list())
    yard.assert_hidden(await model.aggregate([], projection_model=Short).to_list())
    name = model.get_collection_name()
    joined = {"$lookup": {"from": name, "localField": "group", "foreignField": "group", "as": "all"}}
    yard.assert_hidden(await model.aggregate([joined]).to_list())


async def arithmetic(model: Any, yard: Any) -> None:
    assert await model.find().sum("number") == 3
    assert await model.find().avg("number") == 1.5
    assert await model.find().max("number") == 2
    assert await model.find().min("number") == 1
    assert await model.sum("number") == 3
    assert await model.avg("number") == 1.5
    assert await model.max("number") == 2
    assert await model.min("number") == 1
    for wanted in yard.filters:
        assert await model.find(wanted).max("number") is None


async def inspect_collection(model: Any, yard: Any) -> None:
    await yard.raw.update_many({"_id": {"$in": yard.ids}}, {"$set": {"number": "not a number"}})
    yard.as_buried = await yard.contents()
    assert (await model.inspect_collection()).errors == []


async def delete_all(model: Any, yard: Any) -> None:
    assert (await model.delete_all()).deleted_count == 2
    assert (await model.delete_all()).deleted_count == 0


async def update_all(model: Any, yard: Any) -> None:
    assert (await model.update_all(SET)).matched_count == 2
    assert (await model.update_all([SET])).matched_count == 2


async def insert(model: Any, yard: Any) -> None:
    for dead in yard.ids:
        for call in (
            lambda dead=dead: model(id=dead).insert(),
            lambda dead=dead: model(id=dead).create(),
            lambda dead=dead: model.insert_one(model(id=dead)),
            lambda dead=dead: model.insert_many([model(id=dead)]),
        ):
            await refused(call)


async def replace_many(model: Any, yard: Any) -> None:
    for ghost in await ghosts(model, yard):
        await refused(lambda ghost=ghost: model.replace_many([ghost]))
    await refused(lambda: _replace_with_living(model, yard))


async def _replace_with_living(model: Any, yard: Any) -> None:
    await model.replace_many([await model.get(yard.living[0]), *await ghosts(model, yard)])


async def bulk_writer(model: Any, yard: Any) -> None:
    async with model.bulk_writer() as writer:
        for wanted in yard.filters:
            await model.find(wanted).update(SET, bulk_writer=writer)
            await model.find_one(wanted).update(SET, bulk_writer=writer)
            await model.find(wanted).delete(bulk_writer=writer)
            await model.find_one(wanted).delete(bulk_writer=writer)
            await model.find_one(wanted).replace_one(model(slug="replaced"), bulk_writer=writer)
        for ghost in await ghosts(model, yard):
            await ghost.delete(bulk_writer=writer)
            await ghost.update(SET, bulk_writer=writer, ignore_revision=True)
            await ghost.replace(bulk_writer=writer, ignore_revision=True)
        await model.update_all(SET, bulk_writer=writer)
        await model.delete_all(bulk_writer=writer)
    assert await model.count() == 0


# Document, one object: read while it lived, deleted since


async def save(model: Any, yard: Any) -> None:
    for ghost in await ghosts(model, yard):
        ghost.number = 5
        await refused(ghost.save)
        await refused(lambda ghost=ghost: ghost.save(link_rule=WriteRules.WRITE))
        await refused(lambda ghost=ghost: ghost.save(ignore_revision=True))


async def save_changes(model: Any, yard: Any) -> None:
    for ghost in await ghosts(model, yard):
        if ghost.use_state_management():
            ghost.number = 5
            await refused(ghost.save_changes)
            await refused(lambda ghost=ghost: ghost.save_changes(ignore_revision=True))


async def replace(model: Any, yard: Any) -> None:
    for ghost in await ghosts(model, yard):
        await refused(ghost.replace)
        await refused(lambda ghost=ghost: ghost.replace(ignore_revision=True))


async def update(model: Any, yard: Any) -> None:
    for ghost in await ghosts(model, yard):
        for call in (
            lambda ghost=ghost: ghost.update(SET),
            lambda ghost=ghost: ghost.update([SET]),
            lambda ghost=ghost: ghost.update(SET, ignore_revision=True),
            lambda ghost=ghost: ghost.update(SET, upsert=True, ignore_revision=True),
            lambda ghost=ghost: ghost.set({"number": 5}),
            lambda ghost=ghost: ghost.inc({"number": 5}),
            lambda ghost=ghost: ghost.current_date({"slug": True}),
        ):
            # A stock document merges None into itself, an AttributeError of Beanie's: nothing is written either way.
            with pytest.raises((DocstoreError, PyMongoError, DocumentNotFound, AttributeError, TypeError)):
                await call()


async def delete(model: Any, yard: Any) -> None:
    for ghost in await ghosts(model, yard):
        result = await ghost.delete()
        assert result is not None
        assert result.deleted_count == 0
    living = await model.get(yard.living[0])
    assert (await living.delete()).deleted_count == 1
    assert (await living.delete()).deleted_count == 0
    assert await yard.raw.find_one({"_id": living.id}) is not None


async def sync(model: Any, yard: Any) -> None:
    for ghost in await ghosts(model, yard):
        expected = (NotFound, DeletedDocument) if isinstance(ghost, Document) else DocumentNotFound
        with pytest.raises(expected):
            await ghost.sync()


async def links(model: Any, yard: Any) -> None:
    ghost = (await ghosts(model, yard))[0]
    dead = [Link(model.link_from_id(each).ref, document_class=model) for each in yard.ids]
    for each in dead:
        assert isinstance(await each.fetch(), Link)
    fetched = await Link.fetch_list(dead)
    assert not [each for each in fetched if isinstance(each, model)]
    await ghost.fetch_all_links()
    assert ghost.to_ref() is not None


COLLECTION_TESTED = "the guarded collection: probed in guard/test_collection.py"
MEMORY = "works on the object in memory, runs no query"
CONSTRUCTOR = "names or settings of the class, runs no query"

DOCUMENT: dict[str, Probe | str] = {
    **dict.fromkeys(("find", "find_many"), find),
    **dict.fromkeys(("find_all", "all"), find_all),
    "find_one": find_one,
    "get": get,
    "count": count,
    "distinct": distinct,
    "aggregate": aggregate,
    **dict.fromkeys(("sum", "avg", "max", "min"), arithmetic),
    "inspect_collection": inspect_collection,
    "delete_all": delete_all,
    "update_all": update_all,
    **dict.fromkeys(("insert", "create", "insert_one", "insert_many"), insert),
    "replace_many": replace_many,
    "bulk_writer": bulk_writer,
    "save": save,
    "save_changes": save_changes,
    "replace": replace,
    **dict.fromkeys(("update", "set", "inc", "current_date"), update),
    "delete": delete,
    "sync": sync,
    **dict.fromkeys(("fetch_link", "fetch_all_links", "link_from_id", "to_ref"), links),
    "get_pymongo_collection": COLLECTION_TESTED,
    **dict.fromkeys(
        (
            *("add_child", "get_bson_encoders", "get_collection_name", "get_link_fields", "get_model_type"),
            *("get_settings", "set_collection", "set_collection_name", "set_database"),
            *("state_management_replace_objects", "state_management_save_previous", "use_state_management"),
        ),
        CONSTRUCTOR,
    ),
    **dict.fromkeys(
        (
            *("fill_back_refs", "get_changes", "get_previous_changes", "get_previous_saved_state", "get_saved_state"),
            *("has_changed", "is_changed", "lazy_parse", "parse_store", "rollback", "validate_self"),
        ),
        MEMORY,
    ),
}


# Queries


async def many_reads(model: Any, yard: Any) -> None:
    for wanted in yard.filters:
        query = model.find(wanted)
        assert await query.first_or_none() is None
        assert await query.exists() is False
        assert await query.count() == 0
        assert await query.to_list() == []
        assert [each async for each in query] == []
        assert await query.distinct("number") == []
        assert await query.project(Short).to_list() == []
        assert await query.sort("-number").skip(0).limit(5).to_list() == []
        assert await query.find({"number": {"$gt": 0}}).find_many({}).to_list() == []
        assert await query.aggregate([]).to_list() == []
        assert await query.clone().to_list() == []
        assert await copy.deepcopy(query).to_list() == []
        assert await copy.copy(query).to_list() == []
        assert await model.find(wanted, lazy_parse=True).to_list() == []
    first = await model.find().sort("-number").first_or_none()
    assert first.number == 2
    raw = await (await _cursor(model.find())).to_list()
    yard.assert_hidden(raw)


async def _cursor(query: Any) -> Any:
    found = query.get_cursor()
    return await found if isinstance(found, Awaitable) else found


async def many_writes(model: Any, yard: Any) -> None:
    for wanted in yard.filters:
        query = model.find(wanted)
        assert (await query.update(SET)).matched_count == 0
        assert (await model.find(wanted).update([SET])).matched_count == 0
        assert (await model.find(wanted).update_many(Inc({"number": 1}))).matched_count == 0
        assert (await model.find(wanted).set({"number": 5})).matched_count == 0
        assert (await model.find(wanted).inc({"number": 5})).matched_count == 0
        assert (await model.find(wanted).current_date({"slug": True})).matched_count == 0
        assert (await model.find(wanted).delete()).deleted_count == 0
        assert (await model.find(wanted).delete_many()).deleted_count == 0
    result = await model.find().update({"$set": {"tags.$[old]": "b"}}, array_filters=[{"old": "a"}])
    assert result.matched_count == 2
    assert (await model.find({"number": {"$gte": 0}}).delete()).deleted_count == 2


async def upserts(model: Any, yard: Any) -> None:
    for marking in yard.dead:
        wanted = {"slug": f"dead-{marking}"}
        for call in (
            lambda w=wanted: model.find(w).upsert(Set({"number": 5}), on_insert=model(**w)),
            lambda w=wanted: model.find_one(w).upsert(Set({"number": 5}), on_insert=model(**w)),
            lambda w=wanted: model.find_one(w).upsert(
                Set({"number": 5}), on_insert=model(**w), response_type=UpdateResponse.NEW_DOCUMENT
            ),
            lambda w=wanted: model.find(w).update(SET).upsert(on_insert=model(**w)),
            lambda w=wanted: model.find_one(w).update_one(SET).upsert(on_insert=model(**w)),
            lambda w=wanted: model.find(w).update(SET, upsert=True),
            lambda w=wanted: model.find_one(w).update(SET, upsert=True),
            lambda w=wanted: model.find_one(w).update(SET, response_type=UpdateResponse.OLD_DOCUMENT, upsert=True),
        ):
            with pytest.raises(DeletedDocument):
                await call()


async def one_reads(model: Any, yard: Any) -> None:
    for wanted in yard.filters:
        query = model.find_one(wanted)
        assert await query is None
        assert await query.exists() is False
        assert await query.count() == 0
        assert await query.find_one({"number": {"$gt": 0}}) is None
        assert await query.project(Short) is None
        assert await query.clone() is None
        assert await copy.deepcopy(query) is None


async def one_writes(model: Any, yard: Any) -> None:
    for wanted in yard.filters:
        for response in UpdateResponse:
            result = await model.find_one(wanted).update(SET, response_type=response)
            assert result is None or result.matched_count == 0
        assert (await model.find_one(wanted).update_one([SET])).matched_count == 0
        assert (await model.find_one(wanted).set({"number": 5})).matched_count == 0
        assert (await model.find_one(wanted).inc({"number": 5})).matched_count == 0
        assert (await model.find_one(wanted).current_date({"slug": True})).matched_count == 0
        assert (await model.find_one(wanted).delete()).deleted_count == 0
        assert (await model.find_one(wanted).delete_one()).deleted_count == 0
        await refused(lambda w=wanted: model.find_one(w).replace_one(model(slug="replaced")))
    assert (await model.find_one({}).delete()).deleted_count == 1


async def smuggled(model: Any, yard: Any) -> None:
    """Beanie hands its `**pymongo_kwargs` on to the collection."""
    elsewhere = {"slug": "dead-ours"}
    for call in (
        lambda: model.find_one({"slug": "x"}).update(SET, response_type=UpdateResponse.NEW_DOCUMENT, query=elsewhere),
        lambda: model.find({"slug": "x"}).update(SET, filter=elsewhere),
        lambda: model.find({"slug": "x"}, query=elsewhere).to_list(),
        lambda: model.find_one({"slug": "x"}).delete(filter=elsewhere),
        lambda: model.distinct("secret", {"slug": "x"}, query=elsewhere),
        lambda: model.aggregate([], aggregate="Other").to_list(),
    ):
        try:
            seen = await call()
        except (DocstoreError, PyMongoError, TypeError):
            continue
        yard.assert_hidden(seen)
        assert not seen or getattr(seen, "matched_count", 1) == 0


QUERY_STATE = "keeps an option of the query, runs nothing by itself"

FIND_MANY: dict[str, Probe | str] = {
    **dict.fromkeys(
        (
            *("aggregate", "avg", "clone", "count", "cursor", "distinct", "exists", "find", "find_many"),
            *("first_or_none", "get_cursor", "lazy_parse", "limit", "max", "min", "project", "skip", "sort", "sum"),
            *("to_list", "build_aggregation_pipeline"),
        ),
        many_reads,
    ),
    **dict.fromkeys(("current_date", "delete", "delete_many", "inc", "set", "update", "update_many"), many_writes),
    "upsert": upserts,
    "set_session": smuggled,
    **dict.fromkeys(
        (
            *("AggregationQueryType", "DeleteQueryType", "UpdateQueryType", "get_filter_query"),
            *("get_projection_model", "prepare_find_expressions"),
        ),
        QUERY_STATE,
    ),
}
FIND_ONE: dict[str, Probe | str] = {
    **dict.fromkeys(("clone", "count", "exists", "find_one", "project"), one_reads),
    **dict.fromkeys(
        ("current_date", "delete", "delete_one", "inc", "replace_one", "set", "update", "update_one"), one_writes
    ),
    "upsert": upserts,
    "set_session": smuggled,
    **dict.fromkeys(
        (
            *("AggregationQueryType", "DeleteQueryType", "UpdateQueryType", "get_filter_query"),
            *("get_projection_model", "prepare_find_expressions"),
        ),
        QUERY_STATE,
    ),
}
UPDATE_MANY: dict[str, Probe | str] = {
    **dict.fromkeys(("current_date", "inc", "set", "update", "update_many", "clone"), many_writes),
    "upsert": upserts,
    **dict.fromkeys(("set_session", "update_query"), QUERY_STATE),
}
UPDATE_ONE: dict[str, Probe | str] = {
    **dict.fromkeys(("current_date", "inc", "set", "update", "update_one", "clone"), one_writes),
    "upsert": upserts,
    **dict.fromkeys(("set_session", "update_query"), QUERY_STATE),
}
DELETE: dict[str, Probe | str] = {"clone": many_writes, "set_session": QUERY_STATE}
AGGREGATION: dict[str, Probe | str] = {
    **dict.fromkeys(("clone", "cursor", "get_cursor", "lazy_parse", "to_list"), aggregate),
    **dict.fromkeys(("get_aggregation_pipeline", "get_projection_model", "set_session"), QUERY_STATE),
}
WRITER: dict[str, Probe | str] = {"add_operation": bulk_writer, "commit": bulk_writer}
LINK: dict[str, Probe | str] = {
    **dict.fromkeys(("fetch", "fetch_list", "fetch_many", "fetch_one"), links),
    **dict.fromkeys(("repack_links", "serialize", "to_dict", "to_ref", "wrapped_validate"), MEMORY),
}
BACK_LINK: dict[str, Probe | str] = dict.fromkeys(("to_dict", "wrapped_validate"), MEMORY)
UNION = {
    **dict.fromkeys(
        (
            *("aggregate", "all", "avg", "count", "find", "find_all", "find_many", "find_one", "max", "min", "sum"),
            "bulk_writer",
        ),
        "test_a_union_shows_and_changes_no_deleted_document",
    ),
    "get_pymongo_collection": COLLECTION_TESTED,
    **dict.fromkeys(
        (
            "get_bson_encoders",
            "get_collection_name",
            "get_link_fields",
            "get_model_type",
            "get_settings",
            "register_doc",
        ),
        CONSTRUCTOR,
    ),
}
VIEW = {
    **dict.fromkeys(
        ("aggregate", "all", "avg", "count", "find", "find_all", "find_many", "find_one", "max", "min", "sum"),
        "test_a_view_shows_no_deleted_document",
    ),
    **dict.fromkeys(("fetch_all_links", "fetch_link"), "as Document's: probed there by `links`"),
    "get_pymongo_collection": COLLECTION_TESTED,
    **dict.fromkeys(
        ("get_bson_encoders", "get_collection_name", "get_link_fields", "get_model_type", "get_settings"), CONSTRUCTOR
    ),
}


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        *((beanie.Document, DOCUMENT), (FindMany, FIND_MANY), (FindOne, FIND_ONE), (UpdateMany, UPDATE_MANY)),
        *((UpdateOne, UPDATE_ONE), (DeleteMany, DELETE), (DeleteOne, DELETE), (AggregationQuery, AGGREGATION)),
        *((BulkWriter, WRITER), (Link, LINK), (BackLink, BACK_LINK), (UnionDoc, UNION), (View, VIEW)),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_every_public_name_of_beanie_is_classed(kind: type, table: dict[str, Any]) -> None:
    public = {name for name in dir(kind) if not name.startswith("_")}
    assert set(table) == public - set(dir(BaseModel))


PROBES = {
    probe.__name__: probe
    for table in (DOCUMENT, FIND_MANY, FIND_ONE, UPDATE_MANY, UPDATE_ONE, DELETE, AGGREGATION, WRITER, LINK)
    for probe in table.values()
    if not isinstance(probe, str)
}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
async def test_no_route_reaches_a_deleted_document(probe: Probe, bound: tuple[Any, Any]) -> None:
    model, yard = bound
    await probe(model, yard)
    await yard.assert_untouched()


async def test_a_union_shows_and_changes_no_deleted_document(bind_models: Any, graveyard: Any) -> None:
    await bind_models(RoutedUnion, RoutedPart)  # in this order: a union's parts register with it
    yard = await graveyard("RoutedShared", _class_id="RoutedPart")
    for probe in (many_reads_of_views, aggregate_of_views, writes_of_unions):
        await probe(RoutedUnion, yard)
    assert await RoutedUnion.count() == 0
    await yard.assert_untouched()


async def writes_of_unions(model: Any, yard: Any) -> None:
    for wanted in yard.filters:
        assert (await model.find(wanted).update(SET)).matched_count == 0
        assert (await model.find_one(wanted).update(SET)).matched_count == 0
        assert (await model.find_one(wanted).delete()).deleted_count == 0
        assert (await model.find(wanted).delete()).deleted_count == 0
        async with model.bulk_writer() as writer:
            await model.find(wanted).delete(bulk_writer=writer)
            await model.find(wanted).update(SET, bulk_writer=writer)
    assert (await model.find_all().delete()).deleted_count == 2


async def test_a_view_shows_no_deleted_document(bind_models: Any, graveyard: Any) -> None:
    yard = await graveyard("Routed")
    await bind_models(Routed, RoutedView)
    for probe in (many_reads_of_views, aggregate_of_views):
        await probe(RoutedView, yard)
    await yard.assert_untouched()


async def many_reads_of_views(model: Any, yard: Any) -> None:
    for wanted in yard.filters:
        assert await model.find(wanted).to_list() == []
        assert await model.find_one(wanted) is None
        assert await model.find(wanted).count() == 0
    for found in (model.find(), model.find_many(), model.find_all(), model.all()):
        assert [each.number for each in await found.to_list()] == [1, 2]
    assert await model.count() == 2


async def aggregate_of_views(model: Any, yard: Any) -> None:
    assert await model.aggregate([{"$count": "n"}]).to_list() == [{"n": 2}]
    assert await model.sum("number") == 3
    assert await model.avg("number") == 1.5
    assert (await model.max("number"), await model.min("number")) == (2, 1)


async def test_queries_made_by_hand_are_guarded(bound: tuple[Any, Any]) -> None:
    model, yard = bound
    for query in (FindMany(document_model=model), FindMany(model)):
        assert await query.find_many().count() == 2
        assert [each.number for each in await query.to_list()] == [1, 2]
    assert await FindOne(model).find_one({"secret": yard.secret}) is None
    assert (await DeleteMany(model, {"secret": yard.secret})).deleted_count == 0
    assert (await DeleteOne(model, {"secret": yard.secret})).deleted_count == 0
    assert (await UpdateMany(model, {"secret": yard.secret}).update(SET)).matched_count == 0
    async with BulkWriter(object_class=model) as writer:
        writer.add_operation(model, pymongo.DeleteMany({"secret": yard.secret}))
    await yard.assert_untouched()


async def test_a_query_outlives_a_deletion_without_showing_it(bound: tuple[Any, Any]) -> None:
    model, yard = bound
    query = model.find({"slug": "living-1"})
    cloned = query.clone()
    assert len(await query.to_list()) == 1
    await (await model.get(yard.living[0])).delete()
    assert await query.to_list() == []
    assert await cloned.to_list() == []
    await yard.assert_untouched()
