"""What a field refers to, and what becomes of the referring document when its target is deleted."""

from dataclasses import dataclass
from enum import StrEnum

from beanie import PydanticObjectId
from pydantic import BaseModel


class OnDelete(StrEnum):
    """What happens to a referring document when the document it refers to is deleted."""

    RESTRICT = "restrict"
    CASCADE = "cascade"
    SET_NULL = "set_null"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Ref:
    """Marks an ObjectId field as a reference: ``Annotated[PydanticObjectId, Ref("Author", on_delete=...)]``.

    Args:
        target: the referenced model's class name. A name, because domains refer to each other.
        on_delete: the rule applied to the referring document when the target is deleted.
    """

    target: str
    on_delete: OnDelete = OnDelete.RESTRICT


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
    return tuple(
        Reference(
            attribute=attribute,
            field=info.alias or attribute,
            target=mark.target,
            on_delete=mark.on_delete,
            optional=not info.is_required(),
        )
        for attribute, info in getattr(model, "model_fields", {}).items()
        for mark in info.metadata
        if isinstance(mark, Ref)
    )


__all__ = ["OnDelete", "PydanticObjectId", "Ref", "Reference", "references_of"]
