"""Indexes as models declare them, and what a server makes of them."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

import pytest
from beanie import Indexed
from bson import ObjectId
from pydantic import BaseModel, Field
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from docstore.documents import (
    Document,
    OnDelete,
    PydanticObjectId,
    Ref,
    SystemDocument,
    UtcDateTime,
    declared_indexes,
    index,
    references_of,
    unique,
)
from docstore.documents.guard import LIVING
from docstore.errors import SettingsError


class Author(Document):
    email: str = ""
    indexes = (unique("email"), unique("clerk_id", when_set=("clerk_id",)), unique("team_id", when_set=("team_id",)))
    clerk_id: str | None = None
    team_id: PydanticObjectId | None = None


class Book(Document):
    author_id: Annotated[PydanticObjectId, Ref("Author", on_delete=OnDelete.CASCADE)]
    editor_id: Annotated[PydanticObjectId | None, Ref("Author")] = None
    title: str = ""
    number: int = 0
    indexes: ClassVar[Any] = (
        index("author_id", "-created_at", serves="an author's books, newest first"),
        index("title", serves="by title"),
        unique("title", "number", where={"kind": "novel"}),
    )


class Lease(SystemDocument):
    name: str = ""
    indexes = (unique("name"), index("created_at", serves="ends a lease", expire_after=60))


class Wrong(Document):
    indexes = (index("nothing", serves="nothing"),)


def _models(model: Any) -> dict[str, dict[str, Any]]:
    return {
        made.document["name"]: made.document
        for made in (each.to_index_model(model) for each in declared_indexes(model))
    }


def test_names_say_the_stored_fields() -> None:
    assert {name for name in _models(Book) if name.startswith("ix_")} == {
        *("ix_authorId_createdAt_desc", "ix_title", "ix_editorId"),
    }
    assert dict(_models(Book)["ix_authorId_createdAt_desc"]["key"]) == {"authorId": 1, "createdAt": -1}


def test_every_reference_is_indexed_once() -> None:
    leading = [next(iter(each["key"])) for each in _models(Book).values()]
    assert leading.count("authorId") == 1
    assert leading.count("editorId") == 1
    assert {each.field for each in references_of(Book)} == {"authorId", "editorId"}
    assert [each.on_delete for each in references_of(Book)] == [OnDelete.CASCADE, OnDelete.RESTRICT]


def test_an_index_on_nothing_is_refused() -> None:
    with pytest.raises(SettingsError) as refusal:
        _models(Wrong)
    assert "nothing" in str(refusal.value)


def test_a_partial_filter_holds_nothing_that_mongodb_refuses() -> None:
    for model in (Author, Book, Lease):
        for made in _models(model).values():
            assert not {"$exists", "$ne", "$not", "$nin", "$regex"} & _operators(
                made.get("partialFilterExpression", {})
            )


def _operators(value: Any) -> set[str]:
    if not isinstance(value, dict):
        return set()
    return {key for key in value if key.startswith("$")}.union(*(_operators(each) for each in value.values()))


def test_an_expiring_index_says_its_seconds() -> None:
    assert [each["expireAfterSeconds"] for each in _models(Lease).values() if "expireAfterSeconds" in each] == [60]


async def test_a_server_makes_them_and_they_hold_among_the_living(bind_models: Any, database: Any) -> None:
    await bind_models(Author, Book, Lease)
    raw = database["Author"]
    await raw.insert_many([{"email": "a"}, {"email": "a", "isDeleted": True}, {"email": "a", "deletedAt": 5}])
    for twin in ({"email": "a"}, {"email": "a", "deletedAt": None}, {"email": "a", "isDeleted": False}):
        with pytest.raises(DuplicateKeyError):
            await raw.insert_one(twin)
    await raw.insert_many([{"email": "b", "clerkId": None}, {"email": "c"}, {"email": "d", "clerkId": ""}])
    await raw.insert_one({"email": "e", "clerkId": "k"})
    with pytest.raises(DuplicateKeyError):
        await raw.insert_one({"email": "f", "clerkId": "k"})
    books = database["Book"]
    await books.insert_many(
        [{"title": "t", "number": 1, "kind": "novel"}, {"title": "t", "number": 1, "kind": "essay"}]
    )
    with pytest.raises(DuplicateKeyError):
        await books.insert_one({"title": "t", "number": 1, "kind": "novel"})


def test_what_every_query_asks_proves_the_partial_filter() -> None:
    """MongoDB uses a partial index when the query holds the filter's clauses as they stand: the guard's own do."""
    for made in _models(Author).values():
        partial = made.get("partialFilterExpression", {})
        for name in set(partial) & set(LIVING):
            assert partial[name] == LIVING[name]
        if made.get("unique"):
            assert {"deletedAt", "isDeleted"} <= set(partial)


class Place(BaseModel):
    street_name: str = Field(default="", alias="streetName")


class Shop(Document):
    title: Annotated[str, Indexed(unique=True)] = ""
    place: Place = Place()
    spot: dict[str, Any] = Field(default_factory=dict)
    owner_id: Annotated[PydanticObjectId | None, Ref("Author")] = None
    rank: int | None = None
    opened: UtcDateTime | None = None
    indexes: ClassVar[Any] = (
        index("place.street_name", serves="shops of a street"),
        index("title:text", serves="search", weights={"title": 3}),
        index("spot:2dsphere", "-rank", serves="near by"),
        index("owner_id:hashed", serves="a shard key"),
        index("spot.$**", serves="any field of a spot", hidden=True),
        index("title", serves="by title in any case", collation={"locale": "en", "strength": 2}),
        IndexModel([("byHand", -1)], sparse=True),
        unique("rank", when_set=["rank"]),
        unique("opened", when_set=["opened"]),
    )

    class Settings:
        indexes: ClassVar[Any] = ["beanies", [("a", 1), ("b", -1)]]


class WrongKind(Document):
    title: str = ""
    indexes = (index("title:texts", serves="nothing"),)


def test_further_kinds_and_options_are_mongodbs_own() -> None:
    made = _models(Shop)

    assert dict(made["ix_place.streetName"]["key"]) == {"place.streetName": 1}
    assert dict(made["ix_title_text"]["key"]) == {"title": "text"}
    assert made["ix_title_text"]["weights"] == {"title": 3}
    assert dict(made["ix_spot_2dsphere_rank_desc"]["key"]) == {"spot": "2dsphere", "rank": -1}
    assert dict(made["ix_spot.all"]["key"]) == {"spot.$**": 1}
    assert made["ix_spot.all"]["hidden"] is True
    assert made["ix_title"]["collation"] == {"locale": "en", "strength": 2}


def test_a_hashed_index_serves_a_reference() -> None:
    assert "ix_ownerId" not in _models(Shop)


def test_pymongos_and_beanies_declarations_count() -> None:
    made = _models(Shop)

    assert made["byHand_-1"]["sparse"] is True
    assert made["title_1"]["unique"] is True
    assert dict(made["beanies_1"]["key"]) == {"beanies": 1}
    assert dict(made["a_1_b_-1"]["key"]) == {"a": 1, "b": -1}
    given = {each.attributes: each for each in declared_indexes(Shop) if not each.serves}
    assert given.keys() == {("-byHand",), ("title",), ("beanies",), ("a", "-b")}


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="texts"):
        _models(WrongKind)


async def test_a_value_of_any_type_is_unique_when_set(bind_models: Any, database: Any) -> None:
    class Berth(Document):
        number: int | None = None
        free: bool | None = None
        owner_id: PydanticObjectId | None = None
        since: UtcDateTime | None = None
        indexes: ClassVar[Any] = tuple(
            unique(name, when_set=[name]) for name in ("number", "free", "owner_id", "since")
        )

    await bind_models(Berth)
    raw = database["Berth"]
    await raw.insert_many([{}, {"number": None}, {"free": None, "ownerId": None, "since": None}])
    owner = ObjectId()
    for twin in ({"number": -5}, {"free": False}, {"ownerId": owner}, {"since": datetime(1950, 1, 1, tzinfo=UTC)}):
        await raw.insert_one(dict(twin))
        with pytest.raises(DuplicateKeyError):
            await raw.insert_one(dict(twin))
