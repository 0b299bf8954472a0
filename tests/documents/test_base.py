"""The base documents: saving and reading back, unknown fields, old documents, inheritance, state, projections."""

import asyncio
import contextlib
import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from beanie import Insert, Replace, Save, Update, after_event, before_event
from beanie.exceptions import RevisionIdWasChanged
from bson import Decimal128, Int64, ObjectId, Regex
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from docstore.documents import (
    Document,
    PydanticObjectId,
    StrList,
    SystemDocument,
    UtcDateTime,
    unique,
    utc_now,
)
from docstore.documents.guard import GuardedCollection
from docstore.errors import (
    DeletedDocument,
    DocstoreError,
    NotBound,
    NotFound,
    StaleDocument,
    UniqueViolation,
    ValidationFailed,
)

LONG_AGO = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


class Address(BaseModel):
    model_config = ConfigDict(extra="allow")  # or derive from SubDocument

    city: str
    zip_code: str | None = None


class Kept(Document):
    title: str
    post_url: str = ""
    stars: int = Field(default=1, ge=1, le=5)
    address: Address | None = None
    addresses: list[Address] = Field(default_factory=list)
    names: StrList = Field(default_factory=list)
    author_id: PydanticObjectId | None = None
    happened: UtcDateTime | None = None
    indexes = (unique("post_url", when_set=("post_url",)),)

    def check_rules(self) -> None:
        if self.title == "forbidden":
            raise ValueError("title may not be 'forbidden'; choose another")


class KeptRow(SystemDocument):
    name: str = ""


class Versioned(Document):
    title: str = ""

    class Settings:
        use_revision = True


class Tracked(Document):
    title: str = ""
    number: int = 0
    deep: Address | None = None

    class Settings:
        use_state_management = True


class Sparse(Document):
    title: str = ""
    maybe: str | None = None

    class Settings:
        keep_nulls = False


class Hooked(Document):
    title: str = ""
    _calls: list[str] = PrivateAttr(default_factory=list)

    @before_event(Insert, Replace, Save, Update)
    def note_before(self) -> None:
        self._calls.append("before")

    @after_event(Insert, Replace, Save, Update)
    def note_after(self) -> None:
        self._calls.append("after")


class Animal(Document):
    name: str = ""

    class Settings:
        is_root = True


class Dog(Animal):
    tricks: int = 0


class Puppy(Dog):
    weeks: int = 0


class Unbound(Document):
    title: str = ""


class Cached(Document):
    title: str = ""

    class Settings:
        use_cache = True


class Renamed(Document):
    old_name: str = ""

    class Settings:
        name = "another_collection"


@pytest.fixture
async def raw(bind_models: Any, database: Any) -> Any:
    """The plain collection behind Kept."""
    await bind_models(Kept, KeptRow, Versioned, Tracked, Sparse, Hooked, Animal, Dog, Puppy, Renamed)
    return database["Kept"]


# Names and handles


async def test_fields_are_camel_case_in_storage_and_snake_case_in_python(raw: Any) -> None:
    await Kept(title="x", post_url="u", author_id=ObjectId("0" * 24)).insert()
    [stored] = await raw.find().to_list()
    assert set(stored) - {"revision_id"} == {
        *("_id", "title", "postUrl", "stars", "address", "addresses", "names", "authorId", "happened"),
        *("createdAt", "updatedAt", "deletedAt", "isDeleted", "deletedBy", "deletionId"),
    }
    assert stored["postUrl"] == "u"
    assert Kept.stored_name("post_url") == "postUrl"
    assert Kept.get_collection_name() == "Kept"
    assert Renamed.get_collection_name() == "another_collection"
    assert await Kept.find(Kept.post_url == "u").count() == 1
    assert await Kept.find_one(Kept.author_id == ObjectId("0" * 24)) is not None


def test_an_unbound_model_says_so() -> None:
    with pytest.raises(NotBound) as refusal:
        Unbound.get_pymongo_collection()
    assert "Store" in str(refusal.value)
    Unbound(title="objects can be made without a database")


async def test_an_unbound_models_queries_say_so() -> None:
    for call in (
        lambda: Unbound.find().to_list(),
        lambda: Unbound.get(ObjectId()),
        lambda: Unbound(title="x").insert(),
        lambda: Unbound(title="x").save(),
        lambda: Unbound.count(),
        lambda: Unbound.deleted.count(),
    ):
        with pytest.raises(NotBound):
            await call()


