"""What a code base that comes over from Beanie expects: names, errors, indexes, objects that stay the caller's."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

import pytest
from beanie import BackLink, Indexed, Link, View
from beanie.exceptions import CollectionWasNotInitialized, DocumentNotFound, RevisionIdWasChanged
from beanie.operators import In, Set
from bson import DBRef
from pydantic import BaseModel, Field, PrivateAttr
from pydantic_core import core_schema
from pymongo import DESCENDING, IndexModel
from pymongo.errors import BulkWriteError, DuplicateKeyError

from docstore import Document
from docstore.documents import PydanticObjectId, declared_indexes
from docstore.documents.from_beanie import Document as DeclaredNames
from docstore.documents.from_beanie import init_beanie
from docstore.errors import DeletedDocument, NotBound, NotFound, StaleDocument, UniqueViolation, UnknownField


class Line(BaseModel):
    unit_price: int = 0
    _seen: int = PrivateAttr(default=0)


class Purchase(Document):
    shop_name: str = ""
    item_count: int = 0
    lines: list[Line] = Field(default_factory=list)


class Labelled(Document):
    serial_number: Annotated[str, Indexed(unique=True)]
    shelf_mark: Annotated[str | None, Indexed(unique=True, sparse=True)] = None
    room_number: int = 0

    class Settings:
        indexes: ClassVar = ["room_number", [("serial_number", DESCENDING), ("shelf_mark", 1)]]


class Base(Document):
    first_key: int = 0
    second_key: int = 0

    class Settings:
        indexes: ClassVar = ["first_key", IndexModel([("second_key", 1)], name="second")]


class Merged(Base):
    class Settings:
        merge_indexes = True
        indexes: ClassVar = [IndexModel([("second_key", DESCENDING)], name="second")]


class Revised(Document):
    title: str = ""

    class Settings:
        use_revision = True


class Colour(StrEnum):
    RED = "red"


class Declared(DeclaredNames):
    shop_name: str = ""
    colour: Colour = Colour.RED
    odd_one: str = Field("", alias="oddOne")


class DearOnes(View):
    shop_name: str

    class Settings:
        name = "dear_ones"
        source = Declared
        pipeline: ClassVar = [{"$match": {"shop_name": "dear"}}, {"$project": {"shop_name": 1}}]


class Nowhere(Document):
    title: str = ""


@pytest.fixture
async def lenient(bind_models: Any, database: Any) -> Any:
    """The raw database, with models bound as for code on its way from Beanie."""
    await bind_models(Purchase, Labelled, Revised, strict_filters=False)
    return database


async def test_attributes_in_plain_filters_are_stored_names_when_lenient_too(lenient: Any) -> None:
    await Purchase(shop_name="a", item_count=1, lines=[Line(unit_price=5)]).insert()
    await Purchase(shop_name="b").insert()
    for given in (
        {"shop_name": "a"},
        {"shopName": "a"},
        {"$or": [{"shop_name": "a"}, {"shop_name": "c"}]},
        {"item_count": {"$gt": 0}},
        {"lines.unit_price": 5},
        {"$and": [{"$nor": [{"shop_name": "b"}]}]},
    ):
        assert [each.shop_name for each in await Purchase.find(given).to_list()] == ["a"], given
    both = {"shop_name": "a", "shopName": "b"}
    assert Purchase.find(both).get_filter_query() == both  # two conditions on one field: left as written
    assert await Purchase.find({"nobody.knows": 1}).to_list() == []


@pytest.mark.parametrize("update", [{"$set": {"shop_name": "new"}}, Set({"shop_name": "new"})])
async def test_attributes_in_updates_are_stored_names_when_lenient_too(lenient: Any, update: Any) -> None:
    document = await Purchase(shop_name="a", lines=[Line(unit_price=5)]).insert()
    await Purchase.find(Purchase.shop_name == "a").update(update)
    await document.update({"$inc": {"item_count": 2, "lines.0.unit_price": 1}, "$set": {"item_colour.x": 1}})
    stored = await lenient["Purchase"].find_one({"_id": document.id})
    assert (stored["shopName"], stored["itemCount"], stored["lines"]) == ("new", 2, [{"unit_price": 6}])
    assert "shop_name" not in stored
    assert "item_count" not in stored
    assert stored["item_colour"] == {"x": 1}


async def test_a_whole_dump_is_an_update(lenient: Any) -> None:
    document = await Purchase(shop_name="a").insert()
    await document.update({"$set": document.model_dump() | {"shop_name": "b"}})
    assert document.shop_name == "b"
    assert (await lenient["Purchase"].find_one({}))["shopName"] == "b"


async def test_a_positional_update_reaches_its_element_where_changes_are_audited(lenient: Any) -> None:
    document = await Purchase(lines=[Line(unit_price=1), Line(unit_price=2)]).insert()
    found = Purchase.find_one({"_id": document.id, "lines.unit_price": 2})
    await found.update({"$set": {"lines.$.unit_price": 7}})
    again = await Purchase.get(document.id)
    assert again is not None
    assert [line.unit_price for line in again.lines] == [1, 7]


async def test_nested_objects_stay_the_callers_on_a_save(lenient: Any) -> None:
    document = await Purchase(lines=[Line(unit_price=1)]).insert()
    line = document.lines[0]
    line._seen = 3
    document.shop_name = "new"
    await document.save()
    assert document.lines[0] is line
    document.item_count = "7"  # type: ignore[assignment]  # what validation converts is taken over
    await document.save()
    assert document.item_count == 7
    assert document.lines[0]._seen == 3


async def test_errors_are_caught_by_beanies_and_pymongos_names(lenient: Any) -> None:
    first = await Labelled(serial_number="a").insert()
    with pytest.raises(DuplicateKeyError) as taken:
        await Labelled(serial_number="a").insert()
    assert isinstance(taken.value, UniqueViolation)
    assert taken.value.code == "unique"
    assert taken.value.details["keyPattern"] == {"serialNumber": 1}
    assert not taken.value.has_error_label("TransientTransactionError")
    with pytest.raises(BulkWriteError) as several:
        await Labelled.insert_many([Labelled(serial_number="b"), Labelled(serial_number="a")])
    assert isinstance(several.value, UniqueViolation)
    assert several.value.details["writeErrors"][0]["code"] == 11000
    with pytest.raises(DocumentNotFound) as missing:
        await Labelled(id=PydanticObjectId(), serial_number="c").replace()
    assert isinstance(missing.value, NotFound)
    again = first.model_copy()
    await first.delete()
    with pytest.raises(DocumentNotFound) as deleted:
        await again.replace()
    assert isinstance(deleted.value, DeletedDocument)
    with pytest.raises(TypeError):
        await Labelled.find_all().delete(nonsense=1)
    with pytest.raises(CollectionWasNotInitialized) as nowhere:
        await Nowhere.find_all().to_list()
    assert isinstance(nowhere.value, NotBound)


@pytest.mark.parametrize("wrong", ["no uuid", uuid4()])
@pytest.mark.parametrize("write", ["save", "replace"])
async def test_a_wrong_revision_is_stale_whatever_it_is(lenient: Any, wrong: Any, write: str) -> None:
    document = await Revised(title="a").insert()
    document.revision_id, document.title = wrong, "b"
    with pytest.raises(RevisionIdWasChanged) as stale:
        await getattr(document, write)()
    assert isinstance(stale.value, StaleDocument)
    await getattr(document, write)(ignore_revision=True)
    document.title = "c"
    await getattr(document, write)()


async def test_beanies_unique_index_is_of_the_living(lenient: Any) -> None:
    document = await Labelled(serial_number="a", shelf_mark="x").insert()
    await document.delete()
    await Labelled(serial_number="a", shelf_mark="x").insert()
    with pytest.raises(UniqueViolation):
        await Labelled(serial_number="b", shelf_mark="x").insert()


def test_beanies_indexes_are_on_stored_fields() -> None:
    declared = [each.to_index_model(Labelled).document for each in declared_indexes(Labelled)]
    assert [(each["name"], dict(each["key"])) for each in declared] == [
        ("serialNumber_1", {"serialNumber": 1}),
        ("shelfMark_1", {"shelfMark": 1}),
        ("roomNumber_1", {"roomNumber": 1}),
        ("serialNumber_-1_shelfMark_1", {"serialNumber": -1, "shelfMark": 1}),
    ]
    assert declared[1]["partialFilterExpression"]["shelfMark"] == {"$exists": True}
    assert "sparse" not in declared[1]


def test_indexes_of_parents_are_merged_when_asked() -> None:
    keys = [dict(each.to_index_model(Merged).document["key"]) for each in declared_indexes(Merged)]
    assert keys == [{"firstKey": 1}, {"secondKey": -1}]


async def test_init_beanie_binds_builds_and_drops_indexes(database: Any) -> None:
    guarded = await init_beanie(database, document_models=[Declared, f"{__name__}.Merged"])
    assert guarded.name == database.name
    assert set(await database["Merged"].index_information()) == {"_id_", "firstKey_1", "second"}
    await database["Merged"].create_index("left_over")
    await init_beanie(database, document_models=[Merged])
    assert "left_over_1" in await database["Merged"].index_information()
    await init_beanie(database, document_models=[Merged], allow_index_dropping=True)
    assert set(await database["Merged"].index_information()) == {"_id_", "firstKey_1", "second"}


async def test_init_beanie_takes_the_filters_mode(database: Any) -> None:
    await init_beanie(database, document_models=[Purchase], skip_indexes=True)
    with pytest.raises(UnknownField):
        Purchase.find({"shop": "a"})
    await init_beanie(database, document_models=[Purchase], skip_indexes=True, strict_filters=False)
    assert Purchase.find({"shop": "a"}).get_filter_query() == {"shop": "a"}


@pytest.mark.parametrize("wrong", [{"document_models": [Purchase]}, {"connection_string": "mongodb://nowhere/x"}])
async def test_init_beanie_says_what_is_missing(wrong: Any) -> None:
    with pytest.raises(ValueError, match="must be set"):
        await init_beanie(**wrong)


@pytest.mark.parametrize(("path", "error"), [("nodots", ValueError), ("docstore.Nothing", AttributeError)])
async def test_init_beanie_names_a_class_that_is_not_there(database: Any, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await init_beanie(database, document_models=[path])


async def test_declared_names_are_the_stored_ones_and_views_are_renewed(database: Any) -> None:
    await init_beanie(database, document_models=[Declared, DearOnes], recreate_views=True)
    document = await Declared(shop_name="dear", oddOne="x").insert()
    stored = await database["Declared"].find_one({})
    assert (stored["shop_name"], stored["colour"], stored["oddOne"]) == ("dear", "red", "x")
    assert (stored["createdAt"], stored["isDeleted"]) == (document.created_at, False)
    assert Declared.find(Declared.shop_name == "dear").get_filter_query() == {"shop_name": "dear"}
    await init_beanie(database, document_models=[Declared, DearOnes], recreate_views=True)
    assert [each.shop_name for each in await DearOnes.find_all().to_list()] == ["dear"]
    await document.delete()
    assert await DearOnes.find_all().to_list() == []
    await document.restore()
    assert await Declared.find_one(Declared.colour == Colour.RED) == document


class Tint:
    """A class of the application's own, which only the model's encoder can store."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls(str(value))
        )


