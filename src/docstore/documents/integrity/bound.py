"""What every part of this package works on: the graph, the plain database behind the guard, and its policies."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import DELETED, LIVING
from docstore.documents.guard.writes import Writer
from docstore.documents.integrity.fence import Fence
from docstore.documents.integrity.graph import Edge, ReferenceGraph

T = TypeVar("T")
Document = dict[str, Any]
Node = tuple[str, Any]
"""A document, by collection and id."""

BATCH: Final = 1000
"""Ids in one query."""


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

    def deleted(self, collection: str) -> Mapping[str, Any] | None:
        """The condition of the deleted documents of a collection; None where deleted means gone."""
        return DELETED if self.marks(collection) else None

    async def referrers(
        self,
        edge: Edge,
        ids: Sequence[Any],
        session: AsyncClientSession,
        condition: Mapping[str, Any] | None = None,
        fields: Iterable[str] = (),
    ) -> AsyncIterator[Document]:
        """The documents, by default the living ones, that refer by `edge` to one of `ids`, with that reference."""
        wanted = self.living(edge.source) if condition is None else condition
        projection = dict.fromkeys(("_id", edge.field, *fields), 1)
        for chunk in chunks(ids):
            query = {edge.field: {"$in": chunk}, **wanted}
            async for document in self.raw(edge.source).find(query, projection, session=session):
                yield document


def chunks(items: Sequence[T]) -> Iterator[list[T]]:
    """The items in slices of BATCH."""
    for start in range(0, len(items), BATCH):
        yield list(items[start : start + BATCH])


def values_of(value: Any) -> tuple[Any, ...]:
    """The ids a reference field holds: none, one, or those of a list."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)
