"""Readers: a generated function that makes an instance from a stored document, as pydantic would.

A document that is not as usual goes to pydantic whole. The instance is made as pydantic-core makes it: attributes,
the set of given fields and the private attributes are put in place, no constructor runs.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docstore.documents.codec.generation import BAIL, Lines, Source
from docstore.documents.codec.shapes import MISSING, FieldShape

if TYPE_CHECKING:
    from docstore.documents.codec.kinds import ModelShape

_IMMUTABLE = (type(None), bool, int, str, type(PydanticUndefined))
_SET_ATTRIBUTES = BaseModel.__dict__["__dict__"].__set__
_SET_FIELDS_SET = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_SET_EXTRA = BaseModel.__dict__["__pydantic_extra__"].__set__
_SET_PRIVATE = BaseModel.__dict__["__pydantic_private__"].__set__


def reader(
    model: type[BaseModel],
    fields: Sequence[FieldShape],
    fallback: Callable[[Mapping[str, Any]], Any],
    *,
    lenient: bool,
) -> Callable[[Mapping[str, Any]], Any]:
    """A function from a stored document to an instance.

    Args:
        model: the class of the instances.
        fields: its fields.
        fallback: called with the document when it is not as usual.
        lenient: a required field may be missing or null, and a null reads as the field's default.
    """
    source = Source("def read(stored)", "return fallback(stored)")
    source.name("fallback", fallback)
    return _compile(source, model, fields, lenient=lenient)


def nested_reader(shape: "ModelShape") -> Callable[[Mapping[str, Any]], Any]:
    """A function from a stored part of a document to an instance, or to BAIL."""
    source = Source("def read(stored)", "return bail")
    source.name("bail", BAIL)
    return _compile(source, shape.kind, shape.fields, lenient=False, keeps_unknown=shape.keeps_unknown)


def _compile(
    source: Source,
    model: type[BaseModel],
    fields: Sequence[FieldShape],
    *,
    lenient: bool,
    keeps_unknown: bool = False,
) -> Callable[[Mapping[str, Any]], Any]:
    names = {field.name: f"v{number}" for number, field in enumerate(fields)}
    usual = [field for field in fields if not field.excluded]
    source.add(f"present = {source.bind({field.name for field in fields})}.copy()")
    if len(usual) > 1:
        keys = [field.key for field in usual]
        getter, absent = source.bind(itemgetter(*keys)), source.bind(dict.fromkeys(keys, MISSING))
        variables = ", ".join(names[field.name] for field in usual)
        source.add("try:", f"    {variables} = {getter}(stored)", "except KeyError:")
        # One look-up for all fields is half the price; what is missing is filled in only then.
        source.add(f"{variables} = {getter}({{**{absent}, **stored}})", indent=1)
        rest = [field for field in fields if field.excluded]
    else:
        rest = list(fields)
    for field in rest:
        source.add(f"{names[field.name]} = stored.get({field.key!r}, {source.bind(MISSING)})")
    for field in fields:
        _add_field(source, field, names[field.name], lenient=lenient)
    source.add(*(_unknown_lines(source, fields) if keeps_unknown else ["extra = None"]))
    values = ", ".join(f"{name!r}: {variable}" for name, variable in names.items())
    source.add(
        f"made = {source.bind(model.__new__)}({source.bind(model)})",
        f"{source.bind(_SET_ATTRIBUTES)}(made, {{{values}}})",
        f"{source.bind(_SET_FIELDS_SET)}(made, present)",
        f"{source.bind(_SET_EXTRA)}(made, extra)",
        *_private_lines(source, model),
        "return made",
    )
    return source.compile()


def _add_field(source: Source, field: FieldShape, value: str, *, lenient: bool) -> None:
    missing = source.bind(MISSING)
    shape, depth = field.value, 0
    if field.nullable:
        source.add(f"if {value} is not None:")
        depth = 1
    wrong = shape.misread(value, source)
    source.add(f"if {value} is {missing} or {wrong}:" if shape.takes_none else f"if {wrong}:", indent=depth)
    null_is_default = lenient and not field.nullable and not shape.takes_none
    also_absent = f" and {value} is not None" if null_is_default else ""
    source.add(f"if {value} is not {missing}{also_absent}:", "    {bail}", indent=depth + 1)
    for other in field.others:
        source.add(f"if {other!r} in stored:", "    {bail}", indent=depth + 1)
    source.add(*_default_lines(source, field, value, lenient=lenient), indent=depth + 1)
    convert = shape.read(value, source)
    if convert:
        source.add("else:", indent=depth)
        source.add(*convert, indent=depth + 1)


def _default_lines(source: Source, field: FieldShape, value: str, *, lenient: bool) -> Lines:
    given = f"present.discard({field.name!r})"
    if field.factory is not None:
        return [f"{value} = {_made_by(field.factory, source)}", given]
    if field.default is not MISSING:
        return [f"{value} = {source.bind(field.default)}", given]
    return [f"{value} = None", given] if lenient else ["{bail}"]


def _unknown_lines(source: Source, fields: Sequence[FieldShape]) -> Lines:
    known = source.bind(frozenset(field.key for field in fields))
    others = source.bind(frozenset(other for field in fields for other in field.others))
    return [
        f"extra = {{name: value for name, value in stored.items() if name not in {known}}}",
        # A second spelling beside the first, a name that is no text: pydantic knows what to make of it.
        f"if not {others}.isdisjoint(extra) or not all(type(name) is str for name in extra):",
        "    {bail}",
        "present.update(extra)",
    ]


def _private_lines(source: Source, model: type[BaseModel]) -> Lines:
    attributes = model.__private_attributes__
    setter = source.bind(_SET_PRIVATE)
    if not attributes:
        return [f"{setter}(made, None)"]
    if any(type(each.default) not in _IMMUTABLE or _takes_data(each) for each in attributes.values()):
        return [f"{setter}(made, None)", f"{source.bind(model.model_post_init)}(made, None)"]
    items = [
        f"{name!r}: {_made_by(each.default_factory, source) if each.default_factory else source.bind(each.default)}"
        for name, each in attributes.items()
        if each.default_factory or each.default is not PydanticUndefined
    ]
    return [f"{setter}(made, {{{', '.join(items)}}})"]


def _takes_data(attribute: Any) -> bool:
    return bool(getattr(attribute, "default_factory_takes_validated_data", False))


def _made_by(factory: Any, source: Source) -> str:
    literal = "{}" if factory is dict else "[]" if factory is list else ""
    return literal or f"{source.bind(factory)}()"
