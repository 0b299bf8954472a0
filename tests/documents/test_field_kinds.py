"""Every kind of field that pydantic takes comes back as it was given, by every route; what cannot is told at once."""

import re
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Network
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import bson
import pytest
from bson import Regex
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    RootModel,
    SecretBytes,
    SecretStr,
    StrictInt,
    StringConstraints,
    create_model,
)
from typing_extensions import TypedDict

from docstore.documents import Document
from docstore.documents.bson_types import reading_validator
from docstore.documents.encoders import stored_value
from docstore.errors import SettingsError, UnreadableDocument, ValidationFailed

T = TypeVar("T")
HALF_PAST = time(1, 30, 2, 4)
DAY = date(2026, 1, 2)
ONE = UUID(int=1)
_AWARE: Final[CodecOptions[Any]] = CodecOptions(tz_aware=True)


class Size(Enum):
    SMALL = 1
    LARGE = 2.5


class Rank(IntEnum):
    FIRST = 1


class Color(StrEnum):
    RED = "red"


class Rights(IntFlag):
    READ = 1
    WRITE = 2


class Odd(Enum):
    PRICE = Decimal("1.5")
    SPAN = timedelta(seconds=5)
    DAY = DAY
    PAIR = (1, "a")
    PATH = Path("/x")
    ID = ONE
    RAW = b"x"


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    weight: Decimal = Decimal("4.5")


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    pattern: re.Pattern[str] = re.compile("wuff", re.IGNORECASE)
    walks_at: time = HALF_PAST


class Box(BaseModel, Generic[T]):
    item: T


class Tags(RootModel[list[str]]): ...


class Prices(RootModel[dict[str, Decimal]]): ...


class Point(NamedTuple):
    x: int
    y: Decimal


class Row(TypedDict):
    a: int
    b: Decimal


class Severe(BaseModel):
    model_config = ConfigDict(strict=True)

    day: date = DAY
    pair: tuple[int, ...] = (1, 2)
    color: Color = Color.RED
    by_number: dict[int, Path] = Field(default_factory=lambda: {1: Path("/a")})


