"""Who refers to whom among the bound models, by collection: computed once, when a store binds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from docstore.documents.references import OnDelete, Reference, misplaced_references, references_of
from docstore.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Edge:
    """One reference, between collections.

    Args:
        source: the referring collection.
        source_model: its model's name.
        attribute: the referring attribute.
        field: the same as stored.
        target: the collection referred to.
        target_model: its model's name.
        rule: what happens to the referring document when the target is deleted.
        checked: whether the target has to be there when the reference is written.
    """

    source: str
    source_model: str
    attribute: str
    field: str
    target: str
    target_model: str
    rule: OnDelete
    checked: bool


class ReferenceGraph:
    """The references between the collections of one database."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        outgoing: dict[str, dict[str, Edge]] = defaultdict(dict)
        for edge in edges:
            outgoing[edge.source].setdefault(edge.field, edge)  # several models may share a collection and a field
        self._outgoing = {source: tuple(fields.values()) for source, fields in outgoing.items()}
        incoming: dict[str, list[Edge]] = defaultdict(list)
        for edges_of_source in self._outgoing.values():
            for edge in edges_of_source:
                incoming[edge.target].append(edge)
        self._incoming = {target: tuple(those) for target, those in incoming.items()}

    def outgoing(self, collection: str) -> tuple[Edge, ...]:
        """The references its documents hold."""
        return self._outgoing.get(collection, ())

    def incoming(self, collection: str, *rules: OnDelete) -> tuple[Edge, ...]:
        """The references to its documents that follow one of the rules."""
        return tuple(edge for edge in self._incoming.get(collection, ()) if edge.rule in rules)

    def is_referred_to(self, collection: str) -> bool:
        """Whether documents may refer to its own."""
        return collection in self._incoming

    def concerns(self, collection: str) -> bool:
        """Whether its documents refer to others, or others to them."""
        return collection in self._outgoing or collection in self._incoming


def graph_of(models: Sequence[type[Any]]) -> ReferenceGraph:
    """The references among `models`; one to a model that is not among them is left alone.

    Raises:
        SettingsError: SET_NULL on a field that cannot be null; a reference in a nested document.
    """
    for model in models:
        for path in misplaced_references(model):
            raise SettingsError(
                f"{model.__name__}.{path} is a reference inside a nested document, which nothing would keep.",
                hint="Refer from a field of the document itself, or from a document of its own between the two.",
            )
    collections = {model.__name__: model.get_collection_name() for model in models}
    return ReferenceGraph(
        Edge(
            source=model.get_collection_name(),
            source_model=model.__name__,
            attribute=reference.attribute,
            field=reference.field,
            target=collections[reference.target],
            target_model=reference.target,
            rule=reference.on_delete,
            checked=getattr(model, "check_references", True),
        )
        for model in models
        for reference in references_of(model)
        if reference.target in collections and _is_sound(model, reference)
    )


def _is_sound(model: type[Any], reference: Reference) -> bool:
    if reference.on_delete is not OnDelete.SET_NULL:
        return True
    annotation = model.model_fields[reference.attribute].annotation
    parts = get_args(annotation)
    if type(None) in parts and not any(get_origin(part) is list for part in parts):
        return True
    raise SettingsError(
        f"{model.__name__}.{reference.attribute} is to be cleared with its {reference.target}, but cannot be null.",
        hint="Annotate it as DocumentId | None, or choose another rule than SET_NULL.",
    )
