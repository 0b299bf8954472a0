"""What the guarded collection tells about a write: which documents, what kind. The root of search sync and caches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from docstore.documents.events import Event

Image = Mapping[str, Any]
"""A stored document, as it was or as it became."""


class ChangeKind(StrEnum):
    """What a write did to a document."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Change:
    """One write, by whatever route.

    Args:
        collection: the collection's name.
        kind: what was done.
        ids: the documents it touched.
        before: the stored documents as they were, by id; only where the policy asks for images.
        after: the stored documents as they became, by id; likewise.
        reason: why, where a reason was asked for: of a purge.
    """

    collection: str
    kind: ChangeKind
    ids: tuple[Any, ...]
    before: Mapping[Any, Image] = field(default_factory=dict)
    after: Mapping[Any, Image] = field(default_factory=dict)
    reason: str | None = None


class DocumentChanged(Event):
    """A document of an announcing model was written; consumers read the document itself for its present state."""

    name: ClassVar[str] = "document.changed"
    collection: ClassVar[str] = ""

    changed_collection: str
    kind: ChangeKind
