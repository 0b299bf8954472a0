"""Readers: a generated function that makes an instance from a stored document, as pydantic would.

A document that is not as usual goes to pydantic whole. The instance is made as pydantic-core makes it: attributes,
the set of given fields and the private attributes are put in place (or left to be, see `late.py`), no constructor runs.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docstore.documents.codec.generation import BAIL, Lines, Source
from docstore.documents.codec.late import (
    SET_ATTRIBUTES,
    SET_EXTRA,
    SET_FIELDS_SET,
    SET_PRIVATE,
    leave_to_late,
    may_be_late,
)
from docstore.documents.codec.shapes import MISSING, FieldShape

if TYPE_CHECKING:
    from docstore.documents.codec.kinds import ModelShape

_IMMUTABLE = (type(None), bool, int, str, type(PydanticUndefined))


def reader(
    model: type[BaseModel],
    fields: Sequence[FieldShape],
    fallback: Callable[[Mapping[str, Any]], Any],
    *,
    lenient: bool,
    fresh: bool = False,
) -> Callable[[Mapping[str, Any]], Any]:
    """A function from a stored document to an instance.

    Args:
        model: the class of the instances.
        fields: its fields.
        fallback: called with the document when it is not as usual.
        lenient: a required field may be missing or null, and a null reads as the field's default.
        fresh: the documents were decoded just now, with no zones set, and nobody else holds them.
    """
    source = Source("def read(stored)", "return fallback(stored)")
    source.name("fallback", fallback)
    whole = _Reader(source, model, fields, lenient=lenient, fresh=fresh).compile()
    if not fresh or any(field.excluded and field.default is MISSING for field in fields):
        return whole
    # Of a single document the processor has the code still to fetch: so first the third of it that most documents need.
    source = Source("def read(stored)", "return fallback(stored)")
    source.name("fallback", whole)
    return _Reader(source, model, fields, fresh=True, brief=True).compile()


def nested_reader(shape: "ModelShape", *, fresh: bool = False) -> Callable[[Mapping[str, Any]], Any]:
    """A function from a stored part of a document to an instance, or to BAIL."""
    source = Source("def read(stored)", "return bail")
    source.name("bail", BAIL)
    return _Reader(source, shape.kind, shape.fields, fresh=fresh, keeps_unknown=shape.keeps_unknown).compile()


class _Reader:
    """A reader in the making; a brief one is for documents that have every field, with a value of its kind or null."""

    def __init__(
        self,
        source: Source,
        model: type[BaseModel],
        fields: Sequence[FieldShape],
        *,
        lenient: bool = False,
        fresh: bool = False,
        keeps_unknown: bool = False,
        brief: bool = False,
    ) -> None:
        self._source = source
        self._model = model
        self._fields = fields
        self._lenient = lenient
        self._fresh = fresh
        self._keeps_unknown = keeps_unknown
        self._brief = brief
        self._unstored = tuple(field.name for field in fields if field.excluded)

    def compile(self) -> Callable[[Mapping[str, Any]], Any]:
        source, names = self._source, [field.name for field in self._fields]
        self._take_out()
        # A copy of a dict is one piece of memory copied; one of many fields written out would grow, and move, thrice.
        empty = {field.name: field.default if field.excluded and self._brief else None for field in self._fields}
        source.add(f"attributes = {source.bind(empty)}.copy()", *([] if self._brief else ["absent = ()"]))
        for number, field in enumerate(self._fields):
            self._add_field(field, f"v{number}")
        extra = "None"
        if self._keeps_unknown:
            source.add(*_unknown_lines(source, self._fields))
            extra = "extra"
        model = source.bind(self._model)
        source.add(
            f"made = {source.bind(self._model.__new__)}({model})",
            f"{source.bind(SET_ATTRIBUTES)}(made, attributes)",
            *self._beside(frozenset(names), extra),
            "return made",
        )
        return source.compile()

    def _take_out(self) -> None:
        """Lines that put each field's stored value into its variable."""
        source, missing = self._source, self._source.bind(MISSING)
        numbered = [(f"v{number}", field) for number, field in enumerate(self._fields)]
        usual = [(value, field.key) for value, field in numbered if not field.excluded]
        together = len(usual) > 1
        if together:
            keys = [key for _, key in usual]
            getter, absent = source.bind(itemgetter(*keys)), source.bind(dict.fromkeys(keys, MISSING))
            variables = ", ".join(value for value, _ in usual)
            # One look-up for all fields is half the price; what is missing is filled in only then.
            filled_in = "{bail}" if self._brief else f"{variables} = {getter}({{**{absent}, **stored}})"
            source.add("try:", f"    {variables} = {getter}(stored)", "except KeyError:", f"    {filled_in}")
        for value, field in numbered:
            if (field.excluded and not self._brief) or not together:
                source.add(f"{value} = stored.get({field.key!r}, {missing})")

    def _add_field(self, field: FieldShape, value: str) -> None:
        source, missing = self._source, self._source.bind(MISSING)
        shape, depth = field.value, 0
        if self._brief and field.excluded:
            source.add(*(f"if {name!r} in stored: {{bail}}" for name in (field.key, *field.others)))
            return
        if field.nullable:
            source.add(f"if {value} is not None:")
            depth = 1
        wrong = shape.misread(value, source)
        if self._brief:
            source.add(f"if {value} is {missing} or {wrong}:" if shape.takes_none else f"if {wrong}:", indent=depth)
            source.add("    {bail}", *shape.read(value, source, fresh=True), indent=depth)
            source.add(f"attributes[{field.name!r}] = {value}", indent=depth)
            return
        source.add(f"if {value} is {missing} or {wrong}:" if shape.takes_none else f"if {wrong}:", indent=depth)
        null_is_default = self._lenient and not field.nullable and not shape.takes_none
        also_absent = f" and {value} is not None" if null_is_default else ""
        source.add(f"if {value} is not {missing}{also_absent}:", "    {bail}", indent=depth + 1)
        for other in field.others:
            source.add(f"if {other!r} in stored:", "    {bail}", indent=depth + 1)
        source.add(*_default_lines(source, field, value, lenient=self._lenient), indent=depth + 1)
        convert = shape.read(value, source, fresh=self._fresh)
        if convert:
            source.add("else:", indent=depth)
            source.add(*convert, indent=depth + 1)
        source.add(f"attributes[{field.name!r}] = {value}", indent=depth)

    def _beside(self, names: frozenset[str], extra: str) -> Lines:
        """Lines that set what an instance has beside its attributes, or leave its slots to be filled late."""
        source, model = self._source, self._model
        private = _private_lines(source, model)
        usual = source.bind(set(names.difference(self._unstored)))
        partial = f"{source.bind(set(names))}.difference(absent)"
        if self._keeps_unknown or not may_be_late(model) or len(private) > 1:
            present = f"{usual}.copy()" if self._brief else partial
            return [
                f"{source.bind(SET_FIELDS_SET)}(made, {present})",
                *(["if extra:", "    made.__pydantic_fields_set__.update(extra)"] if self._keeps_unknown else []),
                f"{source.bind(SET_EXTRA)}(made, {extra})",
                *[f"{source.bind(SET_PRIVATE)}(made, {value})" for value in private[:1]],
                *private[1:],
            ]
        leave_to_late(model, names.difference(self._unstored), _private_maker(model))
        if self._brief:
            return []
        return [f"if absent != {source.bind(self._unstored)}:", f"    {source.bind(SET_FIELDS_SET)}(made, {partial})"]


