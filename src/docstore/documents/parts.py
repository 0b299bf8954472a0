"""Documents that are parts of others: when one is gone, or comes to belong elsewhere, what it was a part of changed."""

from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId

from docstore.documents.changes import Change, ChangeKind, DocumentChanged
from docstore.documents.references import references_of


def changed_wholes(model: Any, change: Change) -> Sequence[DocumentChanged]:
    """That the documents changed which those of a change were a part of, and are not any more.

    A part that is gone, or belongs to another, cannot be asked what it belonged to, and its own event does not tell.
    Images say so; the guard has them of parts that are removed for good, and of those that an update moves.

    Args:
        model: the parts' model; its `part_of` names the references to the wholes.
        change: of parts.
    """
    models = model.get_pymongo_collection().database.registry.models
    found: dict[tuple[str, Any], None] = {}
    for reference in references_of(model):
        if reference.attribute not in model.part_of or reference.target not in models:
            continue
        collection = models[reference.target].get_collection_name()
        found |= dict.fromkeys((collection, whole) for _, whole in left_owners(change, reference.field))
    return [
        DocumentChanged(aggregate_id=whole, changed_collection=collection, kind=ChangeKind.UPDATE)
        for collection, whole in found
    ]


def left_owners(change: Change, field: str) -> Iterator[tuple[Any, ObjectId]]:
    """The parts that a change took from what their stored `field` named, and what that was."""
    for part, before in change.before.items():
        whole = before.get(field)
        # A part whose reference is broken is a part of nothing, and must not be kept from being removed.
        if isinstance(whole, ObjectId) and change.after.get(part, {}).get(field) != whole:
            yield part, whole
