"""Indexes as declared on models: each names the query it serves. What a server has is `schema/`'s business."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from bson import ObjectId
from pydantic import BaseModel
from pymongo import ASCENDING, DESCENDING, IndexModel

from docstore.documents.references import references_of
from docstore.errors import SettingsError

LIVING_KEYS: Mapping[str, Any] = {"deletedAt": None, "isDeleted": {"$in": [False, None]}}
"""The part of "not deleted" that a partial index can express: equality and $in only."""


@dataclass(frozen=True)
class Index:
    """An index on attributes of a model; a leading ``-`` sorts an attribute descending.

    Args:
        attributes: attribute names, in the order equality, sort, range.
        serves: the query it is for, in words. Required: an index that serves no query is a cost without a use.
        unique: unique among the living.
        when_set: attributes whose documents are indexed only when the attribute is set.
        where: further partial-filter equalities, by stored field name.
        expire_after: seconds after the (single, date) attribute's instant at which MongoDB removes the document.
    """

    attributes: tuple[str, ...]
    serves: str
    unique: bool = False
    when_set: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    expire_after: int | None = None

    def to_index_model(self, model: type[BaseModel]) -> IndexModel:
        """The PyMongo form for `model`, named ``ix_…`` or ``uq_…`` after its stored fields.

        Raises:
            SettingsError: an attribute is not one of the model's.
        """
        keys = [_key(model, attribute) for attribute in self.attributes]
        options: dict[str, Any] = {"name": self._name(keys)}
        partial: dict[str, Any] = {}
        if self.unique:
            options["unique"] = True
            partial |= {**LIVING_KEYS, **_living_statuses(model)}
        for attribute in self.when_set:
            stored, _ = _key(model, attribute)
            partial[stored] = _set_condition(model, attribute)
        partial |= self.where
        if partial:
            options["partialFilterExpression"] = partial
        if self.expire_after is not None:
            options["expireAfterSeconds"] = self.expire_after
        return IndexModel(keys, **options)

    def _name(self, keys: Sequence[tuple[str, int]]) -> str:
        parts = [name if direction == ASCENDING else f"{name}_desc" for name, direction in keys]
        suffix = "".join(f"_{'no' if value is None else 'when'}_{name}" for name, value in self.where.items())
        return "_".join(["uq" if self.unique else "ix", *parts]) + suffix


def index(*attributes: str, serves: str, expire_after: int | None = None) -> Index:
    """Declare an index: ``index("status", "-publish_date", serves="published posts, newest first")``."""
    return Index(attributes, serves, expire_after=expire_after)


def unique(
    *attributes: str, serves: str = "", when_set: Sequence[str] = (), where: Mapping[str, Any] | None = None
) -> Index:
    """Declare that no two living documents share these values: ``unique("platform", "account_id")``.

    Args:
        when_set: attributes that count only when set, so that many documents may lack them.
        where: further equalities under which the rule holds, by stored field name.
    """
    purpose = serves or f"look-up by {' and '.join(attributes)}; unique among the living"
    return Index(attributes, purpose, unique=True, when_set=tuple(when_set), where=dict(where or {}))


def declared_indexes(model: type[BaseModel]) -> tuple[Index, ...]:
    """All indexes of a model: those it declares, and one for each reference no declared index leads with.

    A reference without an index would make a cascade or an include read the whole collection.
    """
    declared: tuple[Index, ...] = tuple(getattr(model, "indexes", ()))
    # A unique index is partial: what the trash refers to is not in it, and not every planner proves its condition.
    plain = [each for each in declared if not (each.unique or each.when_set or each.where)]
    leading = {each.attributes[0].lstrip("-") for each in plain}
    derived = tuple(
        Index((reference.attribute,), serves=f"documents of one {reference.target}: include, cascade")
        for reference in references_of(model)
        if reference.attribute not in leading
    )
    return declared + derived


def _key(model: type[BaseModel], attribute: str) -> tuple[str, int]:
    name = attribute.lstrip("-")
    info = model.model_fields.get(name)
    if info is None:
        raise SettingsError(
            f"{model.__name__} declares an index on {name!r}, which is none of its attributes.",
            hint=f"Its attributes are {', '.join(model.model_fields)}.",
        )
    return info.alias or name, DESCENDING if attribute.startswith("-") else ASCENDING


def _living_statuses(model: type[BaseModel]) -> dict[str, Any]:
    """The statuses that do not mark a deletion, where the model's own status can."""
    info = model.model_fields.get("status")
    states = info.annotation if info is not None else None
    if not (isinstance(states, type) and issubclass(states, Enum) and "DELETED" in states.__members__):
        return {}
    return {"status": {"$in": [*(state.value for state in states if state.name != "DELETED"), None]}}


def _set_condition(model: type[BaseModel], attribute: str) -> dict[str, Any]:
    # `$gt: ""` rather than `$type: "string"`: MongoDB's planner proves that an equality implies it, and uses the index.
    annotation = str(model.model_fields[attribute].annotation)
    return {"$type": "objectId"} if ObjectId.__name__ in annotation else {"$gt": ""}