async def test_beanies_query_cache_is_off(bind_models: Any, caplog: pytest.LogCaptureFixture) -> None:
    Cached.Settings.use_cache = True
    await bind_models(Cached)
    document = await Cached(title="a").insert()
    assert [each.id for each in await Cached.find(Cached.title == "a").to_list()] == [document.id]
    await document.delete()
    assert await Cached.find(Cached.title == "a").to_list() == []
    assert "Cached.Settings.use_cache is off" in caplog.text


async def test_every_model_has_a_guarded_collection(raw: Any) -> None:
    for model in (Kept, KeptRow, Versioned, Animal, Dog, Puppy):
        assert isinstance(model.get_pymongo_collection(), GuardedCollection)


async def test_documents_copy_and_pickle(raw: Any) -> None:
    document = await Kept(title="x", address=Address(city="c")).insert()
    for again in (copy.copy(document), copy.deepcopy(document), pickle.loads(pickle.dumps(document))):
        assert again == document
        await again.save()
    assert await raw.count_documents({}) == 1
    assert json.loads(document.model_dump_json())["title"] == "x"
    assert Kept.model_json_schema()["properties"]


# Writing


async def test_insert_gives_an_id_and_equals_what_is_read_back(raw: Any) -> None:
    document = Kept(title="x", happened=datetime(2024, 1, 1, 1, 1, 1, 123456, tzinfo=UTC))
    assert document.id is None
    assert await document.insert() is document
    read = await Kept.get(document.id)
    assert read == document
    assert read.created_at == read.updated_at
    assert read.happened.tzinfo is not None


async def test_insert_many_gives_ids_in_order(raw: Any) -> None:
    given = [Kept(title=str(number)) for number in range(5)]
    result = await Kept.insert_many(iter(given))
    assert [each.id for each in given] == result.inserted_ids
    assert all(each.created_at for each in given)
    assert await Kept.count() == 5


async def test_two_documents_without_a_value_do_not_clash(raw: Any) -> None:
    await Kept(title="x").insert()
    await Kept(title="y").insert()
    await Kept(title="z", post_url="u").insert()
    with pytest.raises(UniqueViolation):
        await Kept(title="z", post_url="u").insert()


ASSIGNED: list[tuple[str, Any]] = [
    ("stars", 9),
    ("stars", "many"),
    ("title", None),
    ("title", "forbidden"),
    ("title", 3),
]


@pytest.mark.parametrize(("name", "value"), ASSIGNED)
@pytest.mark.parametrize("way", ["insert", "save new", "save", "replace", "insert_many", "replace_many"])
async def test_an_assigned_value_that_breaks_a_rule_is_not_written(name: str, value: Any, way: str, raw: Any) -> None:
    document = Kept(title="x") if "new" in way or "insert" in way else await Kept(title="x").insert()
    before = await raw.find().to_list()
    setattr(document, name, value)
    calls: dict[str, Any] = {
        "insert": document.insert,
        "save new": document.save,
        "save": document.save,
        "replace": document.replace,
        "insert_many": lambda: Kept.insert_many([Kept(title="fine"), document]),
        "replace_many": lambda: Kept.replace_many([document]),
    }
    if (name, value, way in ("save", "replace", "replace_many")) == ("title", None, True):
        return  # a stored document may lack what older services left out: null is not written, see below
    with pytest.raises(ValidationFailed) as failure:
        await calls[way]()
    assert failure.value.collection == "Kept"
    assert "many" not in str(failure.value)
    assert await raw.find().to_list() == before


