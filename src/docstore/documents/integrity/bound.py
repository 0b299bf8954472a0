"""What every part of this package works on: the graph, the plain database behind the guard, and its policies."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.guard.ids import as_read
from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import LIVING, is_deleted_document
from docstore.documents.guard.writes import Writer
from docstore.documents.integrity.fence import Fence
from docstore.documents.integrity.graph import Edge, ReferenceGraph

T = TypeVar("T")
Document = dict[str, Any]
Node = tuple[str, Any]
"""A document, by collection and id."""

STATE: Final = ("deletedAt", "isDeleted", "status", "deletionId")
"""The fields that tell whether a document is deleted, and by which deletion."""

BATCH: Final = 250
"""Ids in one query, and documents in one step. Some servers compare every document with every id."""


@dataclass(frozen=True)
class BoundReferences:
    """The references of a bound database.

    Args:
        graph: who refers to whom.
        database: the plain database.
        registry: the policies of its collections.
    """

    graph: ReferenceGraph
    database: AsyncDatabase[Document]
    registry: GuardRegistry
    fence: Fence = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fence", Fence(self.database))

    def raw(self, collection: str) -> AsyncCollection[Document]:
        """The plain collection."""
        return self.database[collection]

    def writer(self, collection: str) -> Writer:
        """What runs writes of a collection, with its hooks."""
        return Writer(self.raw(collection), self.registry)

    def marks(self, collection: str) -> bool:
        """Whether a delete in the collection marks."""
        return self.registry.policy(collection).soft_delete

    def living(self, collection: str) -> Mapping[str, Any]:
        """The condition of the living documents of a collection."""
        return LIVING if self.marks(collection) else {}

    async def referrers(self, edge: Edge, ids: Sequence[Any], session: AsyncClientSession) -> AsyncIterator[Document]:
        """The living documents that refer by `edge` to one of `ids`, with that reference."""
        for chunk in chunks(ids):
            query = {edge.field: {"$in": chunk}, **self.living(edge.source)}
            async for document in self.raw(edge.source).find(query, {edge.field: 1}, session=session):
                yield document

    async def referrers_in_trash(
        self,
        edge: Edge,
        ids: Sequence[Any],
        session: AsyncClientSession,
        *,
        deletion_id: Any = None,
        fields: Iterable[str] = (),
    ) -> AsyncIterator[Document]:
        """The deleted documents that refer by `edge` to one of `ids`; those of one deletion, where it is given."""
        if not self.marks(edge.source):
            return
        same = {"deletionId": deletion_id} if deletion_id is not None else {}
        projection = dict.fromkeys((*STATE, edge.field, *fields), 1)
        for chunk in chunks(ids):
            query = {edge.field: {"$in": chunk}, **same}
            async for document in self.raw(edge.source).find(query, projection, session=session):
                # Asked here, because a server that has to look for any of three marks uses no index.
                if is_deleted_document(document):
                    yield document


def chunks(items: Sequence[T]) -> Iterator[list[T]]:
    """The items in slices of BATCH."""
    for start in range(0, len(items), BATCH):
        yield list(items[start : start + BATCH])


def values_of(value: Any) -> tuple[Any, ...]:
    """The ids a reference field holds: none, one, or those of a list; UUIDs as they are read, not as they are sent."""
    if value is None:
        return ()
    return tuple(map(as_read, value)) if isinstance(value, list | tuple) else (as_read(value),)
