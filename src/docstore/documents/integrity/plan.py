"""What a deletion will take: worked out completely, and refused if restricted, before anything is written."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.integrity.bound import BATCH, BoundReferences, chunks
from docstore.documents.integrity.graph import Edge
from docstore.documents.integrity.violations import SHOWN, still_referred_to
from docstore.documents.references import OnDelete

Spare = Callable[[str, Sequence[Any]], Awaitable[set[Any]]]
"""Which of these ids of a collection another part of the same deletion takes care of."""


@dataclass(frozen=True, slots=True)
class Taking:
    """Documents of one collection that go, at most BATCH of them."""

    collection: str
    ids: list[Any]


@dataclass(frozen=True, slots=True)
class Clearing:
    """Documents, at most BATCH, whose reference by `edge` is cleared; `values` are the references they hold."""

    edge: Edge
    ids: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """A deletion, from the asked documents outwards."""

    takings: list[Taking]
    clearings: list[Clearing]

    @property
    def size(self) -> int:
        """How many documents it writes."""
        return sum(self.deleted().values()) + sum(self.set_null().values())

    def deleted(self) -> dict[str, int]:
        """How many go, by collection."""
        counts: Counter[str] = Counter()
        for taking in self.takings:
            counts[taking.collection] += len(taking.ids)
        return dict(counts)

    def set_null(self) -> dict[str, int]:
        """How many references are cleared, by collection."""
        counts: Counter[str] = Counter()
        for clearing in self.clearings:
            counts[clearing.edge.source] += len(clearing.ids)
        return dict(counts)


async def plan_deletion(
    bound: BoundReferences,
    collection: str,
    ids: Sequence[Any],
    session: AsyncClientSession,
    *,
    spare: Spare | None = None,
) -> DeletionPlan:
    """Follow the references to the documents, outwards and over cycles; hold off new ones meanwhile.

    Args:
        collection: the collection of the documents.
        ids: which of them.
        spare: tells which referring documents need no attention.

    Raises:
        ReferenceViolation: a RESTRICT reference comes from a document that stays; names all who refer.
    """
    takings, taken = await _cascade(bound, collection, ids, session, spare)
    staying = _Staying(bound, taken, session, spare)
    restricting: dict[Edge, tuple[int, list[Any]]] = {}
    clearings: list[Clearing] = []
    for taking in takings:
        for edge in bound.graph.incoming(taking.collection, OnDelete.RESTRICT):
            async for referring, _ in staying.referrers(edge, taking.ids):
                count, shown = restricting.get(edge, (0, []))
                restricting[edge] = (count + 1, shown if len(shown) >= SHOWN else [*shown, referring])
    if restricting:
        raise still_referred_to(_named(collection, ids), collection, restricting)
    for taking in takings:
        for edge in bound.graph.incoming(taking.collection, OnDelete.SET_NULL):
            clearing = Clearing(edge)
            async for referring, value in staying.referrers(edge, taking.ids):
                if len(clearing.ids) == BATCH:
                    clearings.append(clearing)
                    clearing = Clearing(edge)
                clearing.ids.append(referring)
                clearing.values.append(value)
            if clearing.ids:
                clearings.append(clearing)
    return DeletionPlan(takings, clearings)


async def _cascade(
    bound: BoundReferences, collection: str, ids: Sequence[Any], session: AsyncClientSession, spare: Spare | None
) -> tuple[list[Taking], dict[str, set[Any]]]:
    taken: dict[str, set[Any]] = defaultdict(set)
    taken[collection] |= set(ids)
    takings: list[Taking] = []
    level = [Taking(collection, chunk) for chunk in chunks(list(ids))]
    while level:
        takings += level
        found: dict[str, list[Any]] = defaultdict(list)
        for taking in level:
            if bound.graph.is_referred_to(taking.collection):
                await bound.fence.close(taking.collection, taking.ids, session)
            for edge in bound.graph.incoming(taking.collection, OnDelete.CASCADE):
                async for referring, _ in _Staying(bound, taken, session, spare).referrers(edge, taking.ids):
                    taken[edge.source].add(referring)
                    found[edge.source].append(referring)
        level = [Taking(source, chunk) for source, new in found.items() for chunk in chunks(new)]
    return takings, taken


@dataclass(frozen=True, slots=True)
class _Staying:
    """The living documents that refer to others and do not go with them."""

    bound: BoundReferences
    taken: dict[str, set[Any]]
    session: AsyncClientSession
    spare: Spare | None

    async def referrers(self, edge: Edge, ids: Sequence[Any]) -> Any:
        waiting: list[tuple[Any, Any]] = []
        async for document in self.bound.referrers(edge, ids, self.session):
            if document["_id"] in self.taken[edge.source]:
                continue
            waiting.append((document["_id"], document.get(edge.field)))
            if len(waiting) == BATCH:
                for pair in await self._unspared(edge.source, waiting):
                    yield pair
                waiting = []
        for pair in await self._unspared(edge.source, waiting):
            yield pair

    async def _unspared(self, source: str, pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        if self.spare is None or not pairs:
            return pairs
        spared = await self.spare(source, [referring for referring, _ in pairs])
        return [pair for pair in pairs if pair[0] not in spared]


def _named(collection: str, ids: Sequence[Any]) -> str:
    return f"{collection} {ids[0]}" if len(ids) == 1 else f"{len(ids)} documents of {collection}"
