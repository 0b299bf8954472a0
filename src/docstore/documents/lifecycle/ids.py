"""The id of a document as it is stored: an id may be a model of its own."""

from typing import TYPE_CHECKING, Any

from beanie import PydanticObjectId

from docstore.documents.codec import encode_value

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


def stored_id(document: "StoredDocument") -> Any:
    """A document's id as a query names it."""
    own = document.id
    return own if type(own) is PydanticObjectId or own is None else encode_value(own)
