"""Indexes as declared on models: each names the query it serves. What a server has is `schema/`'s business."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from math import inf
from typing import Any, Final
from uuid import UUID

from beanie.odm.utils.typing import get_index_attributes
from bson import ObjectId
from pydantic import BaseModel
from pymongo import ASCENDING, DESCENDING, IndexModel

from docstore.documents.filters.annotations import bare, members
from docstore.documents.filters.compiling import compile_key
from docstore.documents.filters.paths import resolve
from docstore.documents.references import references_of
from docstore.errors import SettingsError, UnknownField

LIVING_KEYS: Mapping[str, Any] = {"deletedAt": None, "isDeleted": {"$in": [False, None]}}
"""The part of "not deleted" that a partial index can express: equality and $in only."""

_LEAST: Final[Mapping[type, Mapping[str, Any]]] = {
    str: {"$gt": ""},
    ObjectId: {"$gte": ObjectId("0" * 24)},
    bool: {"$in": [False, True]},
    int: {"$gte": -inf},
    float: {"$gte": -inf},
    Decimal: {"$gte": -inf},
    UUID: {"$type": "binData"},
    date: {"$gte": datetime.min.replace(tzinfo=UTC)},
}
"""What holds for a set value of a type, and for no null and no empty text."""

_KINDS: Final = ("text", "hashed", "2dsphere", "2d")
_EVERYTHING: Final = "$**"


@dataclass(frozen=True)
class Index:
    """An index on attributes of a model; a leading ``-`` sorts an attribute descending.

    Args:
        attributes: attribute names, in the order equality, sort, range. ``address.city`` is inside a nested model,
            ``title:text`` (or ``:hashed``, ``:2dsphere``, ``:2d``) of a kind of its own, ``$**`` is every field and
            ``data.$**`` every field inside one.
        serves: the query it is for, in words. Required: an index that serves no query is a cost without a use.
        unique: unique among the living.
        when_set: attributes whose documents are indexed only when the attribute is set.
        where: further partial-filter equalities, by stored field name.
        expire_after: seconds after the (single, date) attribute's instant at which MongoDB removes the document.
        hidden: kept up to date, and used by no query: to see what it would be like without it.
        options: whatever else MongoDB's ``createIndexes`` takes: ``collation``, ``sparse``, ``weights``, …
    """

    attributes: tuple[str, ...]
    serves: str
    unique: bool = False
    when_set: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    expire_after: int | None = None
    hidden: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_index_model(self, model: type[BaseModel]) -> IndexModel:
        """The PyMongo form for `model`, named ``ix_…`` or ``uq_…`` after its stored fields.

        Raises:
            SettingsError: an attribute is not one of the model's.
        """
        keys = [_key(model, attribute) for attribute in self.attributes]
        options: dict[str, Any] = {"name": self._name(keys), **self.options}
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
        if self.hidden:
            options["hidden"] = True
        return IndexModel(keys, **options)

    def _name(self, keys: Sequence[tuple[str, int | str]]) -> str:
        parts = [_part_of_name(name, way) for name, way in keys]
        suffix = "".join(f"_{'no' if value is None else 'when'}_{name}" for name, value in self.where.items())
        return "_".join(["uq" if self.unique else "ix", *parts]) + suffix


@dataclass(frozen=True)
class GivenIndex(Index):
    """An index declared in PyMongo's or Beanie's way; what it serves is for the audit to ask.

    Args:
        given: PyMongo's form. `attributes` are its stored fields.
    """

    given: IndexModel | None = None

    @classmethod
    def of(cls, given: IndexModel) -> "GivenIndex":
        """The declaration that PyMongo's form stands for."""
        document = given.document
        fields = tuple(f"-{name}" if way == DESCENDING else name for name, way in document["key"].items())
        partial = dict(document.get("partialFilterExpression") or {})
        return cls(
            fields,
            "",
            unique=bool(document.get("unique")),
            where=partial,
            expire_after=document.get("expireAfterSeconds"),
            hidden=bool(document.get("hidden")),
            given=given,
        )

    def to_index_model(self, model: type[BaseModel]) -> IndexModel:
        """The index as it was given."""
        assert self.given is not None
        return self.given


def index(
    *attributes: str, serves: str, expire_after: int | None = None, hidden: bool = False, **options: Any
) -> Index:
    """Declare an index: ``index("status", "-publish_date", serves="published posts, newest first")``.

    Further options are MongoDB's own: ``index("title:text", "content:text", weights={"title": 5}, serves="search")``,
    ``index("name", collation={"locale": "en", "strength": 2}, serves="by name, whatever its case")``.
    """
    return Index(attributes, serves, expire_after=expire_after, hidden=hidden, options=options)


def unique(
    *attributes: str,
    serves: str = "",
    when_set: Sequence[str] = (),
    where: Mapping[str, Any] | None = None,
    **options: Any,
) -> Index:
    """Declare that no two living documents share these values: ``unique("platform", "account_id")``.

    Args:
        when_set: attributes that count only when set, so that many documents may lack them.
        where: further equalities under which the rule holds, by stored field name.
        options: whatever else MongoDB's ``createIndexes`` takes, such as ``collation``.
    """
    purpose = serves or f"look-up by {' and '.join(attributes)}; unique among the living"
    return Index(attributes, purpose, unique=True, when_set=tuple(when_set), where=dict(where or {}), options=options)


