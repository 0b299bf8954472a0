"""Writers: generated functions that turn an instance's attributes into what is stored.

`encoder` is Beanie's encoder for the class. `checked_encoder` encodes only what validation would leave as it is, value
by value: its answer is proof that the document is valid, also when a list was changed in place. What it cannot prove
it hands back, for pydantic to judge.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from pydantic import BaseModel

from docstore.documents.codec.generation import BAIL, Lines, Source
from docstore.documents.codec.kinds import CheckedShape, ModelShape
from docstore.documents.codec.plain import AS_THEY_ARE, encode_value
from docstore.documents.codec.shapes import FieldShape

Attributes = dict[str, Any]


def encoder(fields: Sequence[FieldShape]) -> Callable[[Attributes], dict[str, Any]]:
    """A function from an instance's attributes to what Beanie would store, whatever the values are."""
    source = Source("def encode(attributes)", "raise AssertionError")
    safe, encode = source.bind(AS_THEY_ARE), source.bind(encode_value)
    _begin(source, fields)
    for value, field in _variables(fields):
        source.add(
            f"if type({value}) not in {safe}:",
            f"    {value} = {encode}({value})",
            *_kept_line(field, value),
        )
    _end(source, fields)
    return source.compile()


def checked_encoder(fields: Sequence[FieldShape]) -> Callable[[Attributes, bool], Any]:
    """A function from attributes and leniency to what is stored, or to BAIL.

    With leniency a required field may be None, as older services left it. Values that validation converts (free
    validators do) are taken over into the attributes.
    """
    source = Source("def encode(attributes, lenient)", "return bail")
    source.name("bail", BAIL)
    converted = [field for field in fields if isinstance(field.value, CheckedShape)]
    _begin(source, fields)
    for value, field in _variables(fields):
        source.add(*_settled_lines(source, field, value, keep=field in converted))
    names = {field.name: value for value, field in _variables(fields)}
    for field in converted:
        kept = f"{names[field.name]}_kept"
        source.add(f"attributes[{field.name!r}] = {kept}")
    _end(source, fields)
    return source.compile()


def nested_writer(shape: ModelShape) -> Callable[[BaseModel], Any]:
    """A function from a nested instance to what is stored, or to BAIL."""
    source = Source("def encode(instance)", "return bail")
    source.name("bail", BAIL)
    source.add("attributes = instance.__dict__")
    _begin(source, shape.fields)
    for value, field in _variables(shape.fields):
        source.add(*_settled_lines(source, field, value, keep=False, lenient=False))
    if shape.keeps_unknown:
        source.add(
            "if instance.__pydantic_extra__:",
            f"    stored.update({source.bind(encode_value)}(instance.__pydantic_extra__))",
        )
    _end(source, shape.fields)
    return source.compile()


def _variables(fields: Sequence[FieldShape]) -> list[tuple[str, FieldShape]]:
    return [(f"v{number}", field) for number, field in enumerate(fields)]


def _begin(source: Source, fields: Sequence[FieldShape]) -> None:
    """Lines that take the attributes out, and begin what is stored: as a copy with every key, which need not grow."""
    names = [field.name for field in fields]
    variables = ", ".join(value for value, _ in _variables(fields))
    if len(names) > 1:
        source.add(f"{variables} = {source.bind(itemgetter(*names))}(attributes)")
    elif names:
        source.add(f"{variables} = attributes[{names[0]!r}]")
    keys = dict.fromkeys(field.alias for field in fields if not field.excluded)
    source.add(f"stored = {source.bind(keys)}.copy()")


def _end(source: Source, fields: Sequence[FieldShape]) -> None:
    identity = next((value for value, field in _variables(fields) if field.alias == "_id" and not field.excluded), None)
    if identity is not None:
        source.add(f"if {identity} is None:", "    del stored['_id']")
    source.add("return stored")


def _kept_line(field: FieldShape, value: str) -> Lines:
    return [] if field.excluded else [f"stored[{field.alias!r}] = {value}"]


def _settled_lines(source: Source, field: FieldShape, value: str, *, keep: bool, lenient: bool = True) -> Lines:
    shape = field.value
    if isinstance(shape, CheckedShape):
        lines = [*shape.store(value, source), *([f"{value}_kept = {value}"] if keep else [])]
        lines += [f"if type({value}) not in {source.bind(AS_THEY_ARE)}:"]
        lines += [f"    {value} = {source.bind(encode_value)}({value})"]
        none = [f"{value}_kept = None"] if keep else ["pass"]
    else:
        lines = [f"if {shape.unsettled(value, source)}:", "    {bail}", *shape.store(value, source)]
        none = ["pass"]
    lines += _kept_line(field, value)
    if field.nullable:
        return [f"if {value} is None:", *_indented(none), "else:", *_indented(lines)]
    if field.required and lenient and not shape.takes_none:
        return [f"if {value} is None:", "    if not lenient:", "        {bail}", "else:", *_indented(lines)]
    return lines


def _indented(lines: Lines) -> Lines:
    return [f"    {line}" for line in lines]
