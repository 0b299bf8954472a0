"""Removal for good, and what it means for those that refer to what is removed."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.changes import ChangeKind
from docstore.documents.guard.deletes import erase
from docstore.documents.integrity.bound import BoundReferences, Node, chunks
from docstore.documents.integrity.deletion import clear
from docstore.documents.integrity.graph import Edge
from docstore.documents.integrity.steps import Steps
from docstore.documents.integrity.violations import SHOWN, still_referred_to
from docstore.documents.references import OnDelete
from docstore.documents.transactions import current_transaction

_ENFORCED = (OnDelete.RESTRICT, OnDelete.CASCADE, OnDelete.SET_NULL)


async def before_purge(
    bound: BoundReferences, collection: str, ids: Sequence[Any], session: AsyncClientSession
) -> None:
    """Make documents ready to be removed for good.

    What their deletion took along with them and is still in the trash is removed with them. References of others in
    the trash are cleared where their rule is SET_NULL. The rest of the trash keeps its references; it cannot be
    restored before they are changed.

    Raises:
        ReferenceViolation: a living document refers to one of them; nothing is removed.
    """
    gone = await _taken_along(bound, collection, ids, session)
    await _refuse_if_referred_to(bound, collection, gone, session)
    for source, each_ids in _by_collection(gone).items():
        await _clear_in_trash(bound, source, each_ids, gone, session)
    await _forget_cleared(bound, gone, session)
    running = current_transaction()
    if running is not None:
        running.present.clear()
    asked = {(collection, each) for each in ids}
    along = {node: deletion for node, deletion in gone.items() if node not in asked}
    for source, along_ids in _by_collection(along).items():
        await erase(bound.writer(source), along_ids, session, ChangeKind.PURGE, reason="purged with what it refers to")


async def _taken_along(
    bound: BoundReferences, collection: str, ids: Sequence[Any], session: AsyncClientSession
) -> dict[Node, Any]:
    """What goes: the asked documents, and the trash that their own deletions took; each with its deletion."""
    level: dict[Node, Any] = {}
    for chunk in chunks(list(ids)):
        await bound.fence.close(collection, chunk, session)
        async for document in bound.raw(collection).find({"_id": {"$in": chunk}}, {"deletionId": 1}, session=session):
            level[collection, document["_id"]] = document.get("deletionId")
    gone = dict(level)
    while level:
        groups: dict[tuple[str, Any], list[Any]] = defaultdict(list)
        for (source, each), deletion_id in level.items():
            if deletion_id is not None:
                groups[source, deletion_id].append(each)
        level = {}
        for (target, deletion_id), targets in groups.items():
            for edge in bound.graph.incoming(target, OnDelete.CASCADE):
                async for document in bound.referrers_in_trash(edge, targets, session, deletion_id=deletion_id):
                    if (edge.source, document["_id"]) not in gone:
                        level[edge.source, document["_id"]] = deletion_id
        gone |= level
    return gone


async def _refuse_if_referred_to(
    bound: BoundReferences, collection: str, gone: dict[Node, Any], session: AsyncClientSession
) -> None:
    found: dict[Edge, tuple[int, list[Any]]] = {}
    for target, ids in _by_collection(gone).items():
        for edge in bound.graph.incoming(target, *_ENFORCED):
            async for document in bound.referrers(edge, ids, session):
                if (edge.source, document["_id"]) not in gone:
                    count, shown = found.get(edge, (0, []))
                    found[edge] = (count + 1, shown if len(shown) >= SHOWN else [*shown, document["_id"]])
    if found:
        raise still_referred_to(f"a document of {collection}", collection, found, purge=True)


async def _clear_in_trash(
    bound: BoundReferences, target: str, ids: list[Any], gone: dict[Node, Any], session: AsyncClientSession
) -> None:
    for edge in bound.graph.incoming(target, OnDelete.SET_NULL):
        referring = [
            document["_id"]
            async for document in bound.referrers_in_trash(edge, ids, session)
            if (edge.source, document["_id"]) not in gone
        ]
        for chunk in chunks(ids):
            await clear(bound, edge.source, edge.field, referring, chunk, session)


async def _forget_cleared(bound: BoundReferences, gone: dict[Node, Any], session: AsyncClientSession) -> None:
    steps = Steps(bound.database)
    for deletion_id in set(gone.values()) - {None}:
        for row in await steps.cleared(deletion_id, session):
            pairs = list(zip(row["ids"], row["values"], strict=True))
            left = [pair for pair in pairs if (row["target"], pair[1]) not in gone]
            if len(left) < len(pairs):
                await steps.forget(row, left, session)


def _by_collection(nodes: dict[Node, Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for collection, each in nodes:
        grouped[collection].append(each)
    return grouped
