"""Plain filters, sorts and updates given to a document's query methods."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from beanie import Document as BeanieDocument
from beanie.odm.bulk import BulkWriter
from beanie.operators import In, Inc, Set, Unset
from bson import ObjectId
from pydantic import AliasChoices, ConfigDict, Field

from docstore.documents import Document, Json, PydanticObjectId, SystemDocument, UtcDateTime, trusted
from docstore.errors import UniqueViolation, UnknownField, UnsafeFilter, ValidationFailed

Asked = Any


class Page(Document):
    title: str
    author_id: PydanticObjectId | None = None
    view_count: int = 0
    shown_at: UtcDateTime | None = None
    payload: Json | None = None
    picture: str | None = Field(default=None, alias="picture", validation_alias=AliasChoices("picture", "imageUrl"))


class Row(SystemDocument):
    number: int = 0


class Loose(Document):
    model_config = ConfigDict(extra="allow")

    title: str = ""


class Vehicle(Document):
    wheels: int = 0

    class Settings:
        is_root = True


class Car(Vehicle):
    body: str = ""


MODELS = (Page, Row, Loose, Vehicle, Car)


@pytest_asyncio.fixture
async def asked(listen: Callable[..., Awaitable[Asked]]) -> Asked:
    return await listen(*MODELS)


@pytest.mark.parametrize(
    ("operator", "spelled"),
    [
        ("$ne", "Page.author_id != value"),
        ("$gt", "Page.author_id > value"),
        ("$in", "In(Page.author_id, values)"),
        ("$nin", "NotIn(Page.author_id, values)"),
        ("$regex", "RegEx(Page.author_id, pattern)"),
        ("$exists", "Exists(Page.author_id, True)"),
        ("$unheardOf", "trusted({...})"),
    ],
)
async def test_an_operator_under_a_field_is_refused_with_its_typed_spelling(
    asked: Asked, operator: str, spelled: str
) -> None:
    for key in ("authorId", "author_id", Page.author_id):
        with pytest.raises(UnsafeFilter) as caught:
            Page.find({key: {operator: "s3cret"}})
        assert spelled in str(caught.value)
        assert operator in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert caught.value.field == "authorId"


async def test_every_query_method_judges(asked: Asked) -> None:
    evil = {"title": {"$ne": None}}
    calls: list[Callable[[], Any]] = [
        lambda: Page.find(evil),
        lambda: Page.find_many(evil),
        lambda: Page.find_one(evil),
        lambda: Page.find_all().find(evil),
        lambda: Page.find({"$or": [{"title": "a"}, evil]}),
        lambda: Page.find({"$and": [{"$nor": [evil]}]}),
        lambda: Page.deleted.find(evil),
        lambda: Page.with_deleted.find_one(evil),
        lambda: Page.find({"payload": {"$ne": None}}),
    ]
    for call in calls:
        with pytest.raises(UnsafeFilter):
            call()
    for coroutine in (
        Page.distinct("title", evil),
        Page.deleted.distinct("title", evil),
        Page.deleted.restore(evil),
        Page.deleted.purge(evil, reason="test"),
    ):
        with pytest.raises(UnsafeFilter):
            await coroutine


async def test_trusted_passes_as_written(asked: Asked) -> None:
    await Page(title="a", view_count=3).insert()
    whole = trusted({"viewCount": {"$mod": [3, 0]}, "legacyField": {"$exists": False}})
    assert await Page.find(whole).count() == 1
    assert await Page.find({"viewCount": trusted({"$gt": 2, "$lt": 4}), "title": "a"}).count() == 1
    assert await Page.find({"$or": [trusted({"viewCount": {"$gt": 5}}), {"title": "a"}]}).count() == 1
    assert await Page.find(Page.view_count == trusted({"$gt": 2})).count() == 1
    with pytest.raises(UnsafeFilter, match="script"):
        await Page.find(trusted({"$where": "true"})).to_list()
    with pytest.raises(TypeError, match="int"):
        trusted(3)  # type: ignore[call-overload]  # what is tested


async def test_values_of_plain_filters_become_what_the_field_stores(asked: Asked) -> None:
    id = ObjectId()
    await Page.find({"authorId": str(id), "view_count": "3"}).to_list()
    assert asked.last == {"authorId": id, "viewCount": 3}
    with pytest.raises(ValidationFailed, match=r"Page\.viewCount .* str; what fits is int"):
        Page.find({"viewCount": "many"})
    with pytest.raises(UnsafeFilter, match="twice"):
        Page.find({"authorId": str(id), "author_id": str(id)})


async def test_operators_on_top_are_refused_but_for_logic(asked: Asked) -> None:
    for name in ("$expr", "$text", "$jsonSchema", "$where", "$sampleRate", "$or", "$comment", "$anything"):
        with pytest.raises(UnsafeFilter, match=r"\$"):
            Page.find({name: {"$gt": ["$viewCount", 1]}})
    await Page.find({"$comment": "why", "$or": [{"title": "a"}, {"view_count": 1}]}).to_list()
    assert asked.last == {"$comment": "why", "$or": [{"title": "a"}, {"viewCount": 1}]}


@pytest.mark.parametrize(
    ("wrong", "right"), [("titel", "title"), ("autorId", "authorId"), ("authorid", "authorId"), ("view_cuont", "view")]
)
async def test_an_unknown_field_is_refused_with_the_nearest_one(asked: Asked, wrong: str, right: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: Page.find({wrong: "a"}),
        lambda: Page.find_one({wrong: "a"}),
        lambda: Page.find().sort(wrong),
        lambda: Page.find().sort("-" + wrong),
        lambda: Page.find().sort([(wrong, 1)]),
        lambda: Page.find(sort=wrong),
        lambda: Page.find().update({"$set": {wrong: 1}}),
        lambda: Page.find_one(Page.title == "a").update(Set({wrong: 1})),
        lambda: Page.find().inc({wrong: 1}),
        lambda: Page.find().upsert(Set({wrong: 1}), on_insert=Page(title="b")),
    ]
    for call in calls:
        with pytest.raises(UnknownField, match=right) as caught:
            call()
        assert caught.value.field == wrong
    document = await Page(title="a").insert()
    with pytest.raises(UnknownField, match=right):
        await document.update({"$set": {wrong: 1}})
    with pytest.raises(UnknownField, match=right):
        await Page.distinct(wrong)
    assert isinstance(caught.value, UnsafeFilter)
    assert isinstance(caught.value, ValidationFailed)


async def test_attribute_names_mean_the_stored_fields(asked: Asked) -> None:
    id = PydanticObjectId()
    await Page(title="a", author_id=id).insert()
    await Page(title="b", view_count=2).insert()
    assert [each.title for each in await Page.find({"author_id": id}).to_list()] == ["a"]
    assert [each.title for each in await Page.find().sort("-view_count").to_list()] == ["b", "a"]
    assert [each.title for each in await Page.find().sort([("view_count", 1)], ("_id", 1)).to_list()] == ["a", "b"]
    assert [each.title for each in await Page.find().sort(-Page.view_count).to_list()] == ["b", "a"]
    assert id in await Page.distinct("author_id")
    await Page.find({"title": "a"}).update({"$set": {"view_count": 7}})
    await Page.find_one({"title": "a"}).update(Inc({"view_count": 1}), Unset({Page.author_id: ""}))
    stored = await Page.get_pymongo_collection().find_one({"title": "a"})
    assert stored is not None
    assert stored["viewCount"] == 8
    assert "authorId" not in stored
    assert "view_count" not in stored


async def test_old_spellings_are_known(asked: Asked) -> None:
    await Page.find({"imageUrl": "x"}).to_list()
    assert asked.last == {"imageUrl": "x"}


async def test_a_name_made_by_a_pipeline_can_be_sorted_by(asked: Asked) -> None:
    await Page(title="a", view_count=1).insert()
    await Page(title="b", view_count=2).insert()
    stages = [{"$group": {"_id": "$title", "total": {"$sum": "$viewCount"}}}]
    rows = await Page.find().sort(trusted("-total")).aggregate(stages).to_list()
    assert [row["_id"] for row in rows] == ["b", "a"]


async def test_a_pipeline_update_passes_as_written(asked: Asked) -> None:
    await Page(title="a").insert()
    await Page.find().update([{"$set": {"viewCount": {"$add": ["$viewCount", 5]}}}])
    assert (await Page.find_one()).view_count == 5  # type: ignore[union-attr]  # just inserted


async def test_the_guarded_collection_takes_operators_as_written(asked: Asked) -> None:
    await Page(title="a").insert()
    assert await Page.get_pymongo_collection().count_documents({"title": {"$ne": None}, "odd": None}) == 1


async def test_system_documents_are_judged_too(asked: Asked) -> None:
    with pytest.raises(UnsafeFilter):
        Row.find({"number": {"$gt": 1}})
    with pytest.raises(UnknownField):
        Row.find({"deletedAt": None})


async def test_a_model_that_allows_any_field_is_asked_for_any(asked: Asked) -> None:
    await Loose.find({"whatever": "x"}).to_list()
    assert asked.last == {"whatever": "x"}
    with pytest.raises(UnsafeFilter):
        Loose.find({"whatever": {"$ne": 1}})


async def test_inherited_documents_are_told_apart(asked: Asked) -> None:
    await Vehicle(wheels=2).insert()
    await Car(wheels=4, body="x").insert()
    assert [each.wheels for each in await Vehicle.find(Vehicle.wheels > 1).to_list()] == [2]
    assert len(await Vehicle.find(with_children=True).to_list()) == 2
    assert len(await Vehicle.find(Car.body == "x", with_children=True).to_list()) == 1
    assert len(await Car.find({"body": "x"}).to_list()) == 1
    with pytest.raises(UnsafeFilter):
        Vehicle.find({"_class_id": {"$ne": ""}})


async def test_strict_filters_can_be_switched_off_for_a_store(listen: Callable[..., Awaitable[Asked]]) -> None:
    asked = await listen(*MODELS, strict_filters=False)
    await Page.find({"title": {"$ne": None}, "unheard_of": 1}).sort("anything").to_list()
    assert asked.last == {"title": {"$ne": None}, "unheard_of": 1}
    await Page.find().update({"$set": {"unheardOf": 1}})
    with pytest.raises(UnsafeFilter):
        Page.find(Page.title == {"$ne": None})


async def test_the_ways_of_beanie_keep_working(asked: Asked) -> None:
    page = await Page(title="a").insert()
    assert page.id is not None
    assert (await Page.get(page.id)) is not None
    assert await Page.find_one({"_id": page.id}) is not None
    page.title = "b"
    await page.save()
    await page.replace()
    await page.set({Page.title: "c"})
    await page.inc({Page.view_count: 2})
    await page.sync()
    assert (page.title, page.view_count) == ("c", 2)
    async with BulkWriter() as writer:
        await Page.find_one(Page.title == "c").update(Set({Page.title: "d"}), bulk_writer=writer)
    assert await Page.find(Page.title == "d").exists()
    await Page.find_one(Page.title == "d").replace_one(Page(title="e"))
    assert await Page.find(Page.title == "e").count() == 1
    assert isinstance(page, BeanieDocument)
    await Page.find(Page.title == "e").delete()
    assert await Page.count() == 0
    assert await Page.deleted.count() == 1


async def test_query_level_writes_tell_the_drivers_errors_in_docstores_words(asked: Asked) -> None:
    collection = Page.get_pymongo_collection()
    await collection.create_index("title", unique=True, name="uq_title")
    await Page(title="a").insert()
    await Page(title="b").insert()
    with pytest.raises(UniqueViolation, match="title"):
        await Page.find(Page.title == "b").update(Set({Page.title: "a"}))
    with pytest.raises(UniqueViolation, match="title"):
        await Page.find_one(Page.title == "b").update(Set({Page.title: "a"}))


async def test_totals_take_names_as_the_model_has_them(asked: Asked) -> None:
    await Page.insert_many([Page(title="a", view_count=1), Page(title="b", view_count=3)])
    for name in ("view_count", "viewCount", Page.view_count):
        query = Page.find(In(Page.title, ["a", "b"]))
        assert (await query.sum(name), await query.avg(name), await query.max(name), await query.min(name)) == (
            4,
            2,
            3,
            1,
        )
    with pytest.raises(UnknownField, match="view_count"):
        await Page.find().sum("view_cuont")
    assert await Page.find(Page.title == "nobody").sum("view_count") is None
