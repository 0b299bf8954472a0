"""Every public name of PyMongo's AsyncDatabase and AsyncMongoClient, as a guarded collection hands them out."""

import contextlib
from typing import Any

import beanie
import bson
import pytest
from bson import DBRef
from bson.raw_bson import RawBSONDocument
from bson.son import SON
from pymongo import AsyncMongoClient, InsertOne, ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from docstore.documents import Document, SystemDocument, bind
from docstore.documents.guard import GuardedClient, GuardedCollection, GuardedDatabase
from docstore.errors import DocstoreError, GuardError, RefusedOperation

HIDING = [{"$project": {"slug": 1, "secret": 1, "number": 1}}]
"""A pipeline that drops the marks: behind it nobody can tell a deleted document from a living one."""


class Housed(Document):
    slug: str = ""
    number: int = 0


class HousedRow(SystemDocument):
    slug: str = ""


class HousedView(beanie.View):
    slug: str
    secret: str
    number: int

    class Settings:
        source = Housed
        pipeline = HIDING


@pytest.fixture
async def house(bind_models: Any, graveyard: Any) -> tuple[GuardedDatabase, Any]:
    return await bind_models(Housed, HousedRow), await graveyard("Housed")


DATABASE = {
    "aggregate": "test_a_pipeline_without_a_collection_joins_living_documents",
    "command": "test_commands_that_touch_documents_are_refused",
    "create_collection": "test_a_view_made_through_the_gate_shows_living_documents",
    "cursor_command": "test_commands_that_touch_documents_are_refused",
    "dereference": "test_a_reference_leads_to_living_documents",
    "drop_collection": "test_no_collection_of_documents_is_dropped",
    "get_collection": "test_every_handle_of_the_database_is_guarded",
    "with_options": "test_every_handle_of_the_database_is_guarded",
    "client": "test_the_client_leads_back_to_the_guarded_database",
    "validate_collection": "test_reports_and_streams_are_refused",
    "watch": "test_reports_and_streams_are_refused",
    "list_collection_names": "names of collections, no documents",
    "list_collections": "names and options of collections, no documents",
    **dict.fromkeys(("codec_options", "name", "next", "read_concern", "read_preference", "write_concern"), "attribute"),
}
CLIENT = {
    "bulk_write": "test_the_clients_own_writes_and_streams_are_refused",
    "drop_database": "test_the_clients_own_writes_and_streams_are_refused",
    "watch": "test_the_clients_own_writes_and_streams_are_refused",
    "get_database": "test_the_client_leads_back_to_the_guarded_database",
    "get_default_database": "test_the_client_leads_back_to_the_guarded_database",
    "start_session": "a driver session: its client is the plain one, as get_mongo_client() is, by design",
    "list_databases": "names and sizes of databases, no documents",
    "list_database_names": "names of databases, no documents",
    "server_info": "about the server, no documents",
    **dict.fromkeys(("aclose", "aconnect", "close", "append_metadata"), "opens or closes connections"),
    **dict.fromkeys(
        (
            *("HOST", "PORT", "address", "arbiters", "codec_options", "eq_props", "is_mongos", "is_primary", "next"),
            *("nodes", "options", "primary", "read_concern", "read_preference", "secondaries"),
            *("topology_description", "write_concern"),
        ),
        "attribute",
    ),
}


@pytest.mark.parametrize(("table", "kind"), [(DATABASE, AsyncDatabase), (CLIENT, AsyncMongoClient)])
def test_every_public_name_is_classed(table: dict[str, str], kind: type) -> None:
    assert set(table) == {name for name in dir(kind) if not name.startswith("_")}
    for probe in table.values():
        assert not probe.startswith("test_") or probe in globals()