def declared_indexes(model: type[BaseModel]) -> tuple[Index, ...]:
    """All indexes of a model: those it declares, and one for each reference no declared index leads with.

    A reference without an index would make a cascade or an include read the whole collection. Counted are ``indexes``
    of the class, PyMongo's IndexModel among them, and what Beanie knows: ``Settings.indexes`` and ``Indexed`` fields.
    """
    own = (GivenIndex.of(each) if isinstance(each, IndexModel) else each for each in getattr(model, "indexes", ()))
    declared: tuple[Index, ...] = (*own, *_beanies(model))
    # A unique index is partial: what the trash refers to is not in it, and not every planner proves its condition.
    plain = [each for each in declared if not (each.unique or each.when_set or each.where or each.hidden)]
    leading = {_leading(model, each) for each in plain}
    derived = tuple(
        Index((reference.attribute,), serves=f"documents of one {reference.target}: include, cascade")
        for reference in references_of(model)
        if reference.field not in leading and reference.field != "_id"
    )
    return declared + derived


def _leading(model: type[BaseModel], declared: Index) -> str:
    """The stored field an index leads with."""
    return str(next(iter(declared.to_index_model(model).document["key"])))


def _beanies(model: type[BaseModel]) -> Iterator[Index]:
    for attribute, info in getattr(model, "model_fields", {}).items():  # a union has none
        marked = get_index_attributes(info)
        if marked is not None:
            way, options = marked
            yield GivenIndex.of(_of_living(model, IndexModel([(info.alias or attribute, way)], **options)))
    for each in _in_settings(model):
        yield GivenIndex.of(_of_living(model, _on_stored(model, each)))


def _in_settings(model: type[BaseModel]) -> list[IndexModel]:
    """What `Settings.indexes` holds; with `merge_indexes` that of the parents too, the same name replaced."""
    settings = getattr(model, "Settings", None)
    classes = [model, *model.__mro__[1:]] if getattr(settings, "merge_indexes", False) else [model]
    merged: dict[str, IndexModel] = {}
    for each in reversed(classes):
        for given in getattr(getattr(each, "Settings", None), "indexes", ()):
            declared = given if isinstance(given, IndexModel) else IndexModel(given)
            merged[_on_what(declared)] = declared
    return list(merged.values())


def _on_what(declared: IndexModel) -> str:
    return ",".join(declared.document["key"])


def _on_stored(model: type[BaseModel], declared: IndexModel) -> IndexModel:
    """The index with stored names for attributes, as they are written in Beanie where the two are the same."""
    options = dict(declared.document)
    keys = list(options.pop("key").items())
    stored = [(compile_key(model, name, strict=False), way) for name, way in keys]
    if stored == keys:
        return declared
    if options["name"] == IndexModel(keys).document["name"]:
        del options["name"]
    return IndexModel(stored, **options)


def _of_living(model: type[BaseModel], declared: IndexModel) -> IndexModel:
    """A unique index narrowed to the living, where a delete only marks; one that is partial already as it is."""
    options = dict(declared.document)
    keys = list(options.pop("key").items())
    if not getattr(model, "soft_delete", False) or not options.get("unique") or "partialFilterExpression" in options:
        return declared
    partial = {**LIVING_KEYS, **_living_statuses(model)}
    if options.pop("sparse", False):  # the server takes only one of the two
        partial |= {name: {"$exists": True} for name, _ in keys}
    return IndexModel(keys, **options, partialFilterExpression=partial)


def _key(model: type[BaseModel], attribute: str) -> tuple[str, int | str]:
    name, _, kind = attribute.lstrip("-").partition(":")
    if kind and kind not in _KINDS:
        raise SettingsError(
            f"{model.__name__} declares an index of the kind {kind!r}.", hint=f"Kinds are {', '.join(_KINDS)}."
        )
    way: int | str = kind or (DESCENDING if attribute.startswith("-") else ASCENDING)
    path, everything = name.removesuffix(f".{_EVERYTHING}"), name.endswith(f".{_EVERYTHING}")
    if name == _EVERYTHING:
        return name, way
    info = model.model_fields.get(path)
    stored = (info.alias or path) if info is not None else _nested(model, path)
    return f"{stored}.{_EVERYTHING}" if everything else stored, way


def _nested(model: type[BaseModel], path: str) -> str:
    try:
        if "." in path:
            return resolve(model, path).stored
    except UnknownField:
        pass
    raise SettingsError(
        f"{model.__name__} declares an index on {path!r}, which is none of its attributes.",
        hint=f"Its attributes are {', '.join(model.model_fields)}.",
    )


def _part_of_name(name: str, way: int | str) -> str:
    plain = name.replace(_EVERYTHING, "all")
    if way == ASCENDING:
        return plain
    return f"{plain}_desc" if way == DESCENDING else f"{plain}_{way}"


def _living_statuses(model: type[BaseModel]) -> dict[str, Any]:
    """The statuses that do not mark a deletion, where the model's own status can."""
    info = model.model_fields.get("status")
    states = info.annotation if info is not None else None
    if not (isinstance(states, type) and issubclass(states, Enum) and "DELETED" in states.__members__):
        return {}
    return {"status": {"$in": [*(state.value for state in states if state.name != "DELETED"), None]}}


def _set_condition(model: type[BaseModel], attribute: str) -> dict[str, Any]:
    # A range from the least value of its type rather than `$type`: MongoDB's planner proves that an equality implies
    # it, and uses the index for look-ups.
    info = model.model_fields[attribute]
    kinds = [each for each in map(bare, members(info.annotation)) if isinstance(each, type)]
    for kind, condition in _LEAST.items():
        if any(issubclass(each, kind) for each in kinds):
            return dict(condition)
    return {"$gt": ""}
