"""That what a document refers to is there, and stays there until the reference is committed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.guard.ids import as_read
from docstore.documents.guard.references import ReferenceWrite
from docstore.documents.guard.updates import literal_replacement
from docstore.documents.integrity.bound import BoundReferences, Document, Node, values_of
from docstore.documents.integrity.graph import Edge
from docstore.documents.integrity.violations import points_nowhere
from docstore.documents.transactions import current_transaction

IDS_IN_A_QUERY: Final = 1000
"""One question for most batches. The embedded server would answer several shorter ones sooner; MongoDB would not."""

_SETS: Final = frozenset({"$set", "$addFields"})
_NEVER_REFERS: Final = frozenset({"$unset", "$setOnInsert"})
"""`$setOnInsert` writes only where an upsert inserts, and what that inserted is looked at afterwards."""


def reference_write(edges: Sequence[Edge], update: Any, *, upsert: bool) -> ReferenceWrite | None:
    """What an update does to the reference fields of `edges`; None when there is nothing to check."""
    fields = {edge.field for edge in edges}
    if not fields:
        return None
    if isinstance(update, Mapping):
        values, computed = _of_operators(fields, update)
    else:
        values, computed = _of_pipeline(fields, update)
    values = {field: value for field, value in values.items() if value is not None}
    return ReferenceWrite(values, computed, upsert) if values or computed or upsert else None


def _of_operators(fields: set[str], update: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    values: dict[str, Any] = {}
    computed = False
    for operator, body in update.items():
        if operator in _NEVER_REFERS or not isinstance(body, Mapping):
            continue
        targets = body.values() if operator == "$rename" else body
        touched = [name for name in targets if str(name).partition(".")[0] in fields]
        if operator == "$set":
            values |= {name: body[name] for name in touched if name in fields}
            computed = computed or any(name not in fields for name in touched)
        else:
            computed = computed or bool(touched)
    return values, computed


def _of_pipeline(fields: set[str], stages: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], bool]:
    replaced = literal_replacement(stages)
    if replaced is not None:
        return {name: value for name, value in replaced.items() if name in fields}, False
    for stage in stages:
        for name, body in stage.items():
            if name == "$unset":
                continue
            if name not in _SETS or any(str(field).partition(".")[0] in fields for field in body):
                return {}, True
    return {}, False


class ExistenceCheck:
    """Checks references of one collection's documents as they are written.

    Args:
        bound: the references of the database.
        collection: the referring collection.
    """

    def __init__(self, bound: BoundReferences, collection: str) -> None:
        self._bound = bound
        self._collection = collection
        self.edges = tuple(edge for edge in bound.graph.outgoing(collection) if edge.checked)

    def refers(self, documents: Sequence[Mapping[str, Any]]) -> bool:
        """Whether any of the documents refers to anything."""
        return any(document.get(edge.field) is not None for edge in self.edges for document in documents)

    async def check_documents(self, documents: Iterable[Mapping[str, Any]], session: AsyncClientSession) -> None:
        """Refuse documents about to be inserted that refer to nothing; they may refer to each other.

        Raises:
            ReferenceViolation: names the field, the model and the missing ids.
        """
        own: set[Node] = set()
        wanted: dict[Edge, list[Any]] = defaultdict(list)
        for document in documents:
            own_id = as_read(document.get("_id"))
            if isinstance(own_id, ObjectId | str | int | UUID):
                own.add((self._collection, own_id))
            for edge in self.edges:
                wanted[edge] += values_of(document.get(edge.field))
        await self.check(wanted, session, own=own)

    async def check_write(
        self, write: ReferenceWrite, narrowed: Mapping[str, Any], session: AsyncClientSession
    ) -> None:
        """Refuse an update about to run that would make a document refer to nothing.

        A document that has the value already may keep it: old data is not judged again.

        Raises:
            ReferenceViolation: names the field, the model and the missing ids.
        """
        if not write.values:
            return
        raw = self._bound.raw(self._collection)
        differs = {"$or": [{field: {"$ne": value}} for field, value in write.values.items()]}
        changed = await raw.find_one({"$and": [dict(narrowed), differs]}, {"_id": 1}, session=session)
        if changed is None and write.inserts:
            changed = {} if await raw.find_one(narrowed, {"_id": 1}, session=session) is None else None
        if changed is not None:
            wanted = {edge: values_of(write.values.get(edge.field)) for edge in self.edges}
            await self.check(wanted, session)

    async def present(self, ids: Sequence[Any], session: AsyncClientSession) -> dict[Any, Document]:
        """The references documents hold now, by id."""
        fields = dict.fromkeys((edge.field for edge in self.edges), 1)
        cursor = self._bound.raw(self._collection).find({"_id": {"$in": list(ids)}}, fields, session=session)
        return {document["_id"]: document async for document in cursor}

    async def check_changed(
        self, before: Mapping[Any, Mapping[str, Any]], ids: Sequence[Any], session: AsyncClientSession
    ) -> None:
        """Refuse what has been written: references that are new since `before` and lead nowhere.

        Raises:
            ReferenceViolation: names the field, the model and the missing ids.
        """
        wanted: dict[Edge, list[Any]] = defaultdict(list)
        for document_id, document in (await self.present(ids, session)).items():
            for edge in self.edges:
                known = values_of(before.get(document_id, {}).get(edge.field))
                wanted[edge] += [each for each in values_of(document.get(edge.field)) if each not in known]
        await self.check(wanted, session)

    async def check(
        self, wanted: Mapping[Edge, Sequence[Any]], session: AsyncClientSession, *, own: Iterable[Node] = ()
    ) -> None:
        """Refuse references to documents that are neither living nor among `own`; hold off the deletion of the others.

        Raises:
            ReferenceViolation: names the field, the model and the missing ids.
        """
        for edge, ids in wanted.items():
            odd = [each for each in ids if isinstance(each, Mapping | list)]
            if odd:
                raise points_nowhere(edge, odd)
        running = current_transaction()
        known = {*own, *(running.present if running is not None else ())}
        asked = {(edge.target, each) for edge, ids in wanted.items() for each in ids} - known
        if not asked:
            return
        await self._bound.fence.share(asked, session)
        found = {node async for node in self._living(asked, session)}
        absent = asked - found
        for edge, ids in wanted.items():
            missing = [each for each in dict.fromkeys(ids) if (edge.target, each) in absent]
            if missing:
                raise points_nowhere(edge, missing)
        if running is not None:
            running.present |= found

    async def _living(self, asked: set[Node], session: AsyncClientSession) -> Any:
        by_target: dict[str, list[Any]] = defaultdict(list)
        for target, each in asked:
            by_target[target].append(each)
        for target, ids in by_target.items():
            for start in range(0, len(ids), IDS_IN_A_QUERY):
                part = ids[start : start + IDS_IN_A_QUERY]
                query = {"_id": {"$in": part}, **self._bound.living(target)}
                # All in the first answer: the driver's own batch would end after a hundred and one.
                found = self._bound.raw(target).find(query, {"_id": 1}, session=session, batch_size=len(part) + 1)
                async for document in found:
                    yield target, document["_id"]