async def test_every_handle_of_the_database_is_guarded(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    handles = [
        guarded["Housed"],
        guarded.Housed,
        guarded.get_collection("Housed"),
        guarded.get_collection("Housed", read_preference=ReadPreference.PRIMARY),
        guarded.with_options(read_preference=ReadPreference.PRIMARY)["Housed"],
        guarded.with_options().with_options().Housed,
        guarded["Housed"].database.with_options()["Housed"].database["Housed"],
        guarded["Housed"].with_options().database.client[guarded.name]["Housed"],
    ]
    for handle in handles:
        assert isinstance(handle, GuardedCollection)
        assert await handle.count_documents({}) == 2
        assert (await handle.delete_many({"secret": yard.secret})).deleted_count == 0
    await yard.assert_untouched()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("find", {"find": "Housed"}),
        ("find", SON([("find", "Housed"), ("filter", {})])),
        ("find", RawBSONDocument(bson.encode({"find": "Housed"}))),
        ("count", {"count": "Housed"}),
        ("distinct", {"distinct": "Housed", "key": "slug"}),
        ("aggregate", {"aggregate": "Housed", "pipeline": [], "cursor": {}}),
        ("delete", {"delete": "Housed", "deletes": [{"q": {}, "limit": 0}]}),
        ("update", {"update": "Housed", "updates": [{"q": {}, "u": {"$set": {"x": 1}}, "multi": True}]}),
        ("insert", {"insert": "Housed", "documents": [{"x": 1}]}),
        ("findAndModify", {"findAndModify": "Housed", "query": {}, "remove": True}),
        ("findandmodify", {"findandmodify": "Housed", "query": {}, "remove": True}),
        ("drop", {"drop": "Housed"}),
        ("dropDatabase", {"dropDatabase": 1}),
        ("explain", {"explain": {"find": "Housed"}, "verbosity": "executionStats"}),
        ("dbStats", {"dbStats": 1}),
        ("collStats", {"collStats": "Housed"}),
        ("collstats", {"collstats": "Housed"}),
        ("validate", {"validate": "Housed"}),
        ("mapReduce", {"mapReduce": "Housed", "map": "", "reduce": "", "out": {"inline": 1}}),
        ("getMore", {"getMore": 1, "collection": "Housed"}),
        ("renameCollection", {"renameCollection": "x.Housed", "to": "x.y"}),
        ("convertToCapped", {"convertToCapped": "Housed", "size": 1}),
        ("cloneCollectionAsCapped", {"cloneCollectionAsCapped": "Housed", "toCollection": "x", "size": 1}),
        ("bulkWrite", {"bulkWrite": 1, "ops": [], "nsInfo": []}),
        ("dbHash", {"dbHash": 1}),
        ("compact", {"compact": "Housed"}),
        ("collMod", {"collMod": "Housed", "index": {"keyPattern": {"_id": 1}, "expireAfterSeconds": 0}}),
        ("applyOps", {"applyOps": []}),
        ("eval", {"eval": "1"}),
        ("", {}),
    ],
)
async def test_commands_that_touch_documents_are_refused(
    name: str, command: Any, house: tuple[GuardedDatabase, Any]
) -> None:
    guarded, yard = house
    rest = {key: value for key, value in dict(command).items() if key != name}
    value = dict(command).get(name, 1)
    for call in (
        lambda: guarded.command(command),
        lambda: guarded.command(command=command),
        lambda: guarded.command(name, value, **rest),
        lambda: guarded.with_options().command(command),
        lambda: guarded.cursor_command(command),
        lambda: guarded.cursor_command(name, value, **rest),
    ):
        with pytest.raises((DocstoreError, TypeError)):
            await call()
    await yard.assert_untouched()


