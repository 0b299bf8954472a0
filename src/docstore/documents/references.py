"""What a field refers to, and what becomes of the referring document when its target is deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from beanie import PydanticObjectId
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_LISTS = (list, tuple, set, frozenset)


class OnDelete(StrEnum):
    """What happens to a referring document when the document it refers to is deleted."""

    RESTRICT = "restrict"
    CASCADE = "cascade"
    SET_NULL = "set_null"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, init=False)
class Ref:
    """Marks an ObjectId field as a reference: ``Annotated[DocumentId, Ref("Author", on_delete=...)]``.

    Or a list of them. The mark may stand round the whole annotation or at the id inside it, ``Annotated[...] | None``
    and ``list[Annotated[...]]``; not in a nested document, where nothing would keep the reference.

    Args:
        target: the referenced model's class name, or the class. A name where domains refer to each other.
        on_delete: the rule applied to the referring document when the target is deleted.
    """

    target: str
    on_delete: OnDelete

    def __init__(self, target: str | type[BaseModel], on_delete: OnDelete = OnDelete.RESTRICT) -> None:
        object.__setattr__(self, "target", target if isinstance(target, str) else target.__name__)
        object.__setattr__(self, "on_delete", on_delete)


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference of a model: attribute, stored field, target model's name and rule."""

    attribute: str
    field: str
    target: str
    on_delete: OnDelete
    optional: bool


def references_of(model: type[BaseModel]) -> tuple[Reference, ...]:
    """The references a model declares, in field order."""
    # Asked for with every relation that is loaded; pydantic may build a model anew, with other annotations.
    return _references(model, getattr(model, "__pydantic_validator__", None))


@lru_cache(maxsize=1024)
def _references(model: Any, built: object) -> tuple[Reference, ...]:
    return tuple(
        Reference(
            attribute=attribute,
            field=info.alias or attribute,
            target=mark.target,
            on_delete=mark.on_delete,
            optional=not info.is_required(),
        )
        for attribute, info in _fields(model)
        for mark in _marks(info.annotation, *info.metadata)
    )


def misplaced_references(model: type[BaseModel]) -> Iterator[str]:
    """Where references stand in documents nested in a model, by dotted attributes: nothing would keep them."""
    for attribute, info in _fields(model):
        for path, _ in _nested_marks(info.annotation, (model,)):
            yield f"{attribute}{path}"


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    yield from getattr(model, "model_fields", {}).items()


def _marks(annotation: Any, *metadata: Any) -> Iterator[Ref]:
    """The marks at a value, at its alternatives and at the elements of a list."""
    yield from (mark for mark in metadata if isinstance(mark, Ref))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _marks(*arguments)
    elif origin in (Union, UnionType, *_LISTS):
        for inside in arguments:
            yield from _marks(inside)


def _nested_marks(annotation: Any, seen: tuple[Any, ...]) -> Iterator[tuple[str, Ref]]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for attribute, info in _fields(annotation) if annotation not in seen else ():
            yield from ((f".{attribute}", mark) for mark in _marks(info.annotation, *info.metadata))
            deeper = _nested_marks(info.annotation, (*seen, annotation))
            yield from ((f".{attribute}{path}", mark) for path, mark in deeper)
    elif isinstance(origin, type) and issubclass(origin, dict):
        for inside in arguments:
            yield from ((".*", mark) for mark in _marks(inside))
            yield from ((f".*{path}", mark) for path, mark in _nested_marks(inside, seen))
    elif origin in (Annotated, Union, UnionType, *_LISTS):
        for inside in arguments:
            yield from _nested_marks(inside, seen)


__all__ = ["OnDelete", "PydanticObjectId", "Ref", "Reference", "misplaced_references", "references_of"]
