"""What the audit log keeps: an entry for each change of each document, and the seals over them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from docstore.documents.base import StoredDocument, SystemDocument
from docstore.documents.changes import ChangeKind
from docstore.documents.fields import StrList, UtcDateTime
from docstore.documents.filters import trusted
from docstore.documents.indexes import Index, index
from docstore.documents.lifecycle.ids import stored_id
from docstore.documents.queries import FindManyDocuments
from docstore.documents.shard_keys import ShardKey, shard_key

MASK: Final = "***"
"""Stands for a sensitive value: that it changed is told, what it was is not."""

STAMPS: Final = frozenset({"createdAt", "updatedAt"})
"""Stored fields that every write moves: kept in an entry's diff, and left out of its `changes`."""


class FieldChange(BaseModel):
    """One changed value.

    Args:
        path: the stored field, dotted where a nested document changed in part.
        before: what it was; not set where there was no such field.
        after: what it became; likewise.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    before: Any = None
    after: Any = None

    @property
    def is_masked(self) -> bool:
        """Whether the values are kept from the log."""
        return MASK in (self.before, self.after)


class AuditEntry(SystemDocument):
    """One change of one document.

    `diff` is empty in an `erased` entry: the document was purged, and what it held went with it.
    """

    id: str = Field(alias="_id")  # type: ignore[assignment]  # names document and place
    at: UtcDateTime
    actor: str | None = None
    request_id: str | None = None
    operation: ChangeKind
    collection: str
    document_id: Any
    seq: int
    reason: str | None = None
    touched: StrList = Field(default_factory=list)
    diff: list[FieldChange] = Field(default_factory=list)
    erased: bool = False
    salt: bytes | None = None
    commitment: str = ""
    previous: str = ""
    hash: str = ""
    seal: int | None = None

    shard_key: ClassVar[ShardKey | None] = shard_key(
        "id",
        hashed=True,
        reason="grows with every change; an id names a place in a chain and must be unique everywhere",
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("collection", "document_id", "-seq", serves="a document's history, its latest entry first"),
        index("actor", "-at", serves="what somebody did, latest first"),
        index("-at", serves="what was done of late; retention"),
        index("request_id", serves="what one request did"),
        index("seal", serves="entries to be sealed; the entries of a seal"),
    )

    @property
    def changes(self) -> Mapping[str, FieldChange]:
        """The changed values by stored path, but for what every write moves: stamps, and a version."""
        return {each.path: each for each in self.diff if each.path.partition(".")[0] in self.touched}

    @classmethod
    def of(cls, document: StoredDocument) -> FindManyDocuments[Self]:
        """The query of a document's entries, oldest first."""
        return cls._sorted("seq", collection=type(document).get_collection_name(), documentId=stored_id(document))

    @classmethod
    def by_actor(
        cls, actor: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> FindManyDocuments[Self]:
        """The query of what an actor did, latest first; `until` is exclusive."""
        return cls._sorted("-at", actor=actor, **_span(since, until))

    @classmethod
    def between(cls, since: datetime | None = None, until: datetime | None = None) -> FindManyDocuments[Self]:
        """The query of what was done in a span of time, latest first; `until` is exclusive."""
        return cls._sorted("-at", **_span(since, until))

    @classmethod
    def of_request(cls, request_id: str) -> FindManyDocuments[Self]:
        """The query of what one request did, in order."""
        return cls._sorted("at", requestId=request_id)

    @classmethod
    def _sorted(cls, *keys: str, **wanted: Any) -> FindManyDocuments[Self]:
        return cls.find(trusted(wanted)).sort(*keys)


class AuditSeal(SystemDocument):
    """A seal over entries, or the record that sealed entries were removed by retention; seals form a chain too.

    `number` counts from 1. A seal of kind ``seal`` covers the `entries` that name it; one of kind ``prune`` says
    that of the seals up to `up_to` so many `entries` were removed, all but the last of each document; one of kind
    ``kept`` covers those that remain of them.
    """

    id: int = Field(alias="_id")  # type: ignore[assignment]  # the seal's number
    kind: str
    at: UtcDateTime
    actor: str | None = None
    entries: int
    digest: str = ""
    through: UtcDateTime | None = None
    up_to: int = 0
    previous: str = ""
    hash: str

    @property
    def number(self) -> int:
        """The seal's place among the seals."""
        return self.id

    @property
    def anchor(self) -> str:
        """What to keep elsewhere, so that a log cut off at its end is found: ``number:hash``."""
        return f"{self.id}:{self.hash}"


AUDIT_MODELS: Final[tuple[type[SystemDocument], ...]] = (AuditEntry, AuditSeal)


def _span(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    span = {name: moment for name, moment in (("$gte", since), ("$lt", until)) if moment is not None}
    return {"at": span} if span else {}
