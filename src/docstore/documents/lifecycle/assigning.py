"""What a document in memory takes over from a write: values, versions and ids."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from beanie import PydanticObjectId
from bson import ObjectId

from docstore.documents.codec import beanie_id, encode_value
from docstore.documents.guard.versions import VERSION
from docstore.documents.ids import DocumentId
from docstore.documents.tracking import forget_with_transaction
from docstore.documents.transactions import current_transaction

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


def assign(document: "StoredDocument", values: Mapping[str, Any]) -> None:
    """Set attributes to what was just written; should the ambient transaction abort, they return to what they were."""
    running = current_transaction()
    if running is not None:
        before = {name: getattr(document, name) for name in values}
        running.on_abort(lambda: document.__dict__.update(before))
        forget_with_transaction(document)
    for name, value in values.items():
        setattr(document, name, value)
    state = document.get_saved_state()
    if state is not None:
        written = {document.stored_name(name): encode_value(value) for name, value in values.items()}
        document._saved_state = {**state, **written}


def next_version(document: "StoredDocument") -> dict[str, int]:
    """What a versioned document's version has become by one write; nothing for others."""
    return {VERSION: document.version + 1} if type(document).versioned else {}


def known_id(model: type["StoredDocument"], value: Any) -> Any:
    """`value` as an id of the model, without parsing what is known to be one.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return (
        beanie_id(value) if type(value) is ObjectId and _has_object_ids(cast("Any", model)) else model.parse_id(value)
    )


def give_id(document: "StoredDocument", inserted_id: Any) -> None:
    """Let a document have the id under which it was inserted."""
    document.__dict__["id"] = known_id(type(document), inserted_id)
    document.__pydantic_fields_set__.add("id")


def give_ids(documents: Sequence["StoredDocument"], inserted_ids: Sequence[Any]) -> None:
    """Let documents have the ids under which they were inserted."""
    model: type[StoredDocument] | None = None
    by_driver = False
    for document, inserted_id in zip(documents, inserted_ids, strict=True):
        if type(document) is not model:
            model = type(document)
            by_driver = _has_object_ids(cast("Any", model))
        if by_driver and type(inserted_id) is ObjectId:
            document.__dict__["id"] = beanie_id(inserted_id)
            document.__pydantic_fields_set__.add("id")
        else:
            give_id(document, inserted_id)


@lru_cache(maxsize=1024)
def _has_object_ids(model: Any) -> bool:
    info = model.model_fields["id"]
    return info.annotation in (PydanticObjectId | None, DocumentId | None) and not info.metadata
