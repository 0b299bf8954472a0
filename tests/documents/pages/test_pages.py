"""Pages as callers see them: bounds, ends, bindings, projections."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, SecretStr
from pymongo import AsyncMongoClient

from docstore.documents import Document, TokenHash, UtcDateTime, bind, transaction
from docstore.documents.filters import In, trusted
from docstore.documents.transactions import use_client
from docstore.errors import InvalidCursor, PageError
from docstore.settings import Settings

START = datetime(2024, 1, 1, tzinfo=UTC)


class Entry(Document):
    title: str
    posted_at: UtcDateTime | None = None
    secret_rank: int = 0
    parts: list[int] | None = None

    sensitive: ClassVar[frozenset[str]] = frozenset({"secret_rank"})


class Card(BaseModel):
    title: str


@pytest.fixture
async def entries(bind_models: Any) -> list[Entry]:
    await bind_models(Entry)
    made = [Entry(title=f"{n:02}", posted_at=START + timedelta(days=n)) for n in range(10)]
    await Entry.insert_many(made)
    return made


def titles(page: Any) -> list[str]:
    return [entry.title for entry in page]


async def test_forth_and_back(entries: list[Entry]) -> None:
    query = Entry.find().sort("-postedAt")
    first = await query.page(4)
    assert titles(first) == ["09", "08", "07", "06"]
    assert (first.limit, first.has_next, first.has_previous, len(first)) == (4, True, False, 4)
    second = await query.page(4, after=first.next_cursor)
    last = await query.page(4, second.next_cursor)
    assert titles(last) == ["01", "00"]
    assert (last.has_next, last.next_cursor, last.has_previous) == (False, None, True)
    again = await query.page(4, before=last.previous_cursor)
    assert again.items == second.items
    beginning = await query.page(4, before=again.previous_cursor)
    assert titles(beginning) == titles(first)
    assert (beginning.has_previous, beginning.previous_cursor) == (False, None)


async def test_a_page_is_one_query_and_frozen(entries: list[Entry]) -> None:
    page = await Entry.find().page()
    assert page.limit == 20
    with pytest.raises(AttributeError):
        page.limit = 3  # type: ignore[misc]
    assert not (await Entry.find(Entry.title == "none").page()).items


async def test_behind_an_empty_page_lies_where_it_started(entries: list[Entry]) -> None:
    query = Entry.find().sort("title")
    page = await query.page(9)
    cursor = page.next_cursor
    await Entry.find(Entry.title == "09").delete()
    empty = await query.page(9, after=cursor)
    assert empty.items == []
    assert empty.next_cursor is None
    back = await query.page(9, before=empty.previous_cursor)
    assert titles(back) == titles(page)
    await Entry.find(Entry.title != "04").delete()
    nothing = await query.page(9, before=(await query.page(1)).next_cursor or back.previous_cursor or cursor)
    assert titles(nothing) == ["04"]


@pytest.mark.parametrize("limit", [0, -1, 1001, True, "5", 2.0, None])
async def test_the_limit_has_bounds(entries: list[Entry], limit: Any) -> None:
    with pytest.raises(PageError, match="from 1 to 1000"):
        await Entry.find().page(limit)
    with pytest.raises(PageError, match="from 1 to 1000"):
        await Entry.find().paginate(1, limit)


@pytest.mark.parametrize("number", [0, -1, True, "1", None])
async def test_page_numbers_start_at_one(entries: list[Entry], number: Any) -> None:
    with pytest.raises(PageError, match="from 1 on"):
        await Entry.find().paginate(number)


async def test_a_model_may_lower_the_bound(entries: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Entry, "page_limit", 5)
    assert len(await Entry.find().page(5)) == 5
    with pytest.raises(PageError, match="from 1 to 5, not 6"):
        await Entry.find().page(6)


async def test_a_cursor_belongs_to_its_query(entries: list[Entry]) -> None:
    cursor = (await Entry.find().sort("title").page(2)).next_cursor
    assert titles(await Entry.find().sort("+title").page(2, after=cursor)) == ["02", "03"]
    others = [
        Entry.find().sort("-title"),
        Entry.find().sort("title", "postedAt"),
        Entry.find(Entry.title != "x").sort("title"),
        Entry.with_deleted.find().sort("title"),
    ]
    for query in others:
        with pytest.raises(InvalidCursor, match="another query"):
            await query.page(2, after=cursor)
    with pytest.raises(InvalidCursor, match="damaged"):
        await Entry.find().sort("title").page(2, after="damaged")
    with pytest.raises(PageError, match="not both"):
        await Entry.find().sort("title").page(2, after=cursor, before=cursor)


async def test_a_filter_that_moves_with_time_is_bound_to_a_name(entries: list[Entry]) -> None:
    def due(moment: datetime) -> Any:
        return Entry.find(trusted({"postedAt": {"$lte": moment}})).sort("postedAt")

    page = await due(START + timedelta(days=5)).page(3, bound_to="due")
    later = await due(START + timedelta(days=6)).page(9, after=page.next_cursor, bound_to="due")
    assert titles(later) == ["03", "04", "05", "06"]
    with pytest.raises(InvalidCursor):
        await due(START + timedelta(days=6)).page(9, after=page.next_cursor)


async def test_a_signed_cursor_needs_its_key(settings: Settings, entries: list[Entry]) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(settings.mongo_uri.get_secret_value(), tz_aware=True)
    database = client[settings.effective_database_name]
    unsigned = (await Entry.find().page(2)).next_cursor
    await bind(database, [Entry], cursor_key=b"a-key-of-this-test")
    signed = (await Entry.find().page(2)).next_cursor
    assert len((await Entry.find().page(8, after=signed)).items) == 8
    with pytest.raises(InvalidCursor, match="not made here"):
        await Entry.find().page(2, after=unsigned)
    await bind(database, [Entry], cursor_key=b"other")
    with pytest.raises(InvalidCursor, match="not made here"):
        await Entry.find().page(2, after=signed)
    assert "a-key-of-this-test" not in repr(Entry.get_pymongo_collection().database.registry)
    await client.close()
    use_client(None)


async def test_sorts_that_make_no_pages(entries: list[Entry]) -> None:
    await Entry(title="list", parts=[3, 1]).insert()
    with pytest.raises(PageError, match="it holds list"):
        await Entry.find().sort("-parts").page(2)
    with pytest.raises(PageError, match="is sensitive"):
        await Entry.find().sort("secretRank").page(2)
    assert (await Entry.find().sort("-posted_at").page(2)).items == (await Entry.find().sort("-postedAt").page(2)).items
    assert (await Entry.find().sort("secretRank").paginate(1, 2)).total == 11
    for query in (Entry.find().limit(3), Entry.find().skip(3)):
        with pytest.raises(PageError, match="sets limit and skip itself"):
            await query.page(2)


class Key(BaseModel):
    number: SecretStr | None = None
    label: str = ""


class Holder(Document):
    token: TokenHash | None = None
    pin: SecretStr | None = None
    key: Key = Field(default_factory=Key)
    by_name: dict[str, SecretStr] = Field(default_factory=dict)


@pytest.mark.parametrize("sort", ["token", "-pin", "key.number", "key", "by_name.a", "-by_name"])
async def test_what_is_secret_by_its_type_does_not_travel(bind_models: Any, sort: str) -> None:
    await bind_models(Holder)
    await Holder.insert_many([Holder(token=f"t{number}") for number in range(3)])
    with pytest.raises(PageError, match="is sensitive"):
        await Holder.find().sort(sort).page(1)
    assert (await Holder.find().sort("key.label").page(1)).has_next


async def test_expressions_sort_too(entries: list[Entry]) -> None:
    page = await Entry.find().sort(-Entry.posted_at).page(2)  # type: ignore[operator]  # Beanie's expression
    assert titles(page) == ["09", "08"]


async def test_sort_fields_come_along_although_projected_out(entries: list[Entry]) -> None:
    query = Entry.find().sort("-postedAt").project(Card)
    first = await query.page(3)
    assert first.items == [Card(title="09"), Card(title="08"), Card(title="07")]
    second = await query.page(3, after=first.next_cursor)
    assert titles(second) == ["06", "05", "04"]
    assert titles(await query.page(3, before=second.previous_cursor)) == titles(first)

    values = Entry.find().sort("-postedAt").values("title")
    page = await values.page(2)
    assert page.items == [{"title": "09"}, {"title": "08"}]
    assert (await values.page(2, after=page.next_cursor)).items == [{"title": "07"}, {"title": "06"}]
    assert (await values.paginate(5, 2)).items == [{"title": "01"}, {"title": "00"}]


async def test_sort_fields_come_along_although_excluded(entries: list[Entry]) -> None:
    class Lean(BaseModel):
        title: str
        postedAt: Any = None  # noqa: N815 - as stored

        class Settings:
            projection: ClassVar = {"postedAt": 0, "_id": 0}

    query = Entry.find().sort("-postedAt").project(Lean)
    page = await query.page(2)
    assert page.items == [Lean(title="09"), Lean(title="08")]
    assert titles(await query.page(2, after=page.next_cursor)) == ["07", "06"]


async def test_numbered(entries: list[Entry]) -> None:
    query = Entry.find().sort("title")
    page = await query.paginate(2, 4)
    assert titles(page) == ["04", "05", "06", "07"]
    assert (page.page, page.limit, page.total, page.total_pages) == (2, 4, 10, 3)
    last = await query.paginate(3, 4)
    assert (titles(last), last.total, last.total_pages) == (["08", "09"], 10, 3)
    behind = await query.paginate(4, 4)
    assert (behind.items, behind.total, behind.total_pages) == ([], 10, 3)
    nothing = await Entry.find(Entry.title == "none").paginate()
    assert (nothing.items, nothing.total, nothing.total_pages) == ([], 0, 0)


async def test_the_trash_has_pages(entries: list[Entry]) -> None:
    await Entry.find(In(Entry.title, ["01", "03", "05"])).delete()
    page = await Entry.deleted.find().sort("title").page(2)
    assert titles(page) == ["01", "03"]
    assert titles(await Entry.deleted.find().sort("title").page(2, after=page.next_cursor)) == ["05"]
    assert (await Entry.find().paginate(1, 3)).total == 7


async def test_pages_join_the_ambient_transaction(entries: list[Entry]) -> None:
    async with transaction():
        await Entry(title="10").insert()
        assert titles(await Entry.find().sort("-title").page(1)) == ["10"]
        assert (await Entry.find().paginate(1, 1)).total == 11


async def test_the_filter_may_name_the_sorted_field(entries: list[Entry]) -> None:
    query = Entry.find(Entry.title > "03").sort("title")  # type: ignore[operator]  # Beanie's expression
    page = await query.page(2)
    assert titles(await query.page(9, after=page.next_cursor)) == ["06", "07", "08", "09"]