class Tinted(Document):
    tint: Tint

    class Settings:
        bson_encoders: ClassVar = {Tint: lambda tint: tint.name}


@pytest.mark.parametrize("strict", [True, False])
async def test_filters_take_values_that_the_models_encoders_store(bind_models: Any, strict: bool) -> None:
    await bind_models(Tinted, strict_filters=strict)
    document = await Tinted(tint=Tint("teal")).insert()
    for given in (Tinted.tint == Tint("teal"), Tinted.tint == "teal", {"tint": Tint("teal")}):
        found = await Tinted.find_one(given)
        assert found is not None
        assert (found.id, found.tint.name) == (document.id, "teal")
    assert await Tinted.find(In(Tinted.tint, [Tint("red")])).to_list() == []
    await Tinted.find(Tinted.tint == "teal").update(Set({Tinted.tint: Tint("red")}))
    assert await Tinted.find(In(Tinted.tint, [Tint("red")])).count() == 1


class Shelf(Document):
    room_name: str = ""
    back_link: BackLink["Volume"] = Field(json_schema_extra={"original_field": "main_shelf"})


class Volume(Document):
    main_shelf: Link[Shelf]
    other_shelves: list[Link[Shelf]] | None = None
    near: Link["Shelf"] | None = Field(None, alias="nearBy")


