"""Classes of every kind a codec knows, and of kinds it leaves to pydantic; and stored documents for them."""

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any
from uuid import UUID, uuid4

from bson import Binary, Decimal128, Int64, ObjectId
from bson.tz_util import utc as bson_utc
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
)

from docstore.documents import (
    Document,
    Email,
    Json,
    NonEmpty,
    PydanticObjectId,
    Slug,
    StrList,
    SubDocument,
    SystemDocument,
    TokenHash,
    UtcDateTime,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(Enum):
    TEXT = "text"
    NUMBER = 1


class Size(BaseModel):
    width: int
    height: float = 1.0
    unit: str | None = None


class Part(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    part_name: str = Field(alias="partName")
    size: Size
    colours: list[Colour] = Field(default_factory=list)
    made_by: PydanticObjectId | None = None


class Open(SubDocument):
    note_text: str = ""
    inner: Size | None = None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: int


def _first_of_list(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


class Everything(Document):
    text: str
    name: NonEmpty
    slug: Slug | None = None
    email: Email | None = None
    number: int = 0
    ratio: float | None = None
    required_ratio: float
    flag: bool = False
    colour: Colour = Colour.RED
    wanted_colour: Colour
    level: Level = Level.LOW
    mixed: Mixed | None = None
    at: UtcDateTime | None = None
    local_at: datetime | None = None
    token: TokenHash | None = None
    uid: UUID | None = None
    other_id: PydanticObjectId
    free: Json = None
    tags: StrList = Field(default_factory=list)
    numbers: list[int] = Field(default_factory=list)
    matrix: list[list[int]] | None = None
    ids: list[PydanticObjectId] = Field(default_factory=list)
    part: Part | None = None
    parts: list[Part] = Field(default_factory=list)
    strict: Strict | None = None
    open: Open | None = None
    by_name: dict[str, int] = Field(default_factory=dict)
    secret: SecretStr | None = None
    positive: Annotated[int, Field(gt=0)] | None = None
    either: int | str | None = None
    first: Annotated[str, BeforeValidator(_first_of_list)] | None = None
    renamed: bool = Field(default=False, alias="renamed", validation_alias=AliasChoices("renamed", "isRenamed"))


class Usual(Document):
    """The kinds of values whose documents are read as they were decoded, without zones."""

    text: str
    name: NonEmpty
    slug: Slug | None = None
    email: Email | None = None
    number: int = 0
    ratio: float | None = None
    required_ratio: float
    flag: bool = False
    wanted_colour: Colour
    at: UtcDateTime | None = None
    uid: UUID | None = None
    other_id: PydanticObjectId
    tags: StrList = Field(default_factory=list)
    numbers: list[int] = Field(default_factory=list)
    matrix: list[list[int]] | None = None
    ids: list[PydanticObjectId] = Field(default_factory=list)
    part: Part | None = None
    parts: list[Part] = Field(default_factory=list)


class Small(SystemDocument):
    title: str = "none"

    _note: list[str] = PrivateAttr(default_factory=list)
    _number: int = PrivateAttr(default=3)


class TextId(Document):
    id: str  # type: ignore[assignment]
    title: str


class Judged(Document):
    """Stock: the validator may look at other fields."""

    low: int = 0
    high: int = 0

    @field_validator("high")
    @classmethod
    def _above_low(cls, value: int, info: Any) -> int:
        if value < info.data.get("low", 0):
            raise ValueError("high is below low")
        return value


class Extra(Document):
    """Stock: unknown fields are kept."""

    model_config = ConfigDict(extra="allow")

    title: str


class Stripped(Document):
    """Stock: the configuration changes values."""

    model_config = ConfigDict(str_strip_whitespace=True)

    title: str


class Projection(BaseModel):
    """A class that is not hydrated: nulls are errors."""

    id: PydanticObjectId = Field(alias="_id")
    title: NonEmpty
    slug: Slug | None = None
    number: int = 0
    at: UtcDateTime | None = None
    colour: Colour = Colour.RED


STOCK = (Judged, Extra, Stripped)
COMPILED = (Everything, Usual, Small, TextId, Projection)

_INSTANTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1))
_ZONES = st.sampled_from([bson_utc, bson_utc, UTC, None, timezone(timedelta(hours=2))])
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.integers(-(2**62), 2**62).map(Int64),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["", "a-slug", "Not A Slug", "ada@example.com", " Ada@Example.COM ", "red", "blue", "1", "text", "true", "3.5"]
    ),
    st.builds(lambda at, zone: at.replace(tzinfo=zone), _INSTANTS, _ZONES),
    st.builds(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=bson_utc), _INSTANTS),
    st.builds(ObjectId),
    st.builds(PydanticObjectId),
    st.builds(uuid4),
    st.binary(max_size=12),
    st.binary(max_size=4).map(lambda raw: Binary(raw, 5)),
    st.sampled_from([Decimal128("1.5"), float("nan"), "sha256:" + "a" * 64]),
)
_SIZES = st.fixed_dictionaries(
    {}, optional={"width": st.integers(0, 9) | _SCALARS, "height": st.floats(0, 1) | _SCALARS, "unit": _SCALARS}
)
_OPEN = st.fixed_dictionaries(
    {},
    optional={
        "noteText": st.text(max_size=3) | _SCALARS,
        "note_text": st.text(max_size=3),
        "inner": _SIZES | _SCALARS,
        "unknown": st.lists(_SCALARS, max_size=2) | _SCALARS,
        "more": _SCALARS,
    },
)
_PARTS = st.fixed_dictionaries(
    {},
    optional={
        "partName": st.text(max_size=3) | _SCALARS,
        "part_name": st.text(max_size=3),
        "size": _SIZES | _SCALARS,
        "colours": st.lists(st.sampled_from(["red", "blue", "green"]), max_size=2) | _SCALARS,
        "made_by": _SCALARS,
        "unknown": _SCALARS,
    },
)
VALUES = st.one_of(
    _SCALARS,
    st.lists(_SCALARS, max_size=3),
    st.lists(st.integers(0, 5), max_size=3),
    st.lists(st.text(max_size=3), max_size=3),
    st.lists(st.lists(st.integers(0, 5), max_size=2), max_size=2),
    st.lists(st.builds(ObjectId), max_size=2),
    st.lists(_PARTS, max_size=2),
    _PARTS,
    _OPEN,
    st.dictionaries(st.text(max_size=4), _SCALARS, max_size=2),
)
"""Whatever BSON can deliver, and a little that only Python can."""

