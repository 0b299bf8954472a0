"""Projections reach the server, under the names that callers use."""

from enum import StrEnum
from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from docstore.documents import Document, PydanticObjectId, TokenHash
from docstore.documents.projections import projection_of
from docstore.errors import ValidationFailed


class Mood(StrEnum):
    GOOD = "GOOD"


class Item(Document):
    long_title: str
    mood: Mood = Mood.GOOD
    token: TokenHash | None = None
    starred: bool = Field(default=False, alias="starred", validation_alias=AliasChoices("starred", "isStarred"))
    content: str = "…"


class Card(BaseModel):
    id: PydanticObjectId
    long_title: str
    starred: bool = False


class Stored(BaseModel):
    longTitle: str  # noqa: N815 - as stored


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(alias="longTitle")


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


@pytest.fixture
async def item(bind_models: Any) -> Item:
    await bind_models(Item)
    return await Item(long_title="T", token=TokenHash.of("t")).insert()


def test_what_is_sent() -> None:
    assert projection_of(Card, Item) == {
        "_id": 1,
        "id": "$_id",
        "long_title": "$longTitle",
        "starred": {"$ifNull": ["$starred", "$isStarred"]},
    } or projection_of(Card, Item) == {
        "_id": 0,
        "id": "$_id",
        "long_title": "$longTitle",
        "starred": {"$ifNull": ["$starred", "$isStarred"]},
    }
    assert projection_of(Stored, Item) == {"longTitle": 1, "_id": 0}
    assert projection_of(Aliased, Item) == {"longTitle": 1, "_id": 0}
    assert projection_of(Anything, Item) is None


async def test_models_named_as_attributes_are(item: Item) -> None:
    assert await Item.find().project(Card).to_list() == [Card(id=item.id, long_title="T")]
    assert await Item.find_one().project(Card) == Card(id=item.id, long_title="T")
    assert [each async for each in Item.find().project(Stored)] == [Stored(longTitle="T")]
    assert await Item.find(projection_model=Aliased).first_or_none() == Aliased(name="T")
    assert (await Item.find().project(Anything).to_list())[0].model_extra["longTitle"] == "T"  # type: ignore[index]


async def test_old_spellings_are_fetched(item: Item) -> None:
    raw = Item.get_pymongo_collection().raw
    await raw.update_one({}, {"$set": {"isStarred": True}, "$unset": {"starred": 1}})
    assert (await Item.find().project(Card).to_list())[0].starred is True
    assert await Item.find().values("starred").to_list() == [{"starred": True}]


async def test_values(item: Item) -> None:
    assert await Item.find().values("long_title", "mood").to_list() == [{"long_title": "T", "mood": Mood.GOOD}]
    assert await Item.find_one().values("id") == {"id": item.id}
    assert [each async for each in Item.find().values("long_title")] == [{"long_title": "T"}]
    assert await Item.find_one(Item.long_title == "none").values("id") is None
    everything = await Item.find_one().values()
    assert everything.keys() == Item.model_fields.keys()
    # A stored hash is taken as a hash, not hashed again.
    assert (await Item.find_one().values("token"))["token"] == item.token


async def test_values_are_lenient_as_documents_are(item: Item) -> None:
    await Item.get_pymongo_collection().raw.update_one({}, {"$unset": {"longTitle": 1}, "$set": {"mood": None}})
    assert await Item.find().values("long_title", "mood").to_list() == [{"long_title": None, "mood": Mood.GOOD}]


async def test_the_server_sends_no_more(item: Item) -> None:
    cursor = await Item.find().values("mood").get_cursor()
    assert await cursor.to_list() == [{"mood": "GOOD"}]


@pytest.mark.parametrize(
    ("name", "told"), [("longTitle", "'long_title'"), ("mod", "'mood'"), ("xyzzy", "Its attributes are")]
)
async def test_unknown_attributes(item: Item, name: str, told: str) -> None:
    with pytest.raises(ValidationFailed, match=told):
        Item.find().values(name)
