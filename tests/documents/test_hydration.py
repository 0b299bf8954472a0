"""Stored documents as instances: pydantic's values where a document is valid, and mercy where it is old."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from bson import Decimal128, Int64, ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Field, ValidationError, field_validator

from docstore.documents import (
    Document,
    Email,
    Json,
    NonEmpty,
    PydanticObjectId,
    Slug,
    StrList,
    TokenHash,
    UtcDateTime,
)
from docstore.documents.hydration import hydrate


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class Place(BaseModel):
    city: str
    zip_code: str | None = None
    rank: int = 0


class Legacy(Document):
    title: str
    slug: Slug
    colour: Colour = Colour.RED
    place: Place | None = None
    places: list[Place] = Field(default_factory=list)
    author_id: PydanticObjectId | None = None
    stars: int = Field(default=1, ge=1, le=5)
    ratio: float = 0.0
    names: StrList = Field(default_factory=list)
    email: Email | None = None
    happened: UtcDateTime | None = None
    flags: dict[str, bool] = Field(default_factory=dict)
    extra: Json = None
    nick: NonEmpty | None = None
    canonical: str | None = Field(
        default=None, alias="metaCanonical", validation_alias=AliasChoices("metaCanonical", "canonicalUrl")
    )
    renamed: int = Field(default=3, alias="renamed", validation_alias=AliasChoices("renamed", "formerly"))


class WithToken(Document):
    token: TokenHash
    slug: Slug = "a"
    text: NonEmpty = "x"

    def check_rules(self) -> None:
        if self.slug == "forbidden":
            raise ValueError("no")


class TextKeyed(Document):
    id: str  # type: ignore[assignment]
    token: TokenHash
    slug: Slug = "a"


class JustToken(BaseModel):
    token: TokenHash


class Upper(BaseModel):
    word: str

    @field_validator("word")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()


slugs = st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,4}){0,2}", fullmatch=True)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)
words = st.text(min_size=1, max_size=8)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(words, inner, max_size=2)),
    max_leaves=4,
)
places = st.fixed_dictionaries({"city": words}, optional={"zip_code": st.none() | words, "rank": st.integers(-9, 9)})
valid = st.fixed_dictionaries(
    {"_id": st.binary(min_size=12, max_size=12).map(ObjectId), "title": words, "slug": slugs},
    optional={
        "colour": st.sampled_from(["RED", "BLUE"]),
        "place": st.none() | places,
        "places": st.lists(places, max_size=2),
        "authorId": st.none() | st.binary(min_size=12, max_size=12).map(ObjectId),
        "stars": st.integers(1, 5),
        "ratio": st.floats(-10, 10),
        "names": st.lists(words, max_size=3),
        "email": st.none() | st.sampled_from(["ada@example.com", "b.c@example.org"]),
        "happened": st.none() | moments,
        "flags": st.dictionaries(words, st.booleans(), max_size=2),
        "extra": json_values,
        "nick": st.none() | words,
        "metaCanonical": st.none() | words,
        "canonicalUrl": words,
        "createdAt": moments,
        "updatedAt": moments,
        "deletedAt": st.none() | moments,
        "isDeleted": st.booleans(),
        "deletedBy": st.none() | words,
        "__v": st.integers(0, 3),
        "unknown": json_values,
    },
)


@settings(max_examples=150, deadline=None)
@given(valid)
def test_a_valid_document_has_pydantics_own_values(stored: dict[str, Any]) -> None:
    ours = hydrate(Legacy, stored)
    pydantics = Legacy.__pydantic_validator__.validate_python(stored)
    assert ours.__dict__ == pydantics.__dict__
    assert {name: type(value) for name, value in ours.__dict__.items()} == {
        name: type(value) for name, value in pydantics.__dict__.items()
    }
    assert ours.__pydantic_fields_set__ == pydantics.__pydantic_fields_set__
    assert Legacy.model_validate(stored).__dict__ == pydantics.__dict__


@settings(max_examples=150, deadline=None)
@given(valid, st.data())
def test_a_document_with_holes_loads(stored: dict[str, Any], data: Any) -> None:
    """Any field may be null or missing; the rest has the values it would have had."""
    names = sorted(set(stored) - {"_id"})
    holes = data.draw(st.sets(st.sampled_from(names)))
    missing = data.draw(st.sets(st.sampled_from(names)))
    damaged = {k: (None if k in holes else v) for k, v in stored.items() if k not in missing}
    loaded = hydrate(Legacy, damaged)
    whole = hydrate(Legacy, stored)
    for name, info in Legacy.model_fields.items():
        stored_name = info.alias or name
        if stored_name in damaged and damaged[stored_name] is not None:
            assert getattr(loaded, name) == getattr(whole, name)
    assert loaded.id == stored["_id"]


OLD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"title": None, "slug": None, "stars": 1, "colour": Colour.RED}),
    ({"title": None, "slug": None}, {"title": None, "slug": None}),
    ({"stars": None, "colour": None, "names": None}, {"stars": 1, "colour": Colour.RED, "names": []}),
    ({"places": None, "flags": None}, {"places": [], "flags": {}}),
    ({"isDeleted": None, "deletedAt": None}, {"is_deleted": False, "deleted_at": None}),
    ({"stars": 4.0}, {"stars": 4}),
    ({"stars": Int64(4)}, {"stars": 4}),
    ({"ratio": 3}, {"ratio": 3.0}),
    ({"ratio": "2.5"}, {"ratio": 2.5}),
    ({"authorId": "507f1f77bcf86cd799439011"}, {"author_id": ObjectId("507f1f77bcf86cd799439011")}),
    ({"happened": "2024-05-06T07:08:09Z"}, {"happened": datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)}),
    ({"happened": "2024-05-06T07:08:09.123+02:00"}, {"happened": datetime(2024, 5, 6, 5, 8, 9, 123000, tzinfo=UTC)}),
    ({"happened": datetime(2024, 5, 6)}, {"happened": datetime(2024, 5, 6, tzinfo=UTC)}),
    ({"createdAt": "2024-05-06T07:08:09.123Z"}, {"created_at": datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)}),
    ({"canonicalUrl": "old"}, {"canonical": "old"}),
    ({"canonicalUrl": "old", "metaCanonical": "new"}, {"canonical": "new"}),
    ({"canonicalUrl": None}, {"canonical": None}),
    ({"formerly": 8}, {"renamed": 8}),
    ({"formerly": None}, {"renamed": 3}),
    ({"formerly": None, "renamed": 4}, {"renamed": 4}),
    ({"slug": "Not A Slug!"}, {"slug": "Not A Slug!"}),
    ({"email": "not an address"}, {"email": "not an address"}),
    ({"place": {}}, {"place": Place.model_construct(city=None)}),
    ({"place": {"city": None, "rank": None}}, {"place": Place.model_construct(city=None)}),
    (
        {"places": [{"city": "a"}, {"city": None}, {"rank": 2}]},
        {"places": [Place(city="a"), Place.model_construct(city=None), Place.model_construct(city=None, rank=2)]},
    ),
    ({"__v": 3, "anything": {"x": [1]}}, {}),
]


@pytest.mark.parametrize(("stored", "expected"), OLD, ids=lambda value: repr(value)[:60])
def test_what_older_services_wrote_loads(stored: dict[str, Any], expected: dict[str, Any]) -> None:
    loaded = hydrate(Legacy, {"_id": ObjectId(), **stored})
    for name, value in expected.items():
        found = getattr(loaded, name)
        assert found == value or (isinstance(value, Place) and found.__dict__ == value.__dict__), name


@pytest.mark.parametrize(
    ("stored", "field"),
    [
        ({"stars": "many"}, "stars"),
        ({"stars": 4.5}, "stars"),
        ({"stars": [4]}, "stars"),
        ({"authorId": "no id"}, "authorId"),
        ({"places": "none"}, "places"),
        ({"place": [1]}, "place"),
        ({"happened": "yesterday"}, "happened"),
        ({"title": None, "stars": "many"}, "stars"),
        ({"colour": "GREEN"}, "colour"),
    ],
)
def test_what_does_not_fit_is_pydantics_error(stored: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as failure:
        hydrate(Legacy, {"_id": ObjectId(), "title": "x", "slug": "x", **stored})
    assert {each["loc"][0] for each in failure.value.errors()} == {field}
    assert "many" not in str(failure.value)


def test_the_stored_mapping_is_left_as_it_was() -> None:
    stored: dict[str, Any] = {"_id": ObjectId(), "title": None, "place": {"city": None}, "places": [{"city": None}]}
    before = repr(stored)
    hydrate(Legacy, stored)
    assert repr(stored) == before


# What a person gives is judged; what the database gives is not.


def test_a_request_is_judged() -> None:
    for given_ in (
        {"title": "x", "slug": "Not A Slug"},
        {"title": "x", "slug": "x", "email": "no address"},
        {"slug": "x"},
        {"title": None, "slug": "x"},
        {"_id": "507f1f77bcf86cd799439011", "slug": "x"},
        {"id": "507f1f77bcf86cd799439011"},
    ):
        with pytest.raises(ValidationError):
            Legacy.model_validate(given_)
        with pytest.raises(ValidationError):
            Legacy(**given_)


def test_a_request_may_use_attributes_or_stored_names() -> None:
    by_attribute = Legacy(title="x", slug="x", author_id=ObjectId("0" * 24))
    by_name = Legacy(title="x", slug="x", authorId=ObjectId("0" * 24))
    assert by_attribute.__dict__ == by_name.__dict__


async def test_a_token_rests_as_its_hash_and_is_read_as_it_rests(bind_models: Any, database: Any) -> None:
    await bind_models(WithToken)
    document = await WithToken(token="secret").insert()
    expected = TokenHash.of("secret")
    assert document.token == expected
    for found in (
        await WithToken.get(document.id),
        await WithToken.find_one({"token": TokenHash.of("secret")}),
        (await WithToken.find().to_list())[0],
        (await WithToken.aggregate([], projection_model=WithToken).to_list())[0],
    ):
        assert found is not None
        assert found.token == expected
        await found.save()
        await found.replace()
        await found.set({"slug": "b"})
        assert found.token == expected
        assert (await database["WithToken"].find_one())["token"] == expected
    assert (await WithToken.find_one().project(JustToken)).token == expected
    assert [each.token for each in await WithToken.find().project(JustToken).to_list()] == [expected]
    assert (await WithToken.aggregate([], projection_model=JustToken).to_list())[0].token == expected


async def test_documents_with_ids_of_text_are_read_as_stored(bind_models: Any, database: Any) -> None:
    await bind_models(TextKeyed)
    await TextKeyed(id="k", token="secret").insert()
    await database["TextKeyed"].insert_one({"_id": "old", "slug": "Not A Slug", "token": TokenHash.of("other")})
    found = await TextKeyed.get("k")
    assert found is not None
    assert found.token == TokenHash.of("secret")
    await found.save()
    assert (await database["TextKeyed"].find_one({"_id": "k"}))["token"] == TokenHash.of("secret")
    old = await TextKeyed.get("old")
    assert old is not None
    assert (old.slug, old.token) == ("Not A Slug", TokenHash.of("other"))
    assert next(each.token for each in await TextKeyed.find().sort("slug").to_list()) == TokenHash.of("other")


async def test_a_stored_document_is_not_judged_by_todays_rules(bind_models: Any, database: Any) -> None:
    await bind_models(WithToken)
    await database["WithToken"].insert_one({"slug": "forbidden", "token": TokenHash.of("x")})
    assert (await WithToken.find_one({"slug": "forbidden"})) is not None
    with pytest.raises(ValidationError):
        WithToken(token="x", slug="forbidden")


def test_what_bson_gives_back_as_another_type_is_the_fields() -> None:
    class Money(BaseModel):
        amount: Decimal

    assert hydrate(Money, {"_id": 1, "amount": Decimal128("1.5")}).amount == Decimal("1.5")
    assert hydrate(Upper, {"_id": UUID(int=1), "word": "x"}).word == "X"


def test_reading_is_exact_to_the_millisecond() -> None:
    moment = datetime(2024, 1, 1, 0, 0, 0, 999999, tzinfo=UTC)
    document = Legacy(title="x", slug="x", happened=moment)
    assert document.happened == moment - timedelta(microseconds=999)
