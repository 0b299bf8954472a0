"""Change tracking (Beanie's state management) on compiled encoders: what has changed since the document was read.

The state is what Beanie would store of the document as it was read: a field the database lacks has its default in it,
an unknown one is not in it, so neither ever looks changed.
"""

from typing import TYPE_CHECKING, Any

from docstore.documents.codec import codec_of
from docstore.documents.transactions import current_transaction
from docstore.documents.validation import encoded

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


def keep_state(document: "StoredDocument", stored: dict[str, Any] | None = None) -> None:
    """Take the document's present values as those of the database.

    Args:
        document: just read or written.
        stored: what was written of it, where that is known: nobody may change it afterwards.
    """
    settings = document.get_settings()
    if not settings.use_state_management or document.id is None:
        return
    private: Any = document.__pydantic_private__
    if settings.state_management_save_previous:
        private["_previous_saved_state"] = private["_saved_state"]
    private["_saved_state"] = state_of(document) if stored is None else stored


def forget_with_transaction(document: "StoredDocument") -> None:
    """Before a write: should the ambient transaction abort, the kept state is again what it is now."""
    running = current_transaction()
    if running is not None and document.get_settings().use_state_management:
        private: Any = document.__pydantic_private__
        before = {name: private[name] for name in ("_saved_state", "_previous_saved_state")}
        running.on_abort(lambda: private.update(before))


def state_of(document: "StoredDocument") -> dict[str, Any]:
    """What is compared: everything that is stored but the revision."""
    state = encoded(document)
    state.pop("revision_id", None)
    return state


def changed_fields(document: "StoredDocument", stored: dict[str, Any]) -> dict[str, Any]:
    """Those of the encoded fields that differ from the kept state; all where none is kept."""
    state = document.get_saved_state() if document.get_settings().use_state_management else None
    if state is None:
        return stored
    return {name: value for name, value in stored.items() if name not in state or state[name] != value}


def is_changed(document: "StoredDocument") -> bool:
    """Whether anything that is stored differs from the kept state."""
    return bool(document.get_saved_state() != state_of(document))


def roll_back(document: "StoredDocument") -> None:
    """Give the document the values of its kept state again."""
    state = document.get_saved_state()
    if state is not None and is_changed(document):
        kept = codec_of(type(document)).read(state).__dict__
        stored_names = {name: document.stored_name(name) for name in type(document).model_fields}
        document.__dict__.update({name: kept[name] for name, stored in stored_names.items() if stored in state})
