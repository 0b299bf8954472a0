"""What the guarded collection tells about a write: which documents, what kind. The root of search sync and caches."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from docstore.documents.events import Event


class ChangeKind(StrEnum):
    """What a write did to a document."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Change:
    """One write, by whatever route: the collection, the kind, and the ids it touched."""

    collection: str
    kind: ChangeKind
    ids: tuple[Any, ...]


class DocumentChanged(Event):
    """A document of an announcing model was written; consumers read the document itself for its present state."""

    name: ClassVar[str] = "document.changed"
    collection: ClassVar[str] = ""

    changed_collection: str
    kind: ChangeKind
