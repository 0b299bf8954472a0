"""The kinds of single values: text, numbers, instants, ids, members of enumerations, free-form JSON."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

from beanie import PydanticObjectId
from bson import Binary, ObjectId
from bson.tz_util import utc as bson_utc

from docstore.documents.codec.generation import Lines, Source
from docstore.documents.codec.kinds.shape import Shape
from docstore.documents.codec.plain import encode_value
from docstore.documents.fields import as_utc, check_storable

_EPOCH: Final = datetime(1970, 1, 1)
"""From it the driver's instants without a zone are measured on, faster than any other way to give them one."""
_EPOCH_UTC: Final = _EPOCH.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExactShape(Shape):
    """Values of one exact type that are stored as they are: text, truth values, instants of any zone."""

    kind: type

    @property
    def zoneless(self) -> bool:
        return self.kind is not datetime

    def misread(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(self.kind)}"


@dataclass(frozen=True, slots=True)
class NumberShape(Shape):
    """Numbers; BSON delivers large integers as Int64, and whole numbers for a float as integers."""

    kind: type
    also: type

    def misread(self, value: str, source: Source) -> str:
        return f"{self.unsettled(value, source)} and type({value}) is not {source.bind(self.also)}"

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        return [f"if {self.unsettled(value, source)}:", f"    {value} = {source.bind(self.kind)}({value})"]

    def unsettled(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(self.kind)}"


@dataclass(frozen=True, slots=True)
class TextShape(Shape):
    """Text under a rule that values from the database are not judged by again."""

    keeps_rule: Callable[[str], object]

    def misread(self, value: str, source: Source) -> str:
        return f"type({value}) is not str"

    def unsettled(self, value: str, source: Source) -> str:
        kept = value if self.keeps_rule is bool else f"{source.bind(self.keeps_rule)}({value})"
        return f"type({value}) is not str or not {kept}"


@dataclass(frozen=True, slots=True)
class InstantShape(Shape):
    """Instants in UTC with millisecond precision."""

    def misread(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(datetime)}"

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        if fresh:
            return [f"{value} = {source.bind(_EPOCH_UTC)} + ({value} - {source.bind(_EPOCH)})"]
        combine, zone = source.bind(datetime.combine), f"{value}.tzinfo"
        # In place, and a third of what astimezone() takes.
        return [
            f"if ({zone} is None or {zone} is {source.bind(bson_utc)}) and not {value}.microsecond % 1000:",
            f"    {value} = {combine}({value}.date(), {value}.time(), {source.bind(UTC)})",
            "else:",
            f"    {value} = {source.bind(as_utc)}({value})",
        ]

    def unsettled(self, value: str, source: Source) -> str:
        wrong_type = self.misread(value, source)
        return f"{wrong_type} or {value}.tzinfo is not {source.bind(UTC)} or {value}.microsecond % 1000"


@dataclass(frozen=True, slots=True)
class ObjectIdShape(Shape):
    """Object ids, in memory of Beanie's type."""

    def misread(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(ObjectId)} and {self.unsettled(value, source)}"

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        # As beanie_id(), in place.
        made = f"{value}_id"
        return [
            f"{made} = {source.bind(PydanticObjectId.__new__)}({source.bind(PydanticObjectId)})",
            f"{made}._ObjectId__id = {value}._ObjectId__id",
            f"{value} = {made}",
        ]

    def unsettled(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(PydanticObjectId)}"


@dataclass(frozen=True, slots=True)
class UuidShape(Shape):
    """UUIDs, stored as binary of the standard subtype."""

    def misread(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(UUID)}"

    def store(self, value: str, source: Source) -> Lines:
        return [f"{value} = {source.bind(Binary.from_uuid)}({value})"]


@dataclass(frozen=True, slots=True)
class EnumShape(Shape):
    """Members of an enumeration, stored by value."""

    kind: type[Enum]
    table: Mapping[Any, Enum]

    @classmethod
    def of(cls, enum: type[Enum], members: Iterable[Enum]) -> "EnumShape | None":
        """The shape of an enumeration of texts; None for another, where 1, 1.0 and True would be one key."""
        table = {member.value: member for member in members}
        return cls(enum, table) if all(type(value) is str for value in table) else None

    def misread(self, value: str, source: Source) -> str:
        return f"type({value}) is not str or {value} not in {source.bind(self.table)}"

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        return [f"{value} = {source.bind(self.table)}[{value}]"]

    def unsettled(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(self.kind)}"

    def store(self, value: str, source: Source) -> Lines:
        return [f"{value} = {value}._value_"]


@dataclass(frozen=True, slots=True)
class JsonShape(Shape):
    """Free-form JSON, stored as it stands; in memory it is the stored object itself, as pydantic leaves it."""

    takes_none = True
    zoneless = False

    def misread(self, value: str, source: Source) -> str:
        return f"{source.bind(_not_storable)}({value})"

    def store(self, value: str, source: Source) -> Lines:
        return [f"{value} = {source.bind(encode_value)}({value})"]


def beanie_id(value: ObjectId) -> PydanticObjectId:
    """An object id as Beanie's type, without parsing what is known to be one."""
    made = PydanticObjectId.__new__(PydanticObjectId)
    made._ObjectId__id = value._ObjectId__id  # type: ignore[attr-defined]  # ObjectId's only slot
    return made


def _not_storable(value: Any) -> bool:
    if value is None or type(value) is str:
        return False
    try:
        check_storable(value)
    except ValueError:
        return True
    return False
