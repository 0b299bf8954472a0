"""What makes documents quick must not show: round trips counted, and Beanie's features beside the quick ways."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from beanie import Insert, PydanticObjectId, Save, UnionDoc, Update, after_event, before_event
from beanie.exceptions import StateManagementIsTurnedOff, StateNotSaved
from bson import ObjectId
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener
from tests.databases import drop_database

from docstore.documents import Document, Json, NonEmpty, StrList, UtcDateTime, bind, transaction
from docstore.documents.codec import codec_of, is_plain
from docstore.documents.transactions import use_client
from docstore.errors import DeletedDocument, NotFound, ValidationFailed
from docstore.settings import Settings


class Plain(Document):
    title: NonEmpty
    number: int = 0
    tags: StrList = Field(default_factory=list)
    at: UtcDateTime | None = None
    needed: str


class Zoned(Document):
    local_at: datetime | None = None
    free: Json = None


class Tracked(Plain):
    class Settings:
        use_state_management = True
        state_management_save_previous = True


class Eventful(Document):
    title: str
    told: list[str] = Field(default_factory=list)

    @before_event(Insert, Save, Update)
    def before(self) -> None:
        self.told = [*self.told, "before"]

    @after_event(Insert)
    async def after(self) -> None:
        self.told = [*self.told, "after"]


class Lazy(Document):
    title: str
    tags: StrList = Field(default_factory=list)


class TrackedLazy(Lazy):
    class Settings:
        use_state_management = True


class Animal(Document):
    name: str

    class Settings:
        is_root = True


class Dog(Animal):
    tricks: int = 0


class Both(UnionDoc):
    class Settings:
        name = "both"
        class_id = "_class_id"


class One(Document):
    one: int

    class Settings:
        union_doc = Both


class Two(Document):
    two: int

    class Settings:
        union_doc = Both


class Extra(Document):
    model_config = ConfigDict(extra="allow")

    title: str


class ValidatedOnSave(Document):
    low: int = 0
    high: int = 0

    @field_validator("high")
    @classmethod
    def _above_low(cls, value: int, info: Any) -> int:
        if value < info.data.get("low", 0):
            raise ValueError("high is below low")
        return value

    class Settings:
        validate_on_save = True


class Card(BaseModel):
    id: PydanticObjectId = Field(alias="_id")
    title: str


MODELS = (Plain, Zoned, Tracked, Eventful, Lazy, TrackedLazy, Animal, Dog, Both, One, Two, Extra, ValidatedOnSave)


class Commands(CommandListener):
    """Every command that was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: Any) -> None:
        self.sent.append((event.command_name, dict(event.command)))

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.sent]


@pytest_asyncio.fixture
async def commands(settings: Settings) -> AsyncIterator[Commands]:
    listener = Commands()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo_uri.get_secret_value(), tz_aware=True, event_listeners=[listener]
    )
    await bind(client[settings.effective_database_name], MODELS, audit=False, strict_filters=False)
    listener.sent.clear()
    yield listener
    use_client(None)
    await drop_database(client, settings.effective_database_name)
    await client.close()


def raw(model: type[Document]) -> Any:
    return model.get_pymongo_collection().raw


def made(number: int = 0, model: type[Plain] = Plain) -> Any:
    return model(title=f"t{number}", number=number, needed="yes", tags=["a"])


async def test_single_documents_take_one_round_trip(commands: Commands) -> None:
    post = await made().insert()
    post.title = "other"
    await post.save()
    read = await Plain.get(ObjectId(str(post.id)))
    assert commands.names == ["insert", "update", "find"]
    assert read == post
    assert type(read.id) is type(post.id) is PydanticObjectId
    assert await Plain.get(str(post.id)) == post


async def test_get_finds_the_living_alone(commands: Commands) -> None:
    post = await made().insert()
    await post.delete()
    assert await Plain.get(post.id) is None
    assert await Plain.get(ObjectId()) is None
    with pytest.raises(ValidationFailed):
        await Plain.get("no id")


