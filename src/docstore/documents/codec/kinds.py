"""The kinds of values a codec knows: how a stored one is read, and when one in memory is as validation would leave it.

Each kind gives lines of Python over one variable; `generation.py` puts them into a function. A line that meets what
it does not know ends the function (`{bail}`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from beanie import PydanticObjectId
from bson import Binary, Int64, ObjectId
from bson.tz_util import utc as bson_utc
from pydantic import BaseModel

from docstore.documents.codec.generation import BAIL, Lines, Source
from docstore.documents.codec.plain import encode_value
from docstore.documents.fields import (
    STORED,
    as_utc,
    check_email,
    check_slug,
    check_storable,
    is_slug,
    normalized_email,
    not_empty,
    null_as_empty,
)

if TYPE_CHECKING:
    from docstore.documents.codec.shapes import FieldShape


class Shape(ABC):
    """What the values of a field are."""

    @property
    def takes_none(self) -> bool:
        """Whether None is for the kind itself to judge."""
        return False

    @property
    def zoneless(self) -> bool:
        """Whether instants may be read without their zone, which the driver sets at a price: they become UTC anyway."""
        return True

    @abstractmethod
    def misread(self, value: str, source: Source) -> str:
        """An expression that is true when a stored value is not of this kind."""

    def read(self, value: str, source: Source) -> Lines:
        """Lines that turn a stored value of this kind into the field's value."""
        return []

    def unsettled(self, value: str, source: Source) -> str:
        """An expression that is true unless validation would return the value in memory as it is."""
        return self.misread(value, source)

    def store(self, value: str, source: Source) -> Lines:
        """Lines that turn a settled value into what is stored."""
        return []


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

    def read(self, value: str, source: Source) -> Lines:
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

    def read(self, value: str, source: Source) -> Lines:
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

    def read(self, value: str, source: Source) -> Lines:
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

    def read(self, value: str, source: Source) -> Lines:
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


@dataclass(frozen=True, slots=True)
class ListShape(Shape):
    """Lists of one kind; both ways the list is a new one."""

    item: Shape
    null_is_empty: bool = False

    @property
    def takes_none(self) -> bool:
        return self.null_is_empty

    @property
    def zoneless(self) -> bool:
        return self.item.zoneless

    def misread(self, value: str, source: Source) -> str:
        no_null = f"{value} is not None and " if self.null_is_empty else ""
        return f"{no_null}type({value}) is not list"

    def read(self, value: str, source: Source) -> Lines:
        each = f"{value}_each"
        lines = self._each(value, source, self.item.misread(each, source), self.item.read(each, source))
        if not self.null_is_empty:
            return lines
        return [f"if {value} is None:", f"    {value} = []", "else:", *(f"    {line}" for line in lines)]

    def unsettled(self, value: str, source: Source) -> str:
        return f"type({value}) is not list"

    def store(self, value: str, source: Source) -> Lines:
        each = f"{value}_each"
        return self._each(value, source, self.item.unsettled(each, source), self.item.store(each, source))

    def _each(self, value: str, source: Source, wrong: str, convert: Lines) -> Lines:
        each, new = f"{value}_each", f"{value}_new"
        check = [f"for {each} in {value}:", f"    if {wrong}:", "        {bail}"]
        if not convert:
            return [*check, f"{value} = {value}[:]"]
        converted = [*(f"    {line}" for line in convert), f"    {new}.append({each})"]
        return [f"{new} = []", *check, *converted, f"{value} = {new}"]


@dataclass(frozen=True, slots=True)
class ModelShape(Shape):
    """Instances of a nested class, compiled like the class round it."""

    kind: type[BaseModel]
    fields: "tuple[FieldShape, ...]"
    keeps_unknown: bool = False

    @property
    def zoneless(self) -> bool:
        return not self.keeps_unknown and all(field.value.zoneless for field in self.fields)

    def misread(self, value: str, source: Source) -> str:
        return f"type({value}) is not dict"

    def read(self, value: str, source: Source) -> Lines:
        from docstore.documents.codec.reading import nested_reader

        return _through(value, source, nested_reader(self))

    def unsettled(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(self.kind)}"

    def store(self, value: str, source: Source) -> Lines:
        from docstore.documents.codec.writing import nested_writer

        return _through(value, source, nested_writer(self))


@dataclass(frozen=True, slots=True)
class CheckedShape(Shape):
    """Anything else: pydantic's validator of this one field decides."""

    takes_none = True
    zoneless = False

    validate: Callable[..., Any]
    context: Any
    judge: Callable[..., Any]

    def misread(self, value: str, source: Source) -> str:
        return "False"

    def read(self, value: str, source: Source) -> Lines:
        validate, context = self.validate, self.context

        def checked(stored: Any) -> Any:
            try:
                return validate(stored, context=context)
            except Exception:  # whatever it is, pydantic raises it again for the whole document
                return BAIL

        return _through(value, source, checked)

    def store(self, value: str, source: Source) -> Lines:
        judge = self.judge

        def settled(present: Any) -> Any:
            try:
                return judge(present, by_alias=False, by_name=True)
            except Exception:  # as above
                return BAIL

        return _through(value, source, settled)


def _through(value: str, source: Source, function: Callable[[Any], Any]) -> Lines:
    bail = source.bind(BAIL)
    return [f"{value} = {source.bind(function)}({value})", f"if {value} is {bail}:", "    {bail}"]


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


def _is_settled_email(value: str) -> bool:
    try:
        return normalized_email(value) == value
    except ValueError:
        return False


_EXACT: Final[Mapping[str, type]] = {"str": str, "bool": bool}
_RULES: Final[Mapping[Any, Callable[[str], object]]] = {
    not_empty: bool,
    check_slug: is_slug,
    check_email: _is_settled_email,
}


def leaf_shape(kind: str, bare: Mapping[str, Any]) -> Shape | None:
    """The shape of a schema without anything inside it, or None when it has constraints or is another."""
    if kind == "datetime" and bare == {"microseconds_precision": "truncate"}:
        return ExactShape(datetime)
    if bare:
        return None
    if kind in _EXACT:
        return ExactShape(_EXACT[kind])
    if kind in ("int", "float"):
        return NumberShape(int, Int64) if kind == "int" else NumberShape(float, int)
    return UuidShape() if kind == "uuid" else None


def field_type_shape(schema: Mapping[str, Any], context: Any) -> Shape | None:
    """The shape of one of docstore's own field types, or None."""
    if schema["type"] != "function-after":
        return None
    function, inner = schema["function"]["function"], schema["schema"]
    if function is as_utc and inner["type"] == "datetime":
        return InstantShape()
    if function is check_storable and inner["type"] == "any":
        return JsonShape()
    if function in _RULES and context is STORED and inner == {"type": "str"}:
        return TextShape(_RULES[function])
    return None


def is_list_or_null(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is a list's for which a null is the empty list."""
    return (
        schema["type"] == "function-before"
        and schema["function"]["function"] is null_as_empty
        and schema["schema"]["type"] == "list"
    )


def object_id_shape(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Shape | None:
    """The shape of Beanie's object id, defined here or elsewhere, or None."""
    target = definitions.get(schema["schema_ref"]) if schema["type"] == "definition-ref" else schema
    if not target or target["type"] != "json-or-python":
        return None
    python = target["python_schema"]
    if python["type"] == "function-plain" and python["function"]["function"] == PydanticObjectId._validate:
        return ObjectIdShape()
    return None