def _default_lines(source: Source, field: FieldShape, value: str, *, lenient: bool) -> Lines:
    absent = f"absent += ({field.name!r},)"
    if field.factory is not None:
        return [f"{value} = {_made_by(field.factory, source)}", absent]
    if field.default is not MISSING:
        return [f"{value} = {source.bind(field.default)}", absent]
    return [f"{value} = None", absent] if lenient else ["{bail}"]


def _unknown_lines(source: Source, fields: Sequence[FieldShape]) -> Lines:
    known = source.bind(frozenset(field.key for field in fields))
    others = source.bind(frozenset(other for field in fields for other in field.others))
    return [
        f"extra = {{name: value for name, value in stored.items() if name not in {known}}}",
        # A second spelling beside the first, a name that is no text: pydantic knows what to make of it.
        f"if not {others}.isdisjoint(extra) or not all(type(name) is str for name in extra):",
        "    {bail}",
    ]


def _private_lines(source: Source, model: type[BaseModel]) -> Lines:
    """The expression of an instance's private attributes, and the call that sets them where an expression cannot."""
    attributes = model.__private_attributes__
    if not attributes:
        return ["None"]
    if any(type(each.default) not in _IMMUTABLE or _takes_data(each) for each in attributes.values()):
        return ["None", f"{source.bind(model.model_post_init)}(made, None)"]
    items = [
        f"{name!r}: {_made_by(each.default_factory, source) if each.default_factory else source.bind(each.default)}"
        for name, each in attributes.items()
        if each.default_factory or each.default is not PydanticUndefined
    ]
    return [f"{{{', '.join(items)}}}"]


def _private_maker(model: type[BaseModel]) -> Callable[[], dict[str, Any] | None]:
    source = Source("def make()", "raise AssertionError")
    source.add(f"return {_private_lines(source, model)[0]}")
    return source.compile()


def _takes_data(attribute: Any) -> bool:
    return bool(getattr(attribute, "default_factory_takes_validated_data", False))


def _made_by(factory: Any, source: Source) -> str:
    literal = "{}" if factory is dict else "[]" if factory is list else ""
    return literal or f"{source.bind(factory)}()"
