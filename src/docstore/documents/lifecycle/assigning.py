"""What a document in memory takes over from a write: values and versions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docstore.documents.codec import encode_value
from docstore.documents.guard.versions import VERSION
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