async def test_get_many_is_one_query_in_the_order_asked(commands: Commands) -> None:
    posts = [made(number) for number in range(5)]
    await Plain.insert_many(posts)
    await posts[1].delete()
    commands.sent.clear()
    wanted = [posts[3].id, str(posts[0].id), ObjectId(), posts[1].id, posts[4].id, posts[3].id]
    found = await Plain.get_many(wanted)
    assert [each.number for each in found] == [3, 0, 4, 3]
    assert commands.names == ["find"]
    assert await Plain.get_many([]) == []
    with pytest.raises(ValidationFailed):
        await Plain.get_many(["no id"])


async def test_insert_many_is_one_command_and_gives_ids_and_stamps(commands: Commands) -> None:
    posts = [made(number) for number in range(3)]
    await Plain.insert_many(posts)
    assert commands.names == ["insert"]
    assert all(type(each.id) is PydanticObjectId and each.created_at == each.updated_at for each in posts)
    assert await Plain.find().sort("number").to_list() == posts
    bad = made()
    bad.tags.append(1)
    with pytest.raises(ValidationFailed, match="tags"):
        await Plain.insert_many([made(8), bad])
    assert await Plain.find().count() == 3


async def test_a_save_of_a_tracked_document_sends_what_changed(commands: Commands) -> None:
    post = await made(model=Tracked).insert()
    post.title = "other"
    post.tags.append("b")
    commands.sent.clear()
    await post.save()
    ((name, command),) = commands.sent
    assert name == "update"
    assert command["updates"][0]["u"]["$set"].keys() == {"title", "tags", "updatedAt"}
    assert not post.is_changed
    stored = await Tracked.get(post.id)
    assert stored is not None
    assert stored.model_dump() == post.model_dump()


async def test_neither_missing_nor_unknown_fields_look_changed(commands: Commands) -> None:
    found = await raw(Tracked).insert_one({"title": "old", "unknown": {"a": 1}, "number": None, "__v": 0})
    for post in (
        await Tracked.get(found.inserted_id),
        (await Tracked.find().to_list())[0],
        await Tracked.find_one({"title": "old"}),
        await anext(Tracked.find()),
    ):
        assert post is not None
        assert (post.is_changed, post.get_changes(), post.needed, post.number) == (False, {}, None, 0)
    post.number = 4
    assert post.get_changes() == {"number": 4}
    await post.save()
    stored = await raw(Tracked).find_one({})
    assert stored.keys() == {"_id", "title", "unknown", "number", "__v", "updatedAt"}


async def test_roll_back_and_previous_changes(commands: Commands) -> None:
    post = await made(model=Tracked).insert()
    assert await post.save_changes() is None
    post.title, post.at = "other", datetime(2026, 1, 1, tzinfo=UTC)
    post.tags.append("b")
    post.rollback()
    assert (post.title, post.at, post.tags, post.is_changed) == ("t0", None, ["a"], False)
    post.number = 7
    assert await post.save_changes() is post
    assert post.get_previous_changes()["number"] == 7
    post.number = "seven"  # type: ignore[assignment]  # the mistake under test
    with pytest.raises(ValidationFailed):
        await post.save_changes()
    with pytest.raises(StateManagementIsTurnedOff):
        _ = made().is_changed
    with pytest.raises(StateNotSaved):
        _ = made(model=Tracked).is_changed


async def test_what_an_aborted_transaction_saved_still_looks_changed(commands: Commands) -> None:
    post = await made(model=Tracked).insert()

    async def fail() -> None:
        async with transaction():
            post.title = "other"
            await post.save()
            assert not post.is_changed
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert post.get_changes().keys() >= {"title"}
    await post.save()
    stored = await Tracked.get(post.id)
    assert stored is not None
    assert stored.title == "other"


async def test_somebody_elses_session_does_not_take_the_changes(commands: Commands) -> None:
    post = await made(model=Tracked).insert()
    client = raw(Tracked).database.client
    async with client.start_session() as session:
        await session.start_transaction()
        post.title = "other"
        await post.save(session=session)
        await session.abort_transaction()
    assert post.is_changed


async def test_a_tracked_document_that_is_gone_says_so(commands: Commands) -> None:
    post = await made(model=Tracked).insert()
    twin = await Tracked.get(post.id)
    assert twin is not None
    await twin.delete()
    with pytest.raises(DeletedDocument):
        await post.save()
    await twin.purge(reason="test")
    with pytest.raises(NotFound):
        await post.replace()


