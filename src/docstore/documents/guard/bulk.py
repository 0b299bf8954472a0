"""bulk_write behind the guard: every operation narrowed and stamped, deletes turned into marks.

MongoDB counts a mark as a modification. So that `deleted_count` stays true, deletes run as bulks of their own between
the other operations, in the order given, and the results are added up.
"""

from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, PyMongoError, WriteError
from pymongo.results import BulkWriteResult

from docstore.documents.changes import ChangeKind
from docstore.documents.guard.deletes import delete_by_rules
from docstore.documents.guard.predicate import DELETED, deletion_marks
from docstore.documents.guard.targets import Target
from docstore.documents.guard.updates import stamp_insert
from docstore.documents.guard.writes import Writer
from docstore.documents.transactions import Session, ambient_session, note_write
from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.guard.collection import GuardedCollection

_OPTIONS = ("collation", "hint", "sort", "array_filters")
_COUNTS = ("nInserted", "nUpserted", "nMatched", "nModified", "nRemoved")


@dataclass(frozen=True, slots=True)
class _Operation:
    """One request as it will run; `target` is None for an insert."""

    kind: ChangeKind
    body: Any
    target: Target | None = None
    many: bool = False
    upsert: bool = False
    options: Mapping[str, Any] | None = None
    removes: bool = False

    def request(self, writer: Writer) -> Any:
        """The PyMongo request that runs it."""
        if self.target is None:
            return InsertOne(self.body)
        options = dict(self.options or {})
        if self.removes:
            return (DeleteMany if self.many else DeleteOne)(dict(self.target.narrowed), **options)
        return (UpdateMany if self.many else UpdateOne)(
            dict(self.target.narrowed), writer.counted(self.body), upsert=self.upsert, **options
        )


async def guarded_bulk_write(
    collection: "GuardedCollection",
    writer: Writer,
    requests: Sequence[Any],
    session: Session,
    options: dict[str, Any],
) -> BulkWriteResult:
    """Run `requests` as the guarded collection would run each of them.

    Raises:
        RefusedOperation: a request of a kind the guard does not know.
        DeletedDocument: an upsert matches only deleted documents. Checked before anything is written.
        BulkWriteError: as PyMongo raises it.
    """
    operations = [_prepare(collection, request) for request in requests]
    if not operations:
        return await collection.raw.bulk_write([])  # PyMongo's own error for an empty list
    if writer.observed or _concerns_references(writer, operations):
        return await writer.in_transaction(lambda joined: _one_by_one(collection, writer, operations, joined), session)
    return await _in_runs(collection, writer, operations, ambient_session(session), options)


def _concerns_references(writer: Writer, operations: Sequence[_Operation]) -> bool:
    keeper = writer.keeper
    return keeper is not None and any(
        keeper.is_referred_to
        if operation.kind is ChangeKind.DELETE
        else keeper.refers([operation.body])
        if operation.target is None
        else keeper.reference_write(operation.body, upsert=operation.upsert) is not None
        for operation in operations
    )


async def _in_runs(
    collection: "GuardedCollection",
    writer: Writer,
    operations: Sequence[_Operation],
    session: Session,
    options: dict[str, Any],
) -> BulkWriteResult:
    total = _no_result()
    failed: BulkWriteError | None = None
    start = 0
    if await _trash_matches_an_upsert(collection, operations, session):
        for operation in operations:
            await _refuse_duplicating_upsert(collection, writer, operation, session)
    async for run in _runs(collection, operations, session):
        marks = run[0].kind is ChangeKind.DELETE and not run[0].removes
        await _refuse_duplicating_upsert(collection, writer, run[0], session)
        try:
            result = await collection.raw.bulk_write([each.request(writer) for each in run], session=session, **options)
            note_write()
            _add(total, result.bulk_api_result, start, marks=marks)
        except BulkWriteError as error:
            _add(total, error.details or {}, start, marks=marks)
            failed = error
            if options.get("ordered", True):
                break
        start += len(run)
    if failed is not None:
        raise BulkWriteError(total) from failed
    return BulkWriteResult(total, collection.write_concern.acknowledged)


async def _runs(
    collection: "GuardedCollection", operations: Sequence[_Operation], session: Session
) -> AsyncIterator[list[_Operation]]:
    """What can run as one bulk: deletes apart; each upsert at the head of its run where the trash might match it."""
    for is_delete, group in groupby(operations, key=lambda each: each.kind is ChangeKind.DELETE):
        run: list[_Operation] = []
        alike = list(group)
        careful = not is_delete and await _trash_matches_an_upsert(collection, alike, session)
        for operation in alike:
            if run and careful and operation.upsert:
                yield run
                run = []
            run.append(operation)
        yield run


async def _trash_matches_an_upsert(
    collection: "GuardedCollection", operations: Sequence[_Operation], session: Session
) -> bool:
    upserts = [each for each in operations if each.upsert and each.target and each.target.wanted]
    if not upserts or not collection.deletes_softly:
        return False
    if any((each.options or {}).get("collation") for each in upserts):
        return True  # one query cannot ask under several collations: each is asked by itself
    wanted = [dict(each.target.wanted) for each in upserts if each.target]
    query = {"$and": [{"$or": wanted}, dict(DELETED)]}
    return await collection.raw.find_one(query, {"_id": 1}, session=session) is not None


