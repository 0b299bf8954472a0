"""Models with fields of every kind that a validator is derived from."""

# ruff: noqa: RUF012 - pydantic copies defaults

import re
from collections import deque
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, NewType, TypeVar
from uuid import UUID

from annotated_types import Ge
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    HttpUrl,
    PlainValidator,
    PositiveInt,
    RootModel,
    SecretStr,
    StringConstraints,
    WrapValidator,
    field_validator,
)
from typing_extensions import TypedDict

from docstore.documents import Document, Email, Json, NonEmpty, PydanticObjectId, Slug, StrList, SubDocument, TokenHash

T = TypeVar("T")
Cents = NewType("Cents", int)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(Enum):
    TEXT = "text"
    NUMBER = 1


class Rights(IntFlag):
    READ = 1
    WRITE = 2


class Size(BaseModel):
    width: Annotated[int, Field(ge=0, le=99)]
    height: float | None = None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    word: str = Field(alias="theWord")


class Open(SubDocument):
    some_word: str = "x"


class Boxed(BaseModel, Generic[T]):
    held: T


class Words(RootModel[list[str]]):
    pass


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str


class Point(TypedDict, total=False):
    x: float


def shouted(value: str) -> str:
    return value.upper()


def counted(value: Any) -> int:
    return value if type(value) is int and abs(value) < 9 else len(str(value))


class Scalars(Document):
    flag: bool
    whole: int
    bounded: Annotated[int, Field(gt=0, lt=10, multiple_of=3)] = 3
    at_least: Annotated[int, Ge(-1)] = 0
    positive: PositiveInt = 1
    ratio: float = 0.5
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    step: Annotated[float, Field(multiple_of=0.1)] = 0.5
    price: Decimal = Decimal(1)
    dear: Annotated[Decimal, Field(ge=Decimal("0.5"))] = Decimal(1)
    cents: Cents = Cents(1)
    text: str
    short: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    code: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,4}$")] = "a"
    digits: Annotated[str, StringConstraints(pattern=r"^[\d\-]*$")] = "1"
    word: Annotated[str, StringConstraints(pattern=r"^\w*\W?$")] = "1"
    raw: bytes = b""
    key: UUID | None = None
    day: date | None = None
    instant: AwareDatetime | None = None
    span: timedelta | None = None
    owner: PydanticObjectId | None = None
    secret: SecretStr | None = None
    path: Path | None = None
    address: IPv4Address | None = None
    site: HttpUrl | None = None
    mail: EmailStr | None = None


class Chosen(Document):
    colour: Colour
    level: Level = Level.LOW
    mixed: Mixed | None = None
    rights: Rights = Rights.READ
    one: Literal["a", 1, None] = "a"
    either: int | str = 1
    any_of: bool | Size | list[int] = True
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


class Containers(Document):
    numbers: list[int] = []
    few: Annotated[list[str], Field(min_length=1, max_length=2)] = ["a"]
    pair: tuple[int, str] = (1, "a")
    many: tuple[float, ...] = ()
    unique: set[int] = set()
    queue: deque[int] = Field(default_factory=deque)
    by_name: dict[str, int] = {}
    sizes: list[Size] = []
    size: Size | None = None
    strict: Strict | None = None
    open: Open = Open()
    box: Boxed[int] | None = None
    words: Words = Words([])
    tree: Tree | None = None
    point: Point = {}
    free: Json = None
    anything: Any = None


class Checked(Document):
    slug: Slug
    email: Email
    filled: NonEmpty
    token: TokenHash
    tags: StrList = []
    loud: Annotated[str, AfterValidator(shouted)] = "A"
    length: Annotated[Any, PlainValidator(counted)] = 0
    was_text: Annotated[int, AfterValidator(str)] = 1
    before: Annotated[int, BeforeValidator(lambda value: value)] = 1
    wrapped: Annotated[str, WrapValidator(lambda value, handler: handler(value))] = "a"
    hidden: int = Field(default=0, exclude=True)
    pattern: re.Pattern[str] | None = None

    @field_validator("filled")
    @classmethod
    def _stripped(cls, value: str) -> str:
        return value.strip() or "x"


class NoNulls(Document):
    maybe: int | None
    word: str | None = None

    class Settings:
        keep_nulls = False


class Encoded(Document):
    amount: Decimal = Decimal(1)
    colour: Colour = Colour.RED
    level: Level = Level.LOW

    class Settings:
        bson_encoders: ClassVar[dict[Any, Any]] = {Decimal: str, Level: lambda level: level.name}


class TextId(Document):
    id: str = Field(default="x", alias="_id")  # type: ignore[assignment]


KINDS = (Scalars, Chosen, Containers, Checked, NoNulls, Encoded, TextId)