async def test_events_run_and_what_they_set_is_stored(commands: Commands) -> None:
    assert not is_plain(Eventful)
    post = await Eventful(title="t").insert()
    assert post.told == ["before", "after"]
    await post.save()
    stored = await Eventful.get(post.id)
    assert stored is not None
    assert stored.told == post.told == ["before", "after", "before", "before"]
    many = [Eventful(title="m")]
    await Eventful.insert_many(many)
    assert many[0].told == []  # as in Beanie


async def test_lazily_parsed_documents(commands: Commands) -> None:
    await raw(Lazy).insert_many([{"title": "t", "tags": ["a"]}, {"title": "u", "tags": 3}])
    good, bad = await Lazy.find(lazy_parse=True).sort("title").to_list()
    assert isinstance(good, Lazy)
    assert good.__class__ is Lazy
    assert (good.title, good.tags, good.created_at) == ("t", ["a"], None)
    assert bad.title == "u"
    with pytest.raises(ValidationError):
        _ = bad.tags
    good.title = "changed"
    await good.save()
    assert type(good) is Lazy
    found = await Lazy.find_one({"title": "changed"})
    assert found is not None
    assert found.tags == ["a"]
    ((unread,)) = await Lazy.find({"title": "changed"}, lazy_parse=True).to_list()
    await unread.save()
    assert [each.title async for each in Lazy.find({"title": "changed"}, lazy_parse=True)] == ["changed"]


async def test_lazily_parsed_documents_track_changes(commands: Commands) -> None:
    await raw(TrackedLazy).insert_one({"title": "t"})
    (post,) = await TrackedLazy.find(lazy_parse=True).to_list()
    assert post.get_saved_state() == {"_id": post.id}
    post.title = "other"
    await post.save()
    (again,) = await TrackedLazy.find().to_list()
    assert again.title == "other"


async def test_inheritance_and_unions_find_their_classes(commands: Commands) -> None:
    await Animal(name="a").insert()
    await Dog(name="d", tricks=2).insert()
    await Animal.insert_many([Animal(name="b"), Dog(name="e", tricks=3)])
    everything = await Animal.find(with_children=True).sort("name").to_list()
    assert [(type(each), each.name) for each in everything] == [
        (Animal, "a"),
        (Animal, "b"),
        (Dog, "d"),
        (Dog, "e"),
    ]
    assert [each.tricks async for each in Dog.find().sort("name")] == [2, 3]
    dog = await Animal.get(everything[2].id, with_children=True)
    assert type(dog) is Dog
    await One(one=1).insert()
    await Two(two=2).insert()
    assert {type(each) for each in await Both.all().to_list()} == {One, Two}


async def test_unknown_fields_of_a_class_that_allows_them_are_kept(commands: Commands) -> None:
    post = await Extra(title="t", more={"a": [1]}).insert()  # type: ignore[call-arg]  # that is the point
    (read,) = await Extra.find().to_list()
    assert read.model_extra == {"more": {"a": [1]}}
    read.title = "u"
    await read.save()
    again = await Extra.get(post.id)
    assert again is not None
    assert (again.title, again.model_extra) == ("u", {"more": {"a": [1]}})


async def test_validate_on_save(commands: Commands) -> None:
    assert not is_plain(ValidatedOnSave)
    post = await ValidatedOnSave(low=1, high=2).insert()
    post.high = 3
    await post.save()
    post.low = 9
    with pytest.raises((ValidationError, ValidationFailed)):
        await post.save()


async def test_instants_have_their_zone_whatever_the_class(commands: Commands) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    await Zoned(local_at=moment, free={"at": moment}).insert()
    await Plain(title="t", needed="n", at=moment).insert()
    (zoned,) = await Zoned.find().to_list()
    (plain,) = await Plain.find().to_list()
    assert zoned.local_at == zoned.free["at"] == plain.at == moment  # type: ignore[index,call-overload]
    assert plain.at is not None
    assert plain.at.tzinfo is UTC
    assert codec_of(Zoned).read_fresh is None
    assert codec_of(Plain).read_fresh is not None
    await raw(Plain).update_one({}, {"$set": {"number": "7", "other": [moment]}})  # read by pydantic
    (converted,) = await Plain.find().to_list()
    assert (converted.number, converted.at) == (7, moment)


async def _numbers(query: Any) -> list[int]:
    return [each.number async for each in query]