async def _refuse_duplicating_upsert(
    collection: "GuardedCollection", writer: Writer, operation: _Operation, session: Session
) -> None:
    target = operation.target
    if operation.upsert and target is not None:
        reading = {"collation": collation} if (collation := (operation.options or {}).get("collation")) else {}
        matched = await collection.raw.find_one(target.narrowed, {"_id": 1}, session=session, **reading)
        if matched is None:
            await writer.refuse_if_deleted(target.wanted, session, reading)


async def _one_by_one(
    collection: "GuardedCollection", writer: Writer, operations: Sequence[_Operation], session: AsyncClientSession
) -> BulkWriteResult:
    total = _no_result()
    if writer.keeper is not None:  # all at once; one by one they are then known to be there
        await writer.keeper.check_insert([each.body for each in operations if each.target is None], session)
    for index, operation in enumerate(operations):
        try:
            await _run_alone(collection, writer, operation, session, index, total)
        except WriteError as error:
            # The transaction takes back what ran before, so the counts are zero.
            details = {**(error.details or {}), "index": index, "code": error.code, "errmsg": str(error)}
            raise _labelled(BulkWriteError({**_no_result(), "writeErrors": [details]}), error) from error
    return BulkWriteResult(total, collection.write_concern.acknowledged)


async def _run_alone(
    collection: "GuardedCollection",
    writer: Writer,
    operation: _Operation,
    session: AsyncClientSession,
    index: int,
    total: dict[str, Any],
) -> None:
    if operation.target is None:
        await writer.insert(
            lambda joined: collection.raw.insert_one(operation.body, session=joined), [operation.body], session
        )
        total["nInserted"] += 1
        return
    options = operation.options or {}
    if operation.kind is ChangeKind.DELETE and writer.spreads_deletion:
        marks = operation.body["$set"]
        deleted = await delete_by_rules(writer, operation.target, marks, session, options, many=operation.many)
        total["nRemoved"] += deleted.deleted_count
        return
    if operation.removes:
        removed = await writer.remove(operation.target, session, options, many=operation.many)
        total["nRemoved"] += removed.deleted_count
        return
    result = await writer.update(
        operation.target,
        operation.body,
        session,
        options,
        many=operation.many,
        upsert=operation.upsert,
        kind=operation.kind,
    )
    if operation.kind is ChangeKind.DELETE:
        total["nRemoved"] += result.modified_count
        return
    total["nMatched"] += result.matched_count
    total["nModified"] += result.modified_count
    if result.upserted_id is not None:
        total["nUpserted"] += 1
        total["upserted"].append({"index": index, "_id": result.upserted_id})


def _labelled(error: BulkWriteError, cause: PyMongoError) -> BulkWriteError:
    for label in ("TransientTransactionError", "RetryableWriteError"):
        if cause.has_error_label(label):
            error._add_error_label(label)
    return error


def _prepare(collection: "GuardedCollection", request: Any) -> _Operation:
    name = collection.name
    if getattr(request, "_namespace", None) is not None:
        raise RefusedOperation(
            f"bulk_write on {name} holds an operation for the namespace {request._namespace}.",
            hint="A namespace belongs to client.bulk_write(); leave it out.",
            collection=name,
        )
    if isinstance(request, InsertOne):
        given = request._doc
        document = stamp_insert(given, name)
        document.setdefault("_id", ObjectId())
        if isinstance(given, MutableMapping):
            given.setdefault("_id", document["_id"])
        return _Operation(ChangeKind.INSERT, document)
    options = {key: getattr(request, f"_{key}") for key in _OPTIONS if getattr(request, f"_{key}", None) is not None}
    if isinstance(request, DeleteOne | DeleteMany):
        return _Operation(
            ChangeKind.DELETE,
            {"$set": deletion_marks()},
            collection.deletable(request._filter),
            many=isinstance(request, DeleteMany),
            options=options,
            removes=not collection.deletes_softly,
        )
    if isinstance(request, UpdateOne | UpdateMany | ReplaceOne):
        upsert = bool(request._upsert)
        body = (
            collection.replacement(request._doc)
            if isinstance(request, ReplaceOne)
            else collection.stamped(request._doc, upsert=upsert)
        )
        return _Operation(
            ChangeKind.UPDATE,
            body,
            collection.target(request._filter),
            many=isinstance(request, UpdateMany),
            upsert=upsert,
            options=options,
        )
    raise RefusedOperation(
        f"bulk_write on {name} holds a {type(request).__name__}.",
        hint="Use InsertOne, UpdateOne, UpdateMany, ReplaceOne, DeleteOne or DeleteMany.",
        collection=name,
        value_type=type(request).__name__,
    )


def _no_result() -> dict[str, Any]:
    return {"writeErrors": [], "writeConcernErrors": [], "upserted": [], **dict.fromkeys(_COUNTS, 0)}


def _add(total: dict[str, Any], part: Mapping[str, Any], start: int, *, marks: bool) -> None:
    counts = {name: part.get(name, 0) for name in _COUNTS}
    if marks:
        counts = {**dict.fromkeys(_COUNTS, 0), "nRemoved": counts["nModified"]}
    for name, count in counts.items():
        total[name] += count
    for name in ("writeErrors", "upserted"):
        total[name] += [{**entry, "index": entry["index"] + start} for entry in part.get(name, ())]
    total["writeConcernErrors"] += part.get("writeConcernErrors", ())
