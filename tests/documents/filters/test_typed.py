"""Typed expressions: values become what the field stores, or are refused."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
import pytest_asyncio
from bson import ObjectId
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from docstore.documents import (
    Document,
    Email,
    Json,
    OnDelete,
    PydanticObjectId,
    Ref,
    Slug,
    StrList,
    TokenHash,
    UtcDateTime,
    trusted,
)
from docstore.documents.filters import (
    All,
    And,
    ElemMatch,
    Eq,
    Exists,
    In,
    Nor,
    Not,
    NotIn,
    Or,
    RegEx,
    Size,
    Text,
)
from docstore.errors import UnknownField, UnsafeFilter, ValidationFailed

Asked = Any


class Colour(StrEnum):
    RED = "red-ish"
    BLUE = "blue-ish"


class Address(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    street_name: str
    number: int = 0


class Thing(Document):
    name: str
    email: Email
    slug: Slug | None = None
    stars: Annotated[int, Field(ge=1, le=5)] = 3
    weight: float | None = None
    is_good: bool = False
    colour: Colour = Colour.RED
    size: Literal["S", "L"] | None = None
    owner_id: Annotated[PydanticObjectId | None, Ref("Thing", on_delete=OnDelete.NOTHING)] = None
    seen_at: UtcDateTime | None = None
    token: TokenHash | None = None
    secret: SecretStr | None = None
    tags: StrList = Field(default_factory=list)
    scores: list[int] = Field(default_factory=list)
    address: Address | None = None
    addresses: list[Address] = Field(default_factory=list)
    payload: Json | None = None
    extra: dict[str, int] = Field(default_factory=dict)
    picture: str | None = Field(default=None, alias="picture", validation_alias=AliasChoices("picture", "imageUrl"))


@pytest_asyncio.fixture
async def asked(listen: Callable[..., Awaitable[Asked]]) -> Asked:
    """Thing, bound; and what the server is asked."""
    return await listen(Thing)


def thing(**values: Any) -> Thing:
    """A Thing that is valid but for what the test says."""
    return Thing(**{"name": "n", "email": "a@example.com", **values})


async def sent(asked: Asked, *expressions: Any) -> dict[str, Any]:
    """The filter the server is asked with."""
    await Thing.find(*expressions).to_list()
    return asked.last


async def test_values_become_what_the_field_stores(asked: Asked) -> None:
    id = ObjectId()
    assert await sent(asked, Thing.owner_id == str(id)) == {"ownerId": id}
    assert await sent(asked, Thing.id == str(id)) == {"_id": id}
    assert await sent(asked, Thing.seen_at > "2026-01-02T03:04:05+01:00") == {
        "seenAt": {"$gt": datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)}
    }
    assert await sent(asked, Thing.stars == "4") == {"stars": 4}
    assert await sent(asked, Thing.is_good == "true") == {"isGood": True}
    assert await sent(asked, Thing.email == "ADA@Example.com") == {"email": "ada@example.com"}
    assert await sent(asked, Thing.token == "s3cret") == {"token": str(TokenHash.of("s3cret"))}
    assert await sent(asked, Thing.secret == "s3cret") == {"secret": "s3cret"}


async def test_an_enum_is_known_by_value_and_by_name(asked: Asked) -> None:
    for given in (Colour.BLUE, "blue-ish", "BLUE"):
        assert await sent(asked, Thing.colour == given) == {"colour": "blue-ish"}
    with pytest.raises(ValidationFailed, match="Colour"):
        Thing.find(Thing.colour == "green")


async def test_a_stolen_hash_is_hashed_again(asked: Asked) -> None:
    stolen = str(TokenHash.of("s3cret"))
    assert await sent(asked, Thing.token == stolen) == {"token": str(TokenHash.of(stolen))}
    assert await sent(asked, {"token": stolen}) == {"token": str(TokenHash.of(stolen))}
    assert await sent(asked, Thing.token == TokenHash.of("s3cret")) == {"token": stolen}


@pytest.mark.parametrize("evil", [{"$ne": None}, {"$gt": ""}, {}, {"a": 1}, [{"$ne": 1}], re.compile(".*")])
@pytest.mark.parametrize("field", ["name", "email", "stars", "owner_id", "seen_at", "token", "colour", "tags", "size"])
async def test_what_could_act_as_an_operator_is_refused(asked: Asked, field: str, evil: Any) -> None:
    expression = getattr(Thing, field)
    for given in (expression == evil, expression != evil, expression > evil, In(expression, [evil]), {field: evil}):
        with pytest.raises(UnsafeFilter, match=Thing.stored_name(field)) as caught:
            Thing.find(given)
        assert caught.value.field == Thing.stored_name(field)
    assert asked.filters == []


async def test_a_document_is_compared_literally_where_the_field_holds_documents(asked: Asked) -> None:
    await thing(payload={"$ne": 1}).insert()
    await thing(payload={"plain": 1}).insert()
    assert await sent(asked, Thing.payload == {"$ne": 1}) == {"payload": {"$eq": {"$ne": 1}}}
    assert [each.payload for each in await Thing.find(Thing.payload == {"$ne": 1}).to_list()] == [{"$ne": 1}]
    assert [each.payload for each in await Thing.find({"payload": {"plain": 1}}).to_list()] == [{"plain": 1}]
    with pytest.raises(UnsafeFilter):
        Thing.find(In(Thing.payload, [{"$ne": 1}]))


async def test_a_wrong_type_is_told_with_what_fits(asked: Asked) -> None:
    with pytest.raises(ValidationFailed, match=r"Thing\.stars is compared with str; what fits is int") as caught:
        Thing.find(Thing.stars == "many")
    assert (caught.value.field, caught.value.value_type) == ("stars", "str")
    assert "many" not in str(caught.value)
    for given in (Thing.name == 3, Thing.stars == True, Thing.name == ["a"], Thing.owner_id == "x", Thing.weight > []):  # noqa: E712
        with pytest.raises(ValidationFailed):
            Thing.find(given)


async def test_bounds_on_new_values_do_not_bind_a_question(asked: Asked) -> None:
    assert await sent(asked, Thing.stars < 9) == {"stars": {"$lt": 9}}
    assert await sent(asked, Thing.slug == "Not A Slug") == {"slug": "Not A Slug"}


async def test_null_passes_only_where_the_field_may_be_null(asked: Asked) -> None:
    assert await sent(asked, Thing.slug == None) == {"slug": None}  # noqa: E711
    assert await sent(asked, Thing.name != None) == {"name": {"$ne": None}}  # noqa: E711
    assert await sent(asked, NotIn(Thing.name, ["a", None])) == {"name": {"$nin": ["a", None]}}
    with pytest.raises(ValidationFailed, match="NoneType"):
        Thing.find(Thing.name == None)  # noqa: E711


@pytest.mark.parametrize("odd", [10**30, "\ud800", {"a\0b": 1}, [10**30]])
async def test_what_bson_cannot_store_is_refused_before_the_driver_sees_it(asked: Asked, odd: Any) -> None:
    for field in (Thing.payload, Thing.stars, Thing.name, Thing.scores):
        with pytest.raises((ValidationFailed, UnsafeFilter)):
            Thing.find(field == odd)


async def test_every_operator_takes_its_values_through_the_field(asked: Asked) -> None:
    id = ObjectId()
    assert await sent(asked, In(Thing.owner_id, [str(id), None])) == {"ownerId": {"$in": [id, None]}}
    assert await sent(asked, In(Thing.colour, {"RED"})) == {"colour": {"$in": ["red-ish"]}}
    assert await sent(asked, In(Thing.stars, (n for n in "12"))) == {"stars": {"$in": [1, 2]}}
    assert await sent(asked, All(Thing.scores, ["1", 2])) == {"scores": {"$all": [1, 2]}}
    assert await sent(asked, Thing.tags == "a") == {"tags": "a"}
    assert await sent(asked, Thing.scores == ["1"]) == {"scores": [1]}
    assert await sent(asked, Size(Thing.tags, 2)) == {"tags": {"$size": 2}}
    assert await sent(asked, Exists(Thing.slug, False)) == {"slug": {"$exists": False}}
    assert await sent(asked, RegEx(Thing.name, "^a", "i")) == {"name": {"$regex": "^a", "$options": "i"}}
    assert await sent(asked, Not(Thing.stars > "3")) == {"stars": {"$not": {"$gt": 3}}}
    assert await sent(asked, Not(Eq(Thing.name, "a"))) == {"name": {"$not": {"$eq": "a"}}}
    assert await sent(asked, Or(Thing.stars == "1", {"stars": "2"})) == {"$or": [{"stars": 1}, {"stars": 2}]}
    assert await sent(asked, Nor(Thing.stars == "1")) == {"$nor": [{"stars": 1}]}
    assert await sent(asked, And(Thing.stars == "1", Thing.name == "a")) == {"$and": [{"stars": 1}, {"name": "a"}]}
    assert await sent(asked, Thing.stars == 1, Thing.name == "a") == {"$and": [{"stars": 1}, {"name": "a"}]}
    assert await sent(asked, ElemMatch(Thing.addresses, {"street_name": "x", "number": "3"})) == {
        "addresses": {"$elemMatch": {"streetName": "x", "number": 3}}
    }
    assert await sent(asked, ElemMatch(Thing.scores, trusted({"$gt": 1}))) == {"scores": {"$elemMatch": {"$gt": 1}}}


@pytest.mark.parametrize(
    "given",
    [
        lambda evil: In(Thing.name, evil),
        lambda evil: NotIn(Thing.name, evil),
        lambda evil: All(Thing.tags, evil),
        lambda evil: Size(Thing.tags, evil),
        lambda evil: Exists(Thing.name, evil),
        lambda evil: RegEx(Thing.name, evil),
        lambda evil: RegEx(Thing.name, "a", evil),
        lambda evil: Text(evil),
        lambda evil: Text("a", evil),
        lambda evil: Not(Thing.name == evil),
        lambda evil: Or(Thing.name == evil, Thing.stars == 1),
        lambda evil: ElemMatch(Thing.scores, evil),
        lambda evil: ElemMatch(Thing.addresses, {"number": evil}),
    ],
)
async def test_no_operator_takes_an_operator_for_a_value(asked: Asked, given: Any) -> None:
    with pytest.raises((UnsafeFilter, ValidationFailed)):
        Thing.find(given({"$gt": ""}))


async def test_nested_fields_have_their_own_types(asked: Asked) -> None:
    assert await sent(asked, Thing.address.street_name == "x") == {"address.streetName": "x"}
    assert await sent(asked, Thing.addresses.number == "3") == {"addresses.number": 3}
    assert await sent(asked, {"addresses.0.street_name": "x"}) == {"addresses.0.streetName": "x"}
    assert await sent(asked, {"extra.anything": "3"}) == {"extra.anything": 3}
    assert await sent(asked, {"payload.a.b": "3"}) == {"payload.a.b": "3"}
    with pytest.raises(UnsafeFilter):
        Thing.find(Thing.address.street_name == {"$ne": 1})
    with pytest.raises(UnknownField, match="street"):
        Thing.find({"address.streetNam": "x"})
    with pytest.raises(UnknownField):
        Thing.find(Thing.name.first == "x")


async def test_a_clone_of_a_query_keeps_its_filter(asked: Asked) -> None:
    query = Thing.find(Thing.stars > 2)
    await query.clone().find(Thing.name == "a").to_list()
    assert asked.last == {"$and": [{"stars": {"$gt": 2}}, {"name": "a"}]}


async def test_what_is_no_filter_is_refused(asked: Asked) -> None:
    for odd in (True, "name", 3, None, ["a"]):
        with pytest.raises(UnsafeFilter, match="expression or a dict"):
            Thing.find(odd)
