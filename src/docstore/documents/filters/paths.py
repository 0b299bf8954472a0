"""Field paths: from what a caller wrote, attribute or stored name, to what is stored there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docstore.documents.filters.annotations import (
    allows_none,
    element_of,
    is_free,
    is_link,
    mapping_value_of,
    members,
    nested_model,
)
from docstore.errors import UnknownField


@dataclass(frozen=True, eq=False)
class FieldPath:
    """A path that exists.

    Args:
        model: the document's class name.
        stored: the path as MongoDB knows it.
        types: the alternatives of what is stored there; None among them as NoneType.
        nullable: whether a stored document may lack it.
        declared: where it is declared, with all the rules for new values; of several classes each one's declaration.
    """

    model: str
    stored: str
    types: tuple[Any, ...]
    nullable: bool
    declared: "tuple[Declaration, ...]" = ()

    @property
    def spelled(self) -> str:
        """The path for a message: ``Post.authorId``."""
        return f"{self.model}.{self.stored}"


@lru_cache(maxsize=4096)
def resolve(model: type[BaseModel], path: str) -> FieldPath:
    """The field that `path` names; attribute names become stored ones.

    Args:
        model: a document class.
        path: attributes or stored names, dotted; list positions (``0``, ``$``, ``$[]``) may stand between.

    Raises:
        UnknownField: the model has no such field; suggests the nearest one.
    """
    stored: list[str] = []
    places: list[_Place] = [_Place(model, nullable=False)]
    for number, segment in enumerate(path.split(".")):
        storable = segment and "\0" not in segment
        found = [step for place in places for step in _step(place, segment)] if storable else []
        if not found:
            raise _unknown(model, path, number, places)
        stored.append(found[0][0])
        places = [place for _, place in found]
    return FieldPath(
        model=model.__name__,
        stored=".".join(stored),
        types=tuple(place.annotation for place in places),
        nullable=any(place.nullable for place in places),
        declared=_distinct(place.declared for place in places if place.declared is not None),
    )


@dataclass(frozen=True, eq=False)
class Declaration:
    """What a class says about values at the end of a path.

    Args:
        annotation: of the field, or of the elements of a list or dict.
        model: the class whose field it is; None for elements.
        attribute: the field's attribute.
    """

    annotation: Any
    model: type[BaseModel] | None = None
    attribute: str = ""


@dataclass(frozen=True)
class _Place:
    """What stands at one point of a path."""

    annotation: Any
    nullable: bool
    declared: Declaration | None = None


def _step(place: _Place, segment: str) -> Iterator[tuple[str, _Place]]:
    """Where one more segment leads: its stored name, and what stands there."""
    annotation = place.annotation
    if is_free(annotation) or is_link(annotation):
        yield segment, _Place(Any, nullable=True)
        return
    model = nested_model(annotation)
    if model is not None:
        for stored, info in _fields_called(model, segment):
            nullable = allows_none(info)
            declared = _declaration(model, info)
            for each in members(info.annotation, tuple(info.metadata)):
                yield stored, _Place(each, nullable, declared)
        return
    value = mapping_value_of(annotation)
    if value is not PydanticUndefined:
        declared = Declaration(value)
        for each in members(value):
            yield segment, _Place(each, nullable=True, declared=declared)
        return
    element = element_of(annotation)
    if element is not PydanticUndefined:
        declared = Declaration(element)
        for each in members(element):
            inside = _Place(each, nullable=True, declared=declared)
            if segment.isdigit() or segment.startswith("$"):
                yield segment, inside
            else:
                yield from _step(inside, segment)


def _declaration(model: type[BaseModel], info: FieldInfo) -> Declaration:
    for owner in (model, *_children(model)):
        for attribute, each in owner.model_fields.items():
            if each is info:
                return Declaration(info.annotation, owner, attribute)
    return Declaration(info.annotation)


def _distinct(declarations: Iterable[Declaration]) -> tuple[Declaration, ...]:
    return tuple(dict.fromkeys(declarations))


def _fields_called(model: type[BaseModel], name: str) -> Iterator[tuple[str, FieldInfo]]:
    for each in (model, *_children(model)):
        found = _names(each).get(name)
        if found is not None:
            yield found
            return
    if name == _class_id(model):
        yield name, FieldInfo(annotation=str)
    elif model.model_config.get("extra") == "allow":
        yield name, FieldInfo(annotation=Any, default=None)


@lru_cache(maxsize=1024)
def _names(model: type[BaseModel]) -> Mapping[str, tuple[str, FieldInfo]]:
    """Every name of every field, with its stored name: attributes, old spellings, and over them stored names."""
    fields = model.model_fields
    stored = {attribute: info.alias or attribute for attribute, info in fields.items()}
    names = {attribute: (stored[attribute], info) for attribute, info in fields.items()}
    for info in fields.values():
        names |= {old: (old, info) for old in _old_spellings(info)}
    return names | {stored[attribute]: (stored[attribute], info) for attribute, info in fields.items()}


def _old_spellings(info: FieldInfo) -> Iterable[str]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        return [each for each in alias.choices if isinstance(each, str)]
    return [alias] if isinstance(alias, str) else []


def _children(model: type[BaseModel]) -> Iterable[type[BaseModel]]:
    children: Any = getattr(model, "_children", None)
    return children.values() if isinstance(children, Mapping) else ()


def _class_id(model: type[BaseModel]) -> str | None:
    settings = getattr(model, "_document_settings", None)
    return getattr(settings, "class_id", None)


def _unknown(model: type[BaseModel], path: str, number: int, places: list[_Place]) -> UnknownField:
    segments = path.split(".")
    nested = [found for place in places if (found := nested_model(place.annotation))]
    nested += [
        found
        for place in places
        if (inside := element_of(place.annotation)) is not PydanticUndefined
        for each in members(inside)
        if (found := nested_model(each))
    ]
    known = {name.lower(): name for each in nested for name in _names(each)}
    near = [known[name] for name in get_close_matches(segments[number].lower(), known, n=1)]
    nearest = ".".join([*segments[:number], *near, *segments[number + 1 :]])
    return UnknownField(
        f"{model.__name__} has no field {path!r}.",
        hint=(f"Did you mean {nearest!r}? " if near else "")
        + "A field that the model does not know is reached with trusted({...}).",
        collection=model.__name__,
        field=path,
    )