KINDS: Final[Mapping[str, tuple[Any, Any]]] = {
    "pattern": (re.Pattern, re.compile("a.*b", re.IGNORECASE | re.MULTILINE)),
    "pattern_of_text": (re.Pattern[str], re.compile("a b # c", re.DOTALL | re.VERBOSE)),
    "pattern_ascii": (re.Pattern[str], re.compile(r"(?a)\w")),
    "patterns": (list[re.Pattern[str]], [re.compile("a"), re.compile("b", re.IGNORECASE)]),
    "patterns_by_name": (dict[str, re.Pattern[str]], {"a": re.compile("a")}),
    "number_or_pattern": (int | re.Pattern[str], re.compile("a")),
    "raw": (bytes, b"\x00\xff"),
    "raws": (list[bytes], [b"\xff"]),
    "size": (Size, Size.LARGE),
    "rank": (Rank, Rank.FIRST),
    "color": (Color, Color.RED),
    "rights": (Rights, Rights.READ | Rights.WRITE),
    "odd": (list[Odd], list(Odd)),
    "odd_price": (Odd, Odd.PRICE),
    "odd_pair": (Odd, Odd.PAIR),
    "by_color": (dict[Color, int], {Color.RED: 1}),
    "span": (timedelta, timedelta(days=-3, microseconds=7)),
    "path": (Path, Path("/a/b")),
    "pure_path": (PurePosixPath, PurePosixPath("a/b")),
    "address": (IPv4Address, IPv4Address("1.2.3.4")),
    "network": (IPv6Network, IPv6Network("2001:db8::/64")),
    "interface": (IPv4Interface, IPv4Interface("1.2.3.4/24")),
    "numbers": (frozenset[int], frozenset({1, 2})),
    "texts": (set[str], {"a"}),
    "decimals": (set[Decimal], {Decimal("1.5")}),
    "queue": (deque[int], deque([1, 2])),
    "queue_of_patterns": (deque[re.Pattern[str]], deque([re.compile("a")])),
    "sequence": (Sequence[int], [1, 2]),
    "uuid": (UUID, ONE),
    "by_uuid": (dict[UUID, int], {ONE: 1}),
    "by_number": (dict[int, str], {1: "a"}),
    "by_decimal": (dict[Decimal, int], {Decimal("1.50"): 1}),
    "by_float": (dict[float, int], {1.5: 1}),
    "by_day": (dict[date, int], {DAY: 1}),
    "by_time": (dict[time, int], {HALF_PAST: 1}),
    "by_path": (dict[Path, int], {Path("/a"): 1}),
    "by_address": (dict[IPv4Address, int], {IPv4Address("1.2.3.4"): 1}),
    "day": (date, DAY),
    "days": (list[date], [DAY]),
    "at": (time, HALF_PAST),
    "at_in_zone": (time, HALF_PAST.replace(tzinfo=timezone(timedelta(hours=-2)))),
    "times": (tuple[time, ...], (HALF_PAST, time(2))),
    "instant": (datetime, datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=timezone(timedelta(hours=2)))),
    "aware": (AwareDatetime, datetime(2026, 1, 2, tzinfo=UTC)),
    "nested_decimals": (dict[str, list[tuple[Decimal, ...]]], {"a": [(Decimal("1.10"),)]}),
    "literal": (Literal["a", 1], 1),
    "literal_raw": (Literal[b"a"], b"a"),
    "literal_member": (Literal[Color.RED], Color.RED),
    "literal_or_none": (Literal["a", None], None),
    "literal_truth": (Literal[True], True),
    "even": (Annotated[int, Field(ge=1, multiple_of=2)], 4),
    "stripped": (Annotated[str, StringConstraints(pattern="^a", strip_whitespace=True)], "ab"),
    "strict_int": (StrictInt, 5),
    "strict_day": (Annotated[date, Field(strict=True)], DAY),
    "strict_time": (Annotated[time, Field(strict=True)], HALF_PAST),
    "strict_tuple": (Annotated[tuple[int, ...], Field(strict=True)], (1,)),
    "strict_set": (Annotated[set[int], Field(strict=True)], {1}),
    "strict_frozenset": (Annotated[frozenset[int], Field(strict=True)], frozenset({1})),
    "strict_deque": (Annotated[deque[int], Field(strict=True)], deque([1])),
    "strict_color": (Annotated[Color, Field(strict=True)], Color.RED),
    "strict_span": (Annotated[timedelta, Field(strict=True)], timedelta(seconds=1)),
    "strict_path": (Annotated[Path, Field(strict=True)], Path("a")),
    "strict_address": (Annotated[IPv4Address, Field(strict=True)], IPv4Address("1.2.3.4")),
    "severe": (Severe, Severe()),
    "animal": (Annotated[Cat | Dog, Field(discriminator="kind")], Dog()),
    "animals": (list[Annotated[Cat | Dog, Field(discriminator="kind")]], [Cat(), Dog()]),
    "boxed": (Box[Decimal], Box[Decimal](item=Decimal("1.5"))),
    "boxed_pattern": (Box[re.Pattern[str]], Box[re.Pattern[str]](item=re.compile("a"))),
    "boxed_days": (Box[frozenset[date]], Box[frozenset[date]](item=frozenset({DAY}))),
    "boxed_twice": (Box[Box[timedelta]], Box[Box[timedelta]](item=Box[timedelta](item=timedelta(1)))),
    "tags": (Tags, Tags(["a"])),
    "prices": (Prices, Prices({"a": Decimal("1.5")})),
    "list_of_tags": (list[Tags], [Tags(["a"])]),
    "point": (Point, Point(1, Decimal("2.5"))),
    "row": (Row, Row(a=1, b=Decimal("2.5"))),
    "pair": (tuple[int, str], (1, "a")),
    "ordered": (OrderedDict[str, int], OrderedDict(a=1)),
    "counted": (Counter[str], Counter("aab")),
    "address_of_page": (AnyUrl, AnyUrl("https://a.example/c")),
    "page": (HttpUrl, HttpUrl("https://a.example/c")),
    "secret": (SecretStr, SecretStr("a")),
    "secret_raw": (SecretBytes, SecretBytes(b"a")),
    "parsed": (Json[list[int]], [1, 2]),
}
_GIVEN: Final = {"parsed": "[1, 2]"}
"""What is given where it is not what the field holds."""
_NOT_COMPARED: Final = frozenset({"secret", "secret_raw", "parsed"})