async def test_harmless_commands_pass(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, _ = house
    assert (await guarded.command("ping"))["ok"] == 1
    assert (await guarded.command({"buildInfo": 1}))["version"]
    assert await guarded.list_collection_names(authorizedCollections=True)


async def test_a_pipeline_without_a_collection_joins_living_documents(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    source = {"$documents": [{"group": "g"}]}
    for join in (
        {"$lookup": {"from": "Housed", "localField": "group", "foreignField": "group", "as": "seen"}},
        {"$lookup": {"from": "Housed", "pipeline": [], "as": "seen"}},
        {"$unionWith": "Housed"},
        {"$unionWith": {"coll": "Housed", "pipeline": HIDING}},
    ):
        try:
            seen = await (await guarded.aggregate([source, join])).to_list()
        except PyMongoError:  # the local server does not know $documents: what was sent is proved in test_pipelines
            continue
        yard.assert_hidden(seen)
    for options in ({"aggregate": "Housed"}, {"pipeline": []}):
        try:
            seen = await (await guarded.aggregate([{"$match": {}}], **options)).to_list()
        except (PyMongoError, DocstoreError, TypeError):
            continue
        yard.assert_hidden(seen)


async def test_arguments_by_position_mean_what_they_mean_in_pymongo(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    async with guarded.client.start_session() as session:
        found = await guarded.dereference(DBRef("Housed", yard.living[0]), session)
        assert found is not None
        with contextlib.suppress(PyMongoError):  # the server's business; a TypeError would be ours
            await guarded.aggregate([{"$currentOp": {}}], session)


async def test_a_reference_leads_to_living_documents(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    assert await guarded.dereference(DBRef("Housed", yard.living[0])) is not None
    assert await guarded.dereference(DBRef("Housed", yard.living[0], guarded.name)) is not None
    for dead in yard.ids:
        assert await guarded.dereference(DBRef("Housed", dead)) is None
        assert await guarded.dereference(dbref=DBRef("Housed", dead, guarded.name), projection={"_id": 1}) is None
        with pytest.raises(RefusedOperation):
            await guarded.dereference(DBRef("Housed", dead, "another"))


async def test_no_collection_of_documents_is_dropped(house: tuple[GuardedDatabase, Any], graveyard: Any) -> None:
    guarded, yard = house
    for given in ("Housed", guarded["Housed"], guarded.Housed, yard.raw):
        with pytest.raises(RefusedOperation):
            await guarded.drop_collection(given)
        with pytest.raises(RefusedOperation):
            await guarded.drop_collection(name_or_collection=given)
    await yard.assert_untouched()


async def test_a_collection_no_model_is_bound_to_keeps_its_deleted_documents(
    house: tuple[GuardedDatabase, Any], graveyard: Any
) -> None:
    guarded, _ = house
    stranger = await graveyard("Stranger")
    assert await guarded["Stranger"].count_documents({}) == 2
    await stranger.attempt(lambda: guarded.drop_collection("Stranger"))
    await stranger.attempt(lambda: guarded["Stranger"].drop())
    await stranger.assert_untouched()


async def test_reports_and_streams_are_refused(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, _ = house
    with pytest.raises(RefusedOperation):
        await guarded.validate_collection("Housed")
    with pytest.raises(RefusedOperation):
        await guarded.watch()


async def _create(guarded: GuardedDatabase, way: str, source: str = "Housed") -> None:
    if way == "create_collection":
        await guarded.create_collection("SomeView", viewOn=source, pipeline=HIDING)
    elif way == "command with a mapping":
        await guarded.command({"create": "SomeView", "viewOn": source, "pipeline": HIDING})
    elif way == "command with SON":
        await guarded.command(SON([("create", "SomeView"), ("viewOn", source), ("pipeline", HIDING)]))
    elif way == "command with raw BSON":
        encoded = bson.encode({"create": "SomeView", "viewOn": source, "pipeline": HIDING})
        await guarded.command(RawBSONDocument(encoded))
    elif way == "command with options":
        await guarded.command("create", "SomeView", viewOn=source, pipeline=HIDING)
    elif way == "command with mixed options":
        await guarded.command({"create": "SomeView", "viewOn": source}, pipeline=HIDING)
    elif way == "without a pipeline":
        await guarded.command("create", "SomeView", viewOn=source)


@pytest.mark.parametrize(
    "way",
    [
        *("create_collection", "command with a mapping", "command with SON", "command with raw BSON"),
        *("command with options", "command with mixed options", "without a pipeline"),
    ],
)
async def test_a_view_made_through_the_gate_shows_living_documents(
    way: str, house: tuple[GuardedDatabase, Any]
) -> None:
    guarded, yard = house
    try:
        await _create(guarded, way)
    except GuardError:
        return
    behind = yard.raw.database["SomeView"]
    yard.assert_hidden(await behind.find().to_list())
    assert await guarded["SomeView"].count_documents({}) == 2
    await _create_on_top(guarded)
    yard.assert_hidden(await yard.raw.database["OnTop"].find().to_list())


async def _create_on_top(guarded: GuardedDatabase) -> None:
    await guarded.create_collection("OnTop", viewOn="SomeView", pipeline=[{"$unionWith": "Housed"}, *HIDING])


async def test_a_view_is_not_turned_round_by_collmod(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    await guarded.create_collection("SomeView", viewOn="Housed", pipeline=HIDING)
    sent: list[Any] = []
    for call in (
        lambda: guarded.command({"collMod": "SomeView", "viewOn": "Housed", "pipeline": HIDING}),
        lambda: guarded.command("collMod", "SomeView", viewOn="Housed", pipeline=HIDING),
        lambda: guarded.command({"collMod": "SomeView"}, viewOn="Housed", pipeline=HIDING),
    ):
        before = await yard.raw.database["SomeView"].options()
        try:
            await call()
        except GuardError:
            continue
        sent.append(before)
    # The local server takes collMod on a view and leaves the view as it was; MongoDB would have turned it round.
    assert not sent


async def test_a_beanie_view_shows_living_documents(bind_models: Any, graveyard: Any) -> None:
    yard = await graveyard("Housed")
    await bind_models(Housed, HousedView)
    seen = await HousedView.find().to_list()
    assert [each.number for each in seen] == [1, 2]
    assert await HousedView.count() == 2
    assert await HousedView.find({"secret": yard.secret}).to_list() == []
    assert await HousedView.find_one({"secret": yard.secret}) is None
    assert await HousedView.aggregate([{"$group": {"_id": None, "n": {"$sum": 1}}}]).to_list() == [
        {"_id": None, "n": 2}
    ]
    assert await HousedView.find().max("number") == 2
    await yard.assert_untouched()


async def test_a_view_that_was_there_before_shows_living_documents(
    bind_models: Any, database: Any, graveyard: Any
) -> None:
    yard = await graveyard("Housed")
    await database.command({"create": "HousedView", "viewOn": "Housed", "pipeline": HIDING})
    await bind_models(Housed)
    await bind(database, [Housed, HousedView])
    yard.assert_hidden(await HousedView.find().to_list())


async def test_the_client_leads_back_to_the_guarded_database(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    client = guarded.client
    assert isinstance(client, GuardedClient)
    for handle in (
        client[guarded.name],
        getattr(client, guarded.name),
        client.get_database(guarded.name),
        client.get_database(guarded.name, read_preference=ReadPreference.PRIMARY),
        client.get_default_database(guarded.name),
        client.get_database(guarded.name).client[guarded.name],
    ):
        assert await handle["Housed"].count_documents({}) == 2
        assert (await handle["Housed"].delete_many({"secret": yard.secret})).deleted_count == 0
    await yard.assert_untouched()


async def test_the_clients_own_writes_and_streams_are_refused(house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    client = guarded.client
    with pytest.raises(RefusedOperation):
        await client.bulk_write([InsertOne({"x": 1}, namespace=f"{guarded.name}.Housed")])
    with pytest.raises(RefusedOperation):
        await client.watch()
    for given in (guarded.name, guarded, yard.raw.database, client[guarded.name]):
        with pytest.raises(RefusedOperation):
            await client.drop_database(given)
    await yard.assert_untouched()


@pytest.mark.parametrize("way", ["mapping", "options"])
async def test_the_admin_database_renames_no_collection(way: str, house: tuple[GuardedDatabase, Any]) -> None:
    guarded, yard = house
    admin = guarded.client["admin"]
    old, new = f"{guarded.name}.Housed", f"{guarded.name}.Elsewhere"
    try:
        if way == "mapping":
            await admin.command({"renameCollection": old, "to": new})
        else:
            await admin.command("renameCollection", old, to=new)
    except DocstoreError:
        pass
    await yard.assert_untouched()
