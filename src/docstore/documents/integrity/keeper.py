"""What the guard asks, answered for one collection."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.guard.references import DeletionReport, Document, ReferenceWrite
from docstore.documents.integrity.bound import BoundReferences
from docstore.documents.integrity.deletion import delete
from docstore.documents.integrity.existence import ExistenceCheck, reference_write
from docstore.documents.integrity.purging import before_purge
from docstore.documents.integrity.restoration import restore


class CollectionKeeper:
    """Keeps the references from and to one collection whole.

    Args:
        bound: the references of the database.
        collection: the collection.
    """

    def __init__(self, bound: BoundReferences, collection: str) -> None:
        self._bound = bound
        self._collection = collection
        self._existence = ExistenceCheck(bound, collection)

    @property
    def is_referred_to(self) -> bool:
        """Whether deleting a document here may concern others.

        By whatever rule: a reference that nothing follows from must still not be written while its target goes.
        """
        return self._bound.graph.is_referred_to(self._collection)

    def refers(self, documents: Sequence[Document]) -> bool:
        """Whether documents to be inserted refer to anything that is checked."""
        return self._existence.refers(documents)

    def reference_write(self, update: Any, *, upsert: bool) -> ReferenceWrite | None:
        """What an update does to reference fields; None when it is nothing that needs a check."""
        return reference_write(self._existence.edges, update, upsert=upsert)

    async def check_insert(self, documents: Sequence[Document], session: AsyncClientSession) -> None:
        """Refuse documents that refer to what is not there."""
        await self._existence.check_documents(documents, session)

    async def check_update(self, write: ReferenceWrite, narrowed: Document, session: AsyncClientSession) -> None:
        """Refuse an update that makes a document refer to what is not there."""
        await self._existence.check_write(write, narrowed, session)

    async def references(self, ids: Sequence[Any], session: AsyncClientSession) -> dict[Any, Document]:
        """The present references of documents, by id."""
        return {**await self._existence.present(ids, session)}

    async def check_computed(
        self, before: Mapping[Any, Document], ids: Sequence[Any], session: AsyncClientSession
    ) -> None:
        """Refuse what an update has computed."""
        await self._existence.check_changed(before, ids, session)

    async def delete(self, ids: Sequence[Any], marks: Document, session: AsyncClientSession) -> DeletionReport:
        """Delete documents and what follows from it by the rules of those that refer to them."""
        return await delete(self._bound, self._collection, ids, marks, session)

    async def restore(self, wanted: Document, status: str | None, session: AsyncClientSession) -> int:
        """Bring back the deleted documents that match and what their deletions took along; how many matched."""
        return await restore(self._bound, self._collection, wanted, status, session)

    async def before_purge(self, ids: Sequence[Any], session: AsyncClientSession) -> None:
        """Refuse to remove what is still referred to; remove or clear what the trash holds of it."""
        await before_purge(self._bound, self._collection, ids, session)