Everything: Any = create_model(
    "Everything", __base__=Document, **{name: (kind | None, None) for name, (kind, _) in KINDS.items()}
)


def everything() -> Any:
    return Everything(**{name: _GIVEN.get(name, value) for name, (_, value) in KINDS.items()})


def differences(found: Any, names: Any = KINDS) -> dict[str, Any]:
    """The fields that are not what they were, or not of its type."""
    return {name: getattr(found, name) for name in names if not _same(getattr(found, name), KINDS[name][1])}


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


READS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "get": lambda made: Everything.get(made.id),
    "find_one": lambda made: Everything.find_one(Everything.id == made.id),
    "list": lambda made: _only(Everything.find().to_list()),
    "page": lambda made: _only(_items(Everything.find().page(1))),
    "lazily": lambda made: _only(Everything.find(lazy_parse=True).to_list()),
    "project": lambda made: _only(Everything.find().project(Everything).to_list()),
    "aggregate": lambda made: _only(Everything.aggregate([], projection_model=Everything).to_list()),
}


async def _only(found: Awaitable[Sequence[Any]]) -> Any:
    [only] = await found
    return only


async def _items(page: Awaitable[Any]) -> Any:
    return (await page).items


@pytest.mark.parametrize("read", READS)
async def test_what_is_inserted_is_read(bind_models: Any, read: str) -> None:
    await bind_models(Everything)
    made = await everything().insert()
    assert differences(made) == {}
    names = [name for name in KINDS if (name, read) != ("parsed", "lazily")]  # which knows the annotation alone
    assert differences(await READS[read](made), names) == {}


async def test_what_is_read_is_saved_and_read_again(bind_models: Any, database: Any) -> None:
    await bind_models(Everything)
    made = await everything().insert()
    stored = await database["Everything"].find_one()
    found = await Everything.get(made.id)
    await found.save()
    again = await database["Everything"].find_one()
    assert {**again, "updatedAt": None} == {**stored, "updatedAt": None}
    assert differences(await Everything.get(made.id)) == {}
    await Everything.insert_many([everything()])
    assert [differences(each) for each in await Everything.find().to_list()] == [{}, {}]


async def test_updates_take_it(bind_models: Any) -> None:
    await bind_models(Everything)
    made = await Everything().insert()
    await made.set({name: _GIVEN.get(name, value) for name, (_, value) in KINDS.items()})
    assert differences(made) == {}
    assert differences(await Everything.get(made.id)) == {}
    await Everything.find(Everything.id == made.id).update(
        {"$unset": dict.fromkeys(map(Everything.stored_name, KINDS), 1)}
    )
    values = {getattr(Everything, name): _GIVEN.get(name, value) for name, (_, value) in KINDS.items()}
    await Everything.find(Everything.id == made.id).set(values)
    assert differences(await Everything.get(made.id)) == {}


async def test_filters_find_it(bind_models: Any) -> None:
    await bind_models(Everything)
    made = await everything().insert()
    await Everything().insert()
    lost = []
    for name, (_, value) in KINDS.items():
        found = (
            await Everything.find(getattr(Everything, name) == value).to_list() if name not in _NOT_COMPARED else [made]
        )
        if made.id not in [each.id for each in found]:
            lost.append(name)
    assert lost == []


@pytest.mark.parametrize("name", [name for name in KINDS if name != "literal_or_none"])
def test_a_class_of_just_this_field_reads_what_it_writes(name: str) -> None:
    kind, value = KINDS[name]
    model = create_model(f"Just_{name}", field=(kind, ...))
    stored = bson.decode(bson.encode(stored_value(model(field=_GIVEN.get(name, value)))), _AWARE)
    assert _same(reading_validator(model).validate_python(stored).field, value)


FLAGS: Final = (re.IGNORECASE, re.MULTILINE, re.DOTALL, re.VERBOSE, re.UNICODE)


class Rule(BaseModel):
    pattern: re.Pattern[str]


