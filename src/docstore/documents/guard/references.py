"""What the guard asks about references around a write. `documents/integrity` answers; the guard knows no models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeletionReport:
    """What one deletion took.

    Args:
        deletion_id: what everything it took has in common.
        deleted: documents deleted, by collection; the asked ones among them.
        set_null: documents whose reference was cleared, by collection.
        in_steps: it was too large for one transaction, and goes on in several after the first has committed.
    """

    deletion_id: ObjectId
    deleted: Mapping[str, int] = field(default_factory=dict)
    set_null: Mapping[str, int] = field(default_factory=dict)
    in_steps: bool = False


@dataclass(frozen=True, slots=True)
class ReferenceWrite:
    """What an update does to reference fields.

    Args:
        values: the values it sets, by stored field; nulls are left out, because they refer to nothing.
        computed: it may write others, known only afterwards (pipelines, operators such as ``$rename``).
        inserts: it is an upsert, which may insert references from its filter too.
    """

    values: Mapping[str, Any]
    computed: bool = False
    inserts: bool = False


class ReferenceKeeper(Protocol):
    """Keeps the references from and to one collection whole. Every coroutine runs in the write's own transaction."""

    @property
    def is_referred_to(self) -> bool:
        """Whether deleting a document here may concern others."""

    def refers(self, documents: Sequence[Document]) -> bool:
        """Whether documents to be inserted refer to anything that is checked."""

    def reference_write(self, update: Any, *, upsert: bool) -> ReferenceWrite | None:
        """What an update does to reference fields; None when it is nothing that needs a check."""

    async def check_insert(self, documents: Sequence[Document], session: AsyncClientSession) -> None:
        """Refuse documents that refer to what is not there."""

    async def check_update(self, write: ReferenceWrite, narrowed: Document, session: AsyncClientSession) -> None:
        """Refuse an update that makes a document refer to what is not there. Called before it runs."""

    async def references(self, ids: Sequence[Any], session: AsyncClientSession) -> dict[Any, Document]:
        """The present references of documents, by id: for `check_computed`."""

    async def check_computed(
        self, before: Mapping[Any, Document], ids: Sequence[Any], session: AsyncClientSession
    ) -> None:
        """Refuse what an update has computed. Called after it ran."""

    async def delete(self, ids: Sequence[Any], marks: Document, session: AsyncClientSession) -> DeletionReport:
        """Delete documents and what follows from it by the rules of those that refer to them."""

    async def restore(self, wanted: Document, status: str | None, session: AsyncClientSession) -> int:
        """Bring back the deleted documents that match and what their deletions took along; how many matched."""

    async def before_purge(self, ids: Sequence[Any], session: AsyncClientSession) -> None:
        """Refuse to remove what is still referred to; remove or clear what the trash holds of it."""
