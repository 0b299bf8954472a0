"""A restoration: exactly what a deletion took comes back, cleared references included, or nothing does."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docstore.documents.changes import ChangeKind
from docstore.documents.driver_errors import duplicate_fields
from docstore.documents.fields import utc_now
from docstore.documents.guard.deletes import apply
from docstore.documents.guard.predicate import DELETED, DELETED_STATUS, is_deleted_document, restoration_marks
from docstore.documents.integrity.bound import STATE, BoundReferences, Document, Node, chunks, values_of
from docstore.documents.integrity.graph import Edge
from docstore.documents.integrity.steps import Steps
from docstore.documents.integrity.violations import deletion_unfinished, parent_not_living
from docstore.documents.references import OnDelete
from docstore.errors import RestoreConflict

_GONE = object()


async def restore(
    bound: BoundReferences, collection: str, wanted: Mapping[str, Any], status: str | None, session: AsyncClientSession
) -> int:
    """Bring back the deleted documents that match, and what their deletions took because of them.

    Args:
        collection: the collection of the documents.
        wanted: a filter; only deleted documents are looked at.
        status: what replaces a legacy ``status: "DELETED"``; None removes it.

    Returns:
        How many documents matched.

    Raises:
        ReferenceViolation: something that comes back refers to what stays deleted, or is gone.
        RestoreConflict: a living document took a unique value meanwhile.
    """
    restoration = _Restoration(bound, session)
    await restoration.find(collection, wanted)
    if not restoration.asked:
        return 0
    await restoration.refuse_unfinished()
    await restoration.follow()
    await restoration.settle()
    await restoration.write(status)
    await restoration.mend()
    return len(restoration.asked)


@dataclass
class _Restoration:
    bound: BoundReferences
    session: AsyncClientSession
    asked: set[Node] = field(default_factory=set)
    documents: dict[Node, Document] = field(default_factory=dict)
    """What comes back, parents before their children."""
    _states: dict[Node, Any] = field(default_factory=dict)

    async def find(self, collection: str, wanted: Mapping[str, Any]) -> None:
        """The asked documents."""
        # A server that has to look for any of three marks uses no index: where ids are given it is not asked to.
        query = dict(wanted) if "_id" in wanted else {"$and": [dict(wanted), dict(DELETED)]}
        cursor = self.bound.raw(collection).find(query, self._fields(collection), session=self.session)
        async for document in cursor:
            if is_deleted_document(document):
                self.asked.add((collection, document["_id"]))
                self.documents[collection, document["_id"]] = document

    async def refuse_unfinished(self) -> None:
        """A deletion that goes on in steps would delete again what comes back."""
        steps = Steps(self.bound.database)
        for (collection, deletion_id), ids in _by_deletion(self.documents).items():
            if await steps.unfinished(deletion_id, self.session):
                raise deletion_unfinished(f"{collection} {ids[0]}", collection, deletion_id)

    async def follow(self) -> None:
        """What the same deletions took because of what comes back."""
        level = dict(self.documents)
        while level:
            found: dict[Node, Document] = {}
            for (collection, deletion_id), ids in _by_deletion(level).items():
                for edge in self.bound.graph.incoming(collection, OnDelete.CASCADE):
                    fields = self._fields(edge.source)
                    async for document in self.bound.referrers_in_trash(
                        edge, ids, self.session, deletion_id=deletion_id, fields=fields
                    ):
                        node = (edge.source, document["_id"])
                        if node not in self.documents:
                            found[node] = document
            self.documents |= found
            level = found

    async def settle(self) -> None:
        """Leave behind what waits for another part of its own deletion; refuse what would refer to nothing."""
        while True:
            loose = await self._loose()
            if not loose:
                return
            for node, edge, target_id in loose:
                state = self._states[edge.target, target_id]
                deletion_id = self.documents[node].get("deletionId")
                same_deletion = deletion_id is not None and state == deletion_id
                if node in self.asked or not same_deletion:
                    raise parent_not_living(edge, node[1], target_id, deleted=state is not _GONE)
            for node, _, _ in loose:
                self.documents.pop(node, None)

    async def _loose(self) -> list[tuple[Node, Edge, Any]]:
        held = [
            (node, edge, target_id)
            for node, document in self.documents.items()
            for edge in self.bound.graph.outgoing(node[0])
            if edge.checked and edge.rule is not OnDelete.NOTHING
            for target_id in values_of(document.get(edge.field))
            if (edge.target, target_id) not in self.documents
        ]
        await self._look_at({(edge.target, target_id) for _, edge, target_id in held} - self._states.keys())
        return [each for each in held if self._states[each[1].target, each[2]] is not None]

    async def _look_at(self, targets: set[Node]) -> None:
        """Note of each target: None when it lives, its deletion when it is deleted, _GONE when it is not there."""
        await self.bound.fence.share(targets, self.session)
        by_collection: dict[str, list[Any]] = defaultdict(list)
        for collection, each in targets:
            by_collection[collection].append(each)
            self._states[collection, each] = _GONE
        for collection, ids in by_collection.items():
            for chunk in chunks(ids):
                cursor = self.bound.raw(collection).find(
                    {"_id": {"$in": chunk}}, dict.fromkeys(STATE, 1), session=self.session
                )
                async for document in cursor:
                    deleted = self.bound.marks(collection) and is_deleted_document(document)
                    state = (document.get("deletionId") or ObjectId()) if deleted else None
                    self._states[collection, document["_id"]] = state

    async def write(self, status: str | None) -> None:
        """Take the marks off, an older service's ``status: "DELETED"`` among them."""
        groups: dict[tuple[str, bool], list[Any]] = defaultdict(list)
        for (collection, each), document in self.documents.items():
            old_mark = (collection, each) in self.asked and document.get("status") == DELETED_STATUS
            groups[collection, old_mark].append(each)
        for (collection, old_mark), ids in groups.items():
            update: dict[str, Any] = {"$set": restoration_marks()}
            if old_mark and status is not None:
                update["$set"]["status"] = status
            elif old_mark:
                update["$unset"] = {"status": ""}
            # Read in this transaction: had anything changed meanwhile, the write would conflict.
            await self._apply(collection, ids, {}, update, ChangeKind.RESTORE)

    async def mend(self) -> None:
        """Set cleared references to what came back, where they are still null."""
        steps = Steps(self.bound.database)
        for deletion_id in {deletion_id for _, deletion_id in _by_deletion(self.documents)}:
            for row in await steps.cleared(deletion_id, self.session):
                pairs = list(zip(row["ids"], row["values"], strict=True))
                back = [pair for pair in pairs if (row["target"], pair[1]) in self.documents]
                by_value: dict[Any, list[Any]] = defaultdict(list)
                for referring, value in back:
                    by_value[value].append(referring)
                for value, ids in by_value.items():
                    update = {"$set": {row["field"]: value, "updatedAt": utc_now()}}
                    still_null = {row["field"]: None}
                    await self._apply(row["source"], ids, still_null, update, ChangeKind.UPDATE)
                if back:
                    await steps.forget(row, [pair for pair in pairs if pair not in back], self.session)

    async def _apply(
        self, collection: str, ids: list[Any], condition: Mapping[str, Any], update: dict[str, Any], kind: ChangeKind
    ) -> None:
        try:
            await apply(self.bound.writer(collection), ids, condition, update, self.session, kind)
        except DuplicateKeyError as error:
            raise await self._conflict(collection, error) from error

    async def _conflict(self, collection: str, error: DuplicateKeyError) -> RestoreConflict:
        names = duplicate_fields(error)
        taken: Mapping[str, Any] = (error.details or {}).get("keyValue") or {}
        # Outside the transaction, which the server has given up: nothing can be read in it any more.
        raw = self.bound.raw(collection)
        rival = await raw.find_one({**taken, **self.bound.living(collection)}, {"_id": 1}) if taken else None
        held = f", held by the living {rival['_id']}" if rival else ""
        fields = " and ".join(names) or "a unique index"
        return RestoreConflict(
            f"a {collection} cannot come back: its {fields} is taken{held}.",
            hint="Change or delete that document first, or give the deleted one another value.",
            collection=collection,
            field=fields,
        )

    def _fields(self, collection: str) -> dict[str, int]:
        edges = self.bound.graph.outgoing(collection)
        return dict.fromkeys((*STATE, *(edge.field for edge in edges)), 1)


def _by_deletion(documents: Mapping[Node, Document]) -> dict[tuple[str, Any], list[Any]]:
    grouped: dict[tuple[str, Any], list[Any]] = defaultdict(list)
    for (collection, each), document in documents.items():
        if document.get("deletionId") is not None:
            grouped[collection, document["deletionId"]].append(each)
    return grouped