async def test_links_are_stored_under_their_attributes_names(bind_models: Any, database: Any) -> None:
    await bind_models(Shelf, Volume)
    shelf = await Shelf(room_name="hall").insert()
    volume = await Volume(main_shelf=shelf, other_shelves=[shelf]).insert()
    reference = DBRef("Shelf", shelf.id)
    stored = await database["Volume"].find_one({})
    assert (stored["main_shelf"], stored["other_shelves"], stored["nearBy"]) == (reference, [reference], None)
    found = await Volume.find_one(Volume.id == volume.id)
    assert found is not None
    await found.fetch_all_links()
    assert isinstance(found.main_shelf, Shelf)
    assert found.main_shelf.room_name == "hall"
    assert Volume.find(Volume.main_shelf.id == shelf.id).get_filter_query() == {"main_shelf.$id": shelf.id}
    assert "back_link" not in await database["Shelf"].find_one({})
    await shelf.save()


class Numbered(Document):
    id: UUID = Field(default_factory=uuid4)  # type: ignore[assignment]  # Beanie allows ids of any type
    parent: UUID | None = None


async def test_ids_may_be_uuids_whatever_the_client_says(bind_models: Any) -> None:
    await bind_models(Numbered)
    first = await Numbered().insert()
    second = await Numbered(parent=first.id).insert()
    assert await Numbered.get(first.id) == first
    assert await Numbered.get_many([second.id, str(first.id)]) == [second, first]
    assert await Numbered.find(Numbered.parent == first.id).to_list() == [second]
    first.parent = second.id
    await first.save()
    await second.delete()
    await second.restore()
    assert [each.parent for each in await Numbered.find_all().to_list()] == [second.id, first.id]


async def test_inspection_is_strict_where_loading_is_lenient(lenient: Any) -> None:
    await lenient["Labelled"].insert_one({"roomNumber": 1})
    [loaded] = await Labelled.find_all().to_list()
    assert loaded.serial_number is None
    result = await Labelled.inspect_collection()
    assert (result.status, [each.document_id for each in result.errors]) == ("FAIL", [loaded.id])
    assert "serialNumber" in result.errors[0].error


async def test_a_database_of_many_collections_is_bound(database: Any, bind_models: Any) -> None:
    for number in range(110):  # more than the server tells in one answer
        await database.create_collection(f"c{number}")
    guarded = await bind_models(Purchase)
    assert len(await guarded.list_collection_names()) > 110
    assert len([each async for each in await guarded.list_collections()]) > 110
