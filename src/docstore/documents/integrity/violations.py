"""What is said when a reference would break: which field, which document, and the way out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from docstore.documents.integrity.graph import Edge
from docstore.errors import ReferenceViolation

SHOWN: Final = 5
"""Ids in one message."""


def points_nowhere(edge: Edge, missing: Sequence[Any]) -> ReferenceViolation:
    """A reference to documents that are not there, or deleted."""
    kinds = sorted({"ObjectId" if isinstance(each, ObjectId) else type(each).__name__ for each in missing})
    hint = f"Insert or restore the {edge.target_model} first, or refer to another."
    if kinds == ["str"]:
        hint = "An id given as text is not an ObjectId: convert it with PydanticObjectId(text)."
    return ReferenceViolation(
        f"{edge.source_model}.{edge.attribute} refers to {edge.target_model} {_ids(missing)} ({' and '.join(kinds)}), "
        f"which {'is' if len(missing) == 1 else 'are'} not there or deleted.",
        hint=hint,
        collection=edge.source,
        field=edge.attribute,
        value_type=kinds[0],
    )


def still_referred_to(
    model: str, collection: str, found: Mapping[Edge, tuple[int, Sequence[Any]]], *, purge: bool = False
) -> ReferenceViolation:
    """A deletion, or a purge, of what others refer to.

    Args:
        model: the name of the model whose documents were to go.
        collection: its collection.
        found: who refers: how many documents by which reference, and the ids of the first of them.
        purge: it was to be removed for good.
    """
    told = "; ".join(
        f"{count} {edge.source_model} by {edge.attribute} to {edge.target_model} ({_ids(ids, count)})"
        for edge, (count, ids) in found.items()
    )
    first = next(iter(found))
    hint = f"Delete the {first.source_model} first, or let it refer to another {first.target_model}."
    if purge:
        hint = "delete() it first: the rules of those references then say what becomes of them."
    return ReferenceViolation(
        f"{model} cannot be {'purged' if purge else 'deleted'}: it is still referred to, {told}.",
        hint=hint,
        collection=collection,
        field=first.attribute,
    )


def parent_not_living(edge: Edge, document_id: Any, target_id: Any, *, deleted: bool) -> ReferenceViolation:
    """A restoration of what refers to something deleted, or gone."""
    state = "is deleted" if deleted else "is gone for good"
    hint = f"restore() the {edge.target_model} first."
    if not deleted:
        hint = (
            f"Let it refer to another {edge.target_model} first: "
            f"{edge.source_model}.deleted.find_one({{'_id': ...}}).update(...)."
        )
    return ReferenceViolation(
        f"{edge.source_model} {document_id} cannot come back: the {edge.target_model} {target_id} "
        f"its {edge.attribute} refers to {state}.",
        hint=hint,
        collection=edge.source,
        field=edge.attribute,
    )


def deletion_unfinished(model: str, collection: str, deletion_id: Any) -> ReferenceViolation:
    """A restoration of what a deletion took that has not come to its end yet."""
    return ReferenceViolation(
        f"{model} cannot come back yet: its deletion {deletion_id} has not come to its end.",
        hint="await resume_deletions() first.",
        collection=collection,
    )


def _ids(ids: Sequence[Any], count: int | None = None) -> str:
    shown = ", ".join(str(each) for each in list(ids)[:SHOWN])
    return f"{shown}, …" if (count or len(ids)) > SHOWN else shown