async def _listed(query: Any) -> list[int]:
    return [each.number for each in await query.to_list()]


async def _streamed(query: Any) -> list[int]:
    return [each.number async for each in query.stream(batch=7)]


@pytest.mark.parametrize("read", [_numbers, _listed, _streamed])
async def test_queries_give_all_documents_in_order(
    commands: Commands, read: Callable[[Any], Awaitable[list[int]]]
) -> None:
    await Plain.insert_many([made(number) for number in range(300)])
    deleted = await Plain.find_one({"number": 5})
    assert deleted is not None
    await deleted.delete()
    living = [number for number in range(300) if number != 5]
    assert await read(Plain.find().sort("number")) == living
    assert await read(Plain.find().sort("-number").skip(2).limit(150)) == living[::-1][2:152]
    assert await read(Plain.find({"number": {"$lt": 0}})) == []
    assert await read(Plain.deleted.find()) == [5]
    assert await read(Plain.find({"number": 7}, projection_model=Plain)) == [7]


async def test_lists_of_a_length(commands: Commands) -> None:
    await Plain.insert_many([made(number) for number in range(130)])
    query = Plain.find().sort("number")
    for length in (1, 64, 65, 130, 200):
        assert [each.number for each in await query.to_list(length)] == list(range(min(length, 130)))
    first = await query.first_or_none()
    assert first is not None
    assert first.number == 0
    with pytest.raises(ValueError, match="length"):
        await query.to_list(0)


async def test_a_running_query_can_be_cloned(commands: Commands) -> None:
    await Plain.insert_many([made(number) for number in range(3)])
    query = Plain.find().sort("number")
    assert (await anext(query)).number == 0
    assert await _numbers(query.clone()) == [0, 1, 2]
    assert await _numbers(query) == [1, 2]


async def test_projections(commands: Commands) -> None:
    await Plain.insert_many([made(number) for number in range(3)])
    cards = await Plain.find().sort("number").project(Card).to_list()
    assert [(type(each), each.title) for each in cards] == [(Card, "t0"), (Card, "t1"), (Card, "t2")]
    one = await Plain.find_one({"number": 1}, projection_model=Card)
    assert one is not None
    assert one.title == "t1"
    assert commands.sent[-1][1]["projection"] == {"_id": 1, "title": 1}


async def test_a_stream_that_is_left_early_closes_its_cursor(commands: Commands) -> None:
    await Plain.insert_many([made(number) for number in range(50)])
    commands.sent.clear()
    async with aclosing(Plain.find().stream(batch=10)) as documents:
        async for document in documents:
            assert document.title
            break
    assert commands.names == ["find", "killCursors"]
    assert commands.sent[0][1]["batchSize"] == 10
    with pytest.raises(ValueError, match="batch"):
        await anext(Plain.find().stream(batch=0))


async def test_a_stream_of_what_beanie_reads(commands: Commands) -> None:
    await Animal.insert_many([Animal(name="a"), Dog(name="d")])
    assert [type(each) async for each in Animal.find(with_children=True).sort("name").stream()] == [Animal, Dog]


async def test_a_document_that_does_not_load_is_told_and_ends_the_query(commands: Commands) -> None:
    await Plain.insert_many([made(number) for number in range(150)])
    await raw(Plain).update_one({"number": 3}, {"$set": {"tags": "none"}})
    commands.sent.clear()
    with pytest.raises(ValidationFailed, match="tags"):
        await Plain.find().sort("number").to_list(149)
    assert commands.names == ["find", "killCursors"]


async def test_a_list_is_one_reply_and_no_longer_than_asked_for(commands: Commands) -> None:
    await Plain.insert_many([made(number) for number in range(150)])
    commands.sent.clear()
    assert len(await Plain.find().to_list()) == 150
    assert len(await Plain.find().limit(120).to_list()) == 120
    assert len(await Plain.find().project(Card).to_list()) == 150
    assert commands.names == ["find", "find", "find"]
    commands.sent.clear()
    assert len(await Plain.find().to_list(3)) == 3
    assert len(await Plain.find(batch_size=60).to_list()) == 150
    assert [command.get("batchSize") for name, command in commands.sent if name == "find"] == [3, 60]
    assert commands.names.count("getMore") == 2