class Filed(Document):
    pattern: re.Pattern | None = None  # type: ignore[type-arg]  # pydantic takes no Any
    rules: list[Rule] = Field(default_factory=list)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.sets(st.sampled_from(FLAGS)))
def test_patterns_of_any_text_and_flags_come_back(text: str, flags: set[re.RegexFlag]) -> None:
    pattern = re.compile(re.escape(text), sum(flags, re.RegexFlag(0)))
    stored = bson.decode(bson.encode(stored_value(Rule(pattern=pattern))))
    assert reading_validator(Rule).validate_python(stored).pattern == pattern


async def test_patterns_of_other_services_are_read_or_told(bind_models: Any, database: Any) -> None:
    await bind_models(Filed)
    for written in (Regex("a", "iu"), Regex("(unclosed"), Regex("a", "l")):
        await database["Filed"].insert_one({"pattern": written})
    ids = [each["_id"] for each in await database["Filed"].find().sort("_id").to_list()]
    found = await Filed.get(ids[0])
    assert found is not None
    assert found.pattern == re.compile("a", re.IGNORECASE)
    for each in ids[1:]:
        with pytest.raises(UnreadableDocument, match="Python does not have") as told:
            await Filed.get(each)
        assert told.value.field == "pattern"
        assert "unclosed" not in str(told.value)


@pytest.mark.parametrize("pattern", [re.compile("a", re.ASCII), re.compile(b"a")])
async def test_what_bson_cannot_say_of_a_pattern_is_refused(bind_models: Any, database: Any, pattern: Any) -> None:
    await bind_models(Filed)
    made = await Filed().insert()
    nested = [] if isinstance(pattern.pattern, bytes) else [Rule(pattern=pattern)]
    for write in (
        lambda: Filed(pattern=pattern).insert(),
        lambda: Filed.insert_many([Filed(pattern=pattern)]),
        lambda: made.set({"pattern": pattern}),
        lambda: made.model_copy(update={"pattern": pattern}).save(),
        *([lambda: Filed(rules=nested).insert()] if nested else []),
    ):
        with pytest.raises(ValidationFailed, match="BSON") as told:
            await write()
        assert told.value.field in ("pattern", "rules")
    assert [each.get("pattern") for each in await database["Filed"].find().to_list()] == [None]


async def test_a_zone_whose_offset_depends_on_the_day_is_refused(bind_models: Any) -> None:
    class Opening(Document):
        at: time

    await bind_models(Opening)
    with pytest.raises(ValidationFailed) as told:
        await Opening(at=time(8, tzinfo=ZoneInfo("Europe/Berlin"))).insert()
    assert told.value.field == "at"


@pytest.mark.parametrize(
    "kind",
    [
        Callable[[], int],
        type[int],
        complex,
        Iterable[int],
        re.Pattern[bytes],
        list[re.Pattern[bytes] | None],
        dict[bytes, int],
        dict[str | None, int],
        dict[tuple[int, int], int],
        dict[Rank, int],
        dict[Literal[1, "a"], int],
        dict[timedelta, int],
        Box[dict[frozenset[int], int]],
    ],
)
def test_what_cannot_be_stored_is_refused_when_the_class_is_made(kind: Any) -> None:
    with pytest.raises(SettingsError, match=r"Wrong\.held.* cannot be stored") as told:
        create_model("Wrong", __base__=Document, held=(kind, ...))
    assert told.value.field is not None
    assert told.value.field.startswith("held")
    create_model("Right", __base__=Document, held=(kind | None, Field(None, exclude=True)))


def test_a_class_with_encoders_of_its_own_knows() -> None:
    class Tuned(Document):
        held: complex

        class Settings:
            bson_encoders: ClassVar[dict[Any, Any]] = {complex: str}


async def test_a_class_that_was_not_whole_when_it_was_made_is_judged_when_it_is_bound(bind_models: Any) -> None:
    late = create_model("Late", __base__=Document, held=("list[Wanted]", ...))
    wanted = create_model("Wanted", a=(complex, 0))
    late.model_rebuild(_types_namespace={"Wanted": wanted})
    with pytest.raises(SettingsError, match=r"Late\.held\.a"):
        await bind_models(late)
