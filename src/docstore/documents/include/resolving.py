"""From names to relations: what a model declares, and what follows without doubt from the references.

Derived are, for every reference ``author_id``, the relation ``author``; and for every model that refers here once, its
name in the plural: ``reviews`` for Review. A model that refers here by several references is derived as
``organization_members_by_user`` and ``organization_members_by_invited_by``. What a model declares or owns as a field
goes before what is derived.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pymongo import ASCENDING, DESCENDING

from docstore.documents.filters.compiling import compile_filter
from docstore.documents.filters.queries import is_strict
from docstore.documents.include.relations import Choice, Many, One, Relation, Shape
from docstore.documents.references import Reference, references_of
from docstore.errors import NotBound, RelationError, UnknownRelation

Model = Any
Order = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Resolved:
    """A relation with everything that loading it needs.

    Args:
        name: under which the loaded value is kept.
        many: whether that is a list.
        target: the related model.
        by: the attribute that refers: the parent's own when `forward`, else the target's or the linking model's.
        through: the linking model.
        to: the linking model's attribute that refers to the target.
        choice: which of the related documents are wanted.
        order: the order of the related documents, by stored field.
    """

    name: str
    many: bool
    forward: bool
    target: Model
    by: str
    through: Model | None
    to: str | None
    choice: Choice
    order: Order


def relations_of(model: Model) -> Mapping[str, Relation[Any]]:
    """The relations of a bound model by name, declared and derived."""
    relations = declared_relations(model)
    taken = set(relations) | set(model.model_fields)
    for name, relation in [*_derived_forward(model), *_derived_reverse(model)]:
        if name not in taken:
            taken.add(name)
            relation.name = name
            relations[name] = relation
    return relations


def declared_relations(model: Model) -> dict[str, Relation[Any]]:
    """The relations that a model and its bases declare."""
    found: dict[str, Relation[Any]] = {}
    for base in reversed(model.__mro__):
        found |= {name: value for name, value in vars(base).items() if isinstance(value, Relation)}
    return found


def find_relation(model: Model, name: str) -> Relation[Any]:
    """The relation of this name.

    Raises:
        UnknownRelation: there is none; names the near miss.
    """
    declared = getattr(model, name, None)
    if isinstance(declared, Relation):
        return declared
    relations = relations_of(model)
    if name in relations:
        return relations[name]
    close = difflib.get_close_matches(name, relations, n=1)
    owns = next((each for each, relation in relations.items() if relation.shape.by == name), None)
    near = owns or (close[0] if close else None)
    known = ", ".join(sorted(relations)) or "none"
    raise UnknownRelation(
        f"{model.__name__} has no relation {name!r}.",
        hint=f"Did you mean {near!r}?" if near else f"Its relations are: {known}.",
        collection=model.__name__,
        field=name,
    )


def resolve(model: Model, relation: Relation[Any]) -> Resolved:
    """Everything that loading `relation` of `model` needs.

    Raises:
        RelationError: the declaration names an attribute that is no such reference, or leaves open which is meant.
        UnsafeFilter, UnknownField, ValidationFailed: of a condition it was narrowed by, as in a query.
        NotBound: a model it names is not bound to the same database.
    """
    shape = relation.shape
    if shape.forward:
        reference = next((each for each in references_of(model) if each.attribute == shape.by), None)
        if reference is None:
            raise _bad(model, relation, f"{model.__name__}.{shape.by} is no reference")
        target = _bound(model, reference.target)
        choice, order = _judged(target, relation.choice), _order(target, relation)
        return Resolved(relation.name, shape.many, True, target, reference.attribute, None, None, choice, order)
    target = _bound(model, str(shape.target))
    through = _bound(model, shape.through) if shape.through else None
    by = _reference(through or target, model, shape.by, model, relation)
    to = _reference(through, target, shape.to, model, relation, other_than=by) if through is not None else None
    order = _order(target, relation)
    choice = _judged(target, relation.choice)
    return Resolved(relation.name, shape.many, False, target, by, through, to, choice, order)


def _judged(target: Model, choice: Choice) -> Choice:
    strict = is_strict(target)
    return replace(choice, where=tuple(compile_filter(target, each, strict=strict) for each in choice.where))


def _reference(
    source: Model, target: Model, wanted: str | None, model: Model, relation: Relation[Any], other_than: str = ""
) -> str:
    """The attribute by which `source` refers to `target`."""
    names = {each.__name__ for each in target.__mro__}
    found = [each.attribute for each in references_of(source) if each.target in names and each.attribute != other_than]
    if wanted is not None:
        if wanted not in found:
            raise _bad(model, relation, f"{source.__name__}.{wanted} is no reference to {target.__name__}")
        return wanted
    if len(found) != 1:
        problem = f"by several: {', '.join(found)}" if found else "by none"
        raise _bad(
            model, relation, f"which reference of {source.__name__} leads to {target.__name__} is open, {problem}"
        )
    return found[0]


def _bound(model: Model, name: str) -> Model:
    models = model.get_pymongo_collection().database.registry.models
    if name not in models:
        raise NotBound(
            f"{model.__name__} is related to {name}, which is not bound to the same database.",
            hint=f"Bind them together: Store.from_env(models=(..., {model.__name__}, {name})).",
            collection=name,
        )
    return models[name]


def _bad(model: Model, relation: Relation[Any], why: str) -> RelationError:
    return RelationError(
        f"the relation {model.__name__}.{relation.name} cannot be loaded: {why}.",
        hint="Name the reference in its declaration.",
        collection=model.__name__,
        field=relation.name,
    )


def _order(target: Model, relation: Relation[Any]) -> Order:
    keys = dict(_sort_key(target, relation, key) for key in relation.choice.sort)
    return tuple({**keys, "_id": keys.get("_id", ASCENDING)}.items())


def _sort_key(target: Model, relation: Relation[Any], key: Any) -> tuple[str, int]:
    if isinstance(key, tuple):  # Beanie's -Review.stars
        return str(key[0]), int(key[1])
    given = str(key)
    top, dot, rest = given.lstrip("+-").partition(".")
    fields = target.model_fields
    if top not in fields and top not in {info.alias for info in fields.values()}:
        raise RelationError(
            f"the relation {relation.name} is sorted by {top!r}, which {target.__name__} does not have.",
            hint=f"Its attributes are {', '.join(fields)}.",
            collection=target.__name__,
            field=top,
        )
    stored = target.stored_name(top) if top in fields else top
    return f"{stored}{dot}{rest}", DESCENDING if given.startswith("-") else ASCENDING


def _derived_forward(model: Model) -> Iterator[tuple[str, Relation[Any]]]:
    for reference in references_of(model):
        if reference.attribute.endswith("_ids"):
            yield _relation_name(reference), Many(Shape(None, reference.attribute, many=True))
        else:
            yield _relation_name(reference), One(Shape(None, reference.attribute))


def _derived_reverse(model: Model) -> Iterator[tuple[str, Relation[Any]]]:
    names = {each.__name__ for each in model.__mro__}
    for other in model.get_pymongo_collection().database.registry.models.values():
        found = (
            [each for each in references_of(other) if each.target in names] if hasattr(other, "model_fields") else []
        )
        for reference in found:
            plural = _plural(_snake(other.__name__))
            name = plural if len(found) == 1 else f"{plural}_by_{_relation_name(reference)}"
            yield name, Many(Shape(other.__name__, reference.attribute, many=True))


def _relation_name(reference: Reference) -> str:
    attribute = reference.attribute
    return _plural(attribute.removesuffix("_ids")) if attribute.endswith("_ids") else attribute.removesuffix("_id")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _plural(name: str) -> str:
    if re.search(r"[^aeiou]y$", name):
        return f"{name[:-1]}ies"
    if re.search(r"(ss|sh|ch|x|z)$", name):
        return f"{name}es"
    return name if name.endswith("s") else f"{name}s"
