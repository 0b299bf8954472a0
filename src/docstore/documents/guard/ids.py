"""Ids as keys: MongoDB allows whole documents as ids, Python does not hash those."""

from typing import Any


class CompositeId(dict[str, Any]):
    """An id that is a document, as a key."""

    def __hash__(self) -> int:  # type: ignore[override]  # nobody changes an id
        return hash(str(sorted(self.items())))


def as_key(document_id: Any) -> Any:
    """An id such that it can be looked up by; it is still the same for the driver."""
    return CompositeId(document_id) if isinstance(document_id, dict) else document_id
