"""The kinds of values with others inside: lists, instances of nested classes, and what pydantic alone knows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from docstore.documents.codec.generation import BAIL, Lines, Source
from docstore.documents.codec.judging import unchanged
from docstore.documents.codec.kinds.shape import Shape, through

if TYPE_CHECKING:
    from docstore.documents.codec.shapes import FieldShape


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

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        each = f"{value}_each"
        convert = self.item.read(each, source, fresh=fresh)
        lines = self._each(value, source, self.item.misread(each, source), convert, keep=fresh)
        if not self.null_is_empty:
            return lines
        return [f"if {value} is None:", f"    {value} = []", "else:", *(f"    {line}" for line in lines)]

    def unsettled(self, value: str, source: Source) -> str:
        return f"type({value}) is not list"

    def store(self, value: str, source: Source) -> Lines:
        each = f"{value}_each"
        return self._each(value, source, self.item.unsettled(each, source), self.item.store(each, source))

    def _each(self, value: str, source: Source, wrong: str, convert: Lines, *, keep: bool = False) -> Lines:
        each, new = f"{value}_each", f"{value}_new"
        check = [f"for {each} in {value}:", f"    if {wrong}:", "        {bail}"]
        if not convert:
            return check if keep else [*check, f"{value} = {value}[:]"]
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

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        from docstore.documents.codec.reading import nested_reader

        return through(value, source, nested_reader(self, fresh=fresh))

    def unsettled(self, value: str, source: Source) -> str:
        return f"type({value}) is not {source.bind(self.kind)}"

    def store(self, value: str, source: Source) -> Lines:
        from docstore.documents.codec.writing import nested_writer

        return through(value, source, nested_writer(self))


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

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        validate, context = self.validate, self.context

        def checked(stored: Any) -> Any:
            try:
                return validate(stored, context=context)
            except Exception:  # whatever it is, pydantic raises it again for the whole document
                return BAIL

        return through(value, source, checked)

    def store(self, value: str, source: Source) -> Lines:
        judge = self.judge

        def settled(present: Any) -> Any:
            try:
                judged = judge(present, by_alias=False, by_name=True)
                return present if unchanged(present, judged) else judged
            except Exception:  # as above
                return BAIL

        return through(value, source, settled)