GOOD: dict[str, Any] = {
    "text": "some text",
    "name": "a name",
    "slug": "a-slug",
    "email": "ada@example.com",
    "number": 3,
    "ratio": 0.5,
    "requiredRatio": 2.0,
    "flag": True,
    "colour": "blue",
    "wantedColour": "red",
    "level": 2,
    "mixed": "text",
    "at": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=bson_utc),
    "localAt": datetime(2026, 1, 2, 3, 4, 5, tzinfo=bson_utc),
    "token": "sha256:" + "a" * 64,
    "uid": UUID(int=7),
    "otherId": ObjectId("65f000000000000000000001"),
    "free": {"a": [1, {"b": None}]},
    "tags": ["x", "y"],
    "numbers": [1, 2],
    "matrix": [[1], [2, 3]],
    "ids": [ObjectId("65f000000000000000000002")],
    "part": {"partName": "p", "size": {"width": 1, "height": 2.5, "unit": None}, "colours": ["red"], "made_by": None},
    "parts": [{"partName": "q", "size": {"width": 1}}],
    "strict": {"value": 1},
    "open": {"noteText": "n", "kept": [1]},
    "byName": {"a": 1},
    "secret": "s3cret",
    "positive": 4,
    "either": "either",
    "first": ["f"],
    "renamed": True,
    "createdAt": datetime(2026, 1, 1, tzinfo=bson_utc),
    "updatedAt": datetime(2026, 1, 1, tzinfo=bson_utc),
    "deletedAt": None,
    "isDeleted": False,
    "deletedBy": None,
    "_id": ObjectId("65f000000000000000000003"),
}
"""A stored `Everything` with a usual value in every field."""


def names_of(model: type[BaseModel]) -> list[str]:
    """Every spelling a stored document may use."""
    names = {"unknown", "__v", "isRenamed"}
    for name, info in model.model_fields.items():
        names |= {name, info.alias or name}
    return sorted(names)


def stored_documents(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Stored documents: usual ones with some fields replaced, some missing, some unknown."""
    known = {info.alias or name for name, info in model.model_fields.items()}
    usual = {name: value for name, value in GOOD.items() if name in known}
    usual |= {"title": "a title"} if "title" in known else {}
    changes = st.dictionaries(st.sampled_from(names_of(model)), VALUES, max_size=4)
    dropped = st.sets(st.sampled_from(sorted(known)), max_size=3) | st.just(known)
    return st.builds(
        lambda gone, new: {**{name: value for name, value in usual.items() if name not in gone}, **new},
        dropped,
        changes,
    )
