"""Ids as keys: MongoDB allows whole documents as ids, Python does not hash those; and UUIDs are sent as binary."""

from typing import Any

from bson import Binary
from bson.binary import UUID_SUBTYPE


class CompositeId(dict[str, Any]):
    """An id that is a document, as a key."""

    def __hash__(self) -> int:  # type: ignore[override]  # nobody changes an id
        return hash(str(sorted(self.items())))


def as_key(document_id: Any) -> Any:
    """An id such that it can be looked up by; it is still the same for the driver."""
    return CompositeId(document_id) if isinstance(document_id, dict) else document_id


def as_read(document_id: Any) -> Any:
    """An id as the driver gives it back: a UUID is sent as the binary that is not equal to it."""
    is_uuid = isinstance(document_id, Binary) and document_id.subtype == UUID_SUBTYPE
    return document_id.as_uuid() if is_uuid else document_id