async def test_what_validation_makes_of_an_assigned_value_is_what_is_written(raw: Any) -> None:
    document = await Kept(title="x").insert()
    document.author_id = "507f1f77bcf86cd799439011"
    document.happened = datetime(2024, 1, 1)
    document.address = {"city": "c"}
    await document.save()
    stored = await raw.find_one()
    assert stored["authorId"] == ObjectId("507f1f77bcf86cd799439011")
    assert stored["happened"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert isinstance(document.address, Address)


async def test_saving_what_is_nowhere_inserts_it(raw: Any) -> None:
    fresh = Kept(title="x")
    await fresh.save()
    assert fresh.id is not None
    with_id = Kept(id=ObjectId(), title="y")
    await with_id.save()
    assert await Kept.count() == 2
    assert (await Kept.get(with_id.id)).created_at is not None


async def test_updating_replacing_or_syncing_what_is_nowhere_says_so(raw: Any) -> None:
    for document in (Kept(id=ObjectId(), title="x"),):
        for call in (document.replace, lambda d=document: d.set({"title": "y"}), document.sync):
            with pytest.raises(NotFound):
                await call()
        assert (await document.delete()).deleted_count == 0
    never = Kept(title="x")
    for call in (lambda: never.set({"title": "y"}), never.replace):
        with pytest.raises((NotFound, ValueError)):
            await call()
    assert await raw.count_documents({}) == 0


async def test_update_takes_over_what_the_document_has_become(raw: Any) -> None:
    document = await Kept(title="x", names=["a"]).insert()
    await raw.update_one({}, {"$set": {"stars": 4}})
    assert await document.update({"$set": {"title": "y"}, "$push": {"names": "b"}}) is document
    assert (document.title, document.stars, document.names) == ("y", 4, ["a", "b"])
    await document.inc({Kept.stars: 1})
    assert document.stars == 5
    assert document.updated_at == (await raw.find_one())["updatedAt"]


# What the model does not know


UNKNOWN = {
    "__v": 3,
    "legacyField": {"deep": [1, {"x": None}]},
    "number": Int64(5),
    "money": Decimal128("1.50"),
    "pattern": Regex("^a"),
    "null": None,
}
WAYS: dict[str, Any] = {
    "save": lambda d: d.save(),
    "replace": lambda d: d.replace(),
    "set": lambda d: d.set({"stars": 3}),
    "update": lambda d: d.update({"$set": {"stars": 3}}),
    "replace_many": lambda d: type(d).replace_many([d]),
    "find_one.replace_one": lambda d: type(d).find_one({"_id": d.id}).replace_one(d),
    "delete and restore": lambda d: _there_and_back(d),
    "replace by writer": lambda d: _by_writer(d),
}


async def _there_and_back(document: Any) -> None:
    await document.delete()
    await document.restore()


async def _by_writer(document: Any) -> None:
    async with type(document).bulk_writer() as writer:
        await document.replace(bulk_writer=writer)


@pytest.mark.parametrize("way", WAYS)
async def test_unknown_fields_survive_a_read_modify_write(way: str, raw: Any) -> None:
    await raw.insert_one({"title": "x", "postUrl": "u", **UNKNOWN})
    document = await Kept.find_one()
    document.stars = 3
    await WAYS[way](document)
    stored = await raw.find_one()
    assert {name: stored[name] for name in UNKNOWN} == UNKNOWN
    assert type(stored["number"]) is Int64 or stored["number"] == 5


@pytest.mark.parametrize("way", ["save", "replace", "replace_many", "find_one.replace_one", "replace by writer"])
async def test_unknown_fields_of_nested_documents_survive(way: str, raw: Any) -> None:
    """Mongoose gives every sub-document an `_id`."""
    inner = {"_id": ObjectId(), "city": "c", "extra": 1}
    await raw.insert_one({"title": "x", "address": dict(inner), "addresses": [dict(inner), {"city": "d", "_id": 5}]})
    document = await Kept.find_one()
    document.title = "y"
    await WAYS[way](document)
    stored = await raw.find_one()
    assert stored["title"] == "y"
    assert stored["address"] == {**inner, **stored["address"]}
    assert [each["_id"] for each in stored["addresses"]] == [inner["_id"], 5]


@pytest.mark.parametrize("way", ["save", "replace", "set", "replace_many", "replace by writer"])
async def test_required_fields_that_are_missing_stay_missing(way: str, raw: Any) -> None:
    await raw.insert_one({"postUrl": "u", "createdAt": LONG_AGO})
    document = await Kept.find_one()
    assert document.title is None
    document.stars = 3
    await WAYS[way](document)
    stored = await raw.find_one()
    assert "title" not in stored
    assert stored["stars"] == 3
    assert stored["createdAt"] == LONG_AGO


async def test_old_documents_of_every_kind_survive_a_save(raw: Any) -> None:
    old = [
        {},
        {"title": None, "names": None, "stars": None, "address": None},
        {"title": "x", "stars": 3.0, "__v": 1},
        {"title": "x", "authorId": "507f1f77bcf86cd799439011", "createdAt": "2020-01-02T03:04:05.000Z"},
        {"title": "x", "happened": "2024-05-06T07:08:09Z", "tags": ["unknown"]},
        {"title": "x", "address": {"city": None, "_id": ObjectId()}},
    ]
    await raw.insert_many([dict(each) for each in old])
    before = await raw.find().to_list()
    documents = await Kept.find().sort("_id").to_list()
    assert len(documents) == len(old)
    for document in documents:
        await document.save()
    after = await raw.find().to_list()
    for was, now in zip(before, after, strict=True):
        assert set(was) <= set(now)
        assert now["updatedAt"] > LONG_AGO
        for name, value in was.items():
            if name in ("updatedAt", "stars", "authorId", "createdAt", "happened", "names", "address"):
                continue  # the same value, perhaps as the type it should have had
            assert now[name] == value
    assert after[2]["stars"] == 3
    assert after[3]["authorId"] == ObjectId("507f1f77bcf86cd799439011")
    assert after[3]["createdAt"] == LONG_AGO


async def test_an_old_id_of_text_is_not_written_a_second_time(raw: Any) -> None:
    await raw.insert_one({"_id": "507f1f77bcf86cd799439011", "title": "x"})
    document = await Kept.find_one({"title": "x"})
    assert document is not None
    document.stars = 4
    with contextlib.suppress(DocstoreError):
        await document.save()
    assert await raw.count_documents({}) == 1


async def test_a_save_does_not_bring_back_what_another_deleted(raw: Any) -> None:
    document = await Kept(title="x").insert()
    await raw.update_one({}, {"$set": {"status": "DELETED"}})
    before = await raw.find_one()
    for call in (document.save, document.replace, lambda: document.set({"title": "y"})):
        with pytest.raises(DeletedDocument):
            await call()
    assert await raw.find_one() == before


async def test_a_save_does_not_write_the_marks(raw: Any) -> None:
    document = await Kept(title="x").insert()
    document.is_deleted = True
    document.deleted_at = utc_now()
    with contextlib.suppress(DocstoreError):
        await document.save()
    stored = await raw.find_one()
    assert not stored.get("isDeleted")
    assert stored.get("deletedAt") is None
    assert await Kept.count() == 1


async def test_an_object_that_was_read_deleted_saves_nothing(raw: Any) -> None:
    document = await Kept(title="x").insert()
    await document.delete()
    dead = await Kept.deleted.get(document.id)
    dead.is_deleted, dead.deleted_at = False, None
    for call in (dead.save, dead.replace):
        with pytest.raises(DeletedDocument):
            await call()
    assert await Kept.count() == 0


# Beanie's features


async def test_revisions_notice_a_change_in_between(raw: Any) -> None:
    first = await Versioned(title="x").insert()
    second = await Versioned.get(first.id)
    second.title = "y"
    await second.save()
    first.title = "z"
    for call in (first.save, first.replace, lambda: first.set({"title": "z"})):
        with pytest.raises((StaleDocument, RevisionIdWasChanged)) as stale:
            await call()
        assert isinstance(stale.value, StaleDocument)
    assert (await Versioned.get(first.id)).title == "y"
    await first.save(ignore_revision=True)
    assert (await Versioned.get(first.id)).title == "z"


async def test_state_management_saves_changes_alone(raw: Any, database: Any) -> None:
    document = await Tracked(title="x", deep=Address(city="c")).insert()
    assert not document.is_changed
    await database["Tracked"].update_one({}, {"$set": {"number": 7}})
    document.title = "y"
    assert document.is_changed
    assert "title" in document.get_changes()
    await document.save_changes()
    stored = await database["Tracked"].find_one()
    assert (stored["title"], stored["number"]) == ("y", 7)
    read = await Tracked.get(document.id)
    assert not read.is_changed
    read.title = "z"
    read.rollback()
    assert read.title == "y"


async def test_an_unchanged_old_document_has_no_changes(raw: Any, database: Any) -> None:
    await database["Tracked"].insert_one({"title": "x", "unknown": 1})
    document = await Tracked.find_one()
    assert not document.is_changed
    assert await document.save_changes() is None


async def test_dropped_nulls_are_dropped_and_come_back_as_none(raw: Any, database: Any) -> None:
    document = await Sparse(title="x", maybe="m").insert()
    document.maybe = None
    await document.save()
    stored = await database["Sparse"].find_one()
    assert "maybe" not in stored
    assert (await Sparse.get(document.id)).maybe is None
    await document.delete()
    with pytest.raises(DocstoreError):
        await document.save()
    assert await Sparse.count() == 0


async def test_events_run_once_for_each_write(raw: Any) -> None:
    document = Hooked(title="x")
    for write, expected in (
        (document.insert, 2),
        (lambda: document.set({"title": "y"}), 2),
        (document.replace, 2),
        (document.save, 4),  # Beanie: a save is an update too
    ):
        document._calls.clear()
        await write()
        assert len(document._calls) == expected
        assert document._calls.count("before") == document._calls.count("after")


async def test_projections_and_lazy_parsing(raw: Any) -> None:
    class Short(BaseModel):
        title: str

    await Kept(title="x", stars=4).insert()
    assert [each.title for each in await Kept.find().project(Short).to_list()] == ["x"]
    assert (await Kept.find_one(projection_model=Short)).title == "x"
    [lazy] = await Kept.find(lazy_parse=True).to_list()
    assert (lazy.title, lazy.stars) == ("x", 4)


async def test_children_share_a_guarded_collection(raw: Any, database: Any) -> None:
    await Animal(name="a").insert()
    dog = await Dog(name="d", tricks=1).insert()
    puppy = await Puppy(name="p", weeks=2).insert()
    await database["Animal"].insert_one({"name": "ghost", "_class_id": "Animal.Dog", "isDeleted": True})
    assert await Animal.find(with_children=True).count() == 3
    assert {type(each) for each in await Animal.find(with_children=True).to_list()} == {Animal, Dog, Puppy}
    assert [each.name for each in await Dog.find().to_list()] == ["d"]
    assert [each.name for each in await Dog.find(with_children=True).sort("name").to_list()] == ["d", "p"]
    await dog.delete()
    assert await Dog.find(with_children=True).count() == 1
    assert await Dog.deleted.find().count() == 2
    assert (await Animal.find(with_children=True).delete()).deleted_count == 2
    assert (await Puppy.with_deleted.get(puppy.id)).weeks == 2
    assert await database["Animal"].count_documents({}) == 4


async def test_a_model_made_after_binding_keeps_its_defaults(bind_models: Any, raw: Any, database: Any) -> None:
    class Late(Document):
        title: str = "t"
        number: int = 7

    class LateChild(Kept):
        more: int = 1

    await bind_models(Kept, Late)
    late = await Late().insert()
    assert (late.title, late.number, late.deleted_at, late.is_deleted, late.deleted_by) == ("t", 7, None, False, None)
    assert (await Late.get(late.id)) == late
    await late.delete()
    assert await Late.count() == 0
    child = LateChild(title="x")
    assert (child.stars, child.post_url, child.deleted_at, child.id) == (1, "", None, None)
    assert LateChild.model_fields["stars"].default == 1


async def test_a_child_made_after_binding_is_guarded(raw: Any) -> None:
    class Afterwards(Kept):
        pass

    document = await Kept(title="x").insert()
    await document.delete()
    try:
        assert await Afterwards.find({}).to_list() == []
        assert await Afterwards.get_pymongo_collection().count_documents({}) == 0
    except DocstoreError:
        pass


async def test_binding_a_part_of_the_models_guards_the_rest(bind_models: Any, database: Any, graveyard: Any) -> None:
    guarded = await bind_models(KeptRow)
    yard = await graveyard("Kept")
    assert await guarded["Kept"].count_documents({}) == 2
    await guarded["Kept"].delete_many({})
    joined = await KeptRow.get_pymongo_collection().aggregate([{"$unionWith": "Kept"}])
    assert await joined.to_list() == []
    await yard.assert_untouched()


async def test_rows_of_mechanisms_are_really_deleted(raw: Any, database: Any) -> None:
    row = await KeptRow(name="a").insert()
    assert (row.created_at, row.updated_at) != (None, None)
    await row.delete()
    await KeptRow(name="b").insert()
    await KeptRow.find().delete()
    await KeptRow(name="c").insert()
    await KeptRow.delete_all()
    assert await database["KeptRow"].count_documents({}) == 0
    assert not hasattr(KeptRow, "deleted")


async def test_writers_at_once_all_succeed_or_say_why(raw: Any) -> None:
    document = await Kept(title="x").insert()
    copies = [await Kept.get(document.id) for _ in range(6)]
    await asyncio.gather(*(each.inc({Kept.stars: 0}) for each in copies))
    results = await asyncio.gather(
        *(each.save() for each in copies[:3]), *(each.delete() for each in copies[3:]), return_exceptions=True
    )
    assert all(not isinstance(each, Exception) or isinstance(each, DeletedDocument) for each in results)
    assert await Kept.count() == 0
    assert await raw.count_documents({}) == 1


async def test_reading_in_order_of_time_works_on_stamps(raw: Any) -> None:
    for number in range(3):
        await Kept(title=str(number), created_at=LONG_AGO + timedelta(days=number)).insert()
    found = await Kept.find(Kept.created_at > LONG_AGO).sort(-Kept.created_at).to_list()
    assert [each.title for each in found] == ["2", "1"]
