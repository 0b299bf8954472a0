"""The guarded collection: PyMongo's own interface, over the documents in scope.

Every public method of AsyncCollection is guarded here, passed on, or refused; `classification.py` holds the list.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection, ReturnDocument
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from docstore.documents.changes import ChangeKind
from docstore.documents.guard.bulk import guarded_bulk_write
from docstore.documents.guard.cursor import GuardedCursor, GuardedRawBatchCursor, guard_cursor
from docstore.documents.guard.filters import narrow
from docstore.documents.guard.pipelines import guard_pipeline
from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import LIVING, Scope, deletion_marks
from docstore.documents.guard.updates import (
    Update,
    check_marks,
    replacement_pipeline,
    stamp_insert,
    stamp_update,
)
from docstore.documents.guard.writes import Target, Writer
from docstore.documents.transactions import ambient_session
from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.guard.database import GuardedDatabase

Document = dict[str, Any]
Session = AsyncClientSession | None


class SoftDeleteResult(DeleteResult):
    """A DeleteResult that also tells which marks the deletion wrote."""

    def __init__(self, update: UpdateResult, marks: Mapping[str, Any]) -> None:
        super().__init__({"n": update.modified_count, "ok": 1.0}, update.acknowledged)
        self.marks = marks


class GuardedCollection(AsyncCollection[Document]):
    """A collection that never shows, counts, changes or destroys a deleted document.

    Reads and writes reach the documents in `scope` alone; deletes mark; inserts and updates are stamped; every call
    joins the ambient transaction. Results and options are PyMongo's.
    """

    def __init__(
        self,
        raw: AsyncCollection[Document],
        database: "GuardedDatabase",
        registry: GuardRegistry,
        scope: Scope,
    ) -> None:
        super().__init__(
            raw._database,
            raw.name,
            False,
            raw.codec_options,
            raw.read_preference,
            raw.write_concern,
            raw.read_concern,
        )
        self._raw = raw
        self._guarded_database = database
        self._registry = registry
        self._asked_scope = scope
        self._writer = Writer(raw, registry)

    # Ways to other handles

    @property
    def database(self) -> "GuardedDatabase":  # type: ignore[override]  # narrower: guarded too
        """The guarded database."""
        return self._guarded_database

    @property
    def scope(self) -> Scope:
        """Which documents this handle sees."""
        return self._scope

    @property
    def writer(self) -> Writer:
        """Runs this collection's writes; for the trash's own operations."""
        return self._writer

    @property
    def raw(self) -> AsyncCollection[Document]:
        """The plain collection, unguarded: for the trash's own operations, which narrow by themselves."""
        return self._raw

    def in_scope(self, scope: Scope) -> "GuardedCollection":
        """The same collection over other documents: the trash, or everything."""
        return GuardedCollection(self._raw, self._guarded_database, self._registry, scope)

    def with_options(self, *args: Any, **kwargs: Any) -> "GuardedCollection":  # type: ignore[override]  # same options
        """The same guarded collection with other codec options, concerns or read preference."""
        return GuardedCollection(
            self._raw.with_options(*args, **kwargs), self._guarded_database, self._registry, self._asked_scope
        )

    def __getattr__(self, name: str) -> "GuardedCollection":
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self[name]

    def __getitem__(self, name: str) -> "GuardedCollection":
        return self._guarded_database[f"{self.name}.{name}"]

    # Reads

    def find(self, filter: Mapping[str, Any] | None = None, *args: Any, **kwargs: Any) -> GuardedCursor:
        """A cursor over the documents in scope that match."""
        kwargs["session"] = ambient_session(kwargs.get("session"))
        narrowed = narrow(filter, self._scope, self.name)
        return guard_cursor(GuardedCursor, self._raw, self, narrowed, *args, **kwargs)  # type: ignore[no-any-return]

    def find_raw_batches(
        self, filter: Mapping[str, Any] | None = None, *args: Any, **kwargs: Any
    ) -> GuardedRawBatchCursor:
        """A cursor over raw BSON batches of the documents in scope that match."""
        kwargs["session"] = ambient_session(kwargs.get("session"))
        narrowed = narrow(filter, self._scope, self.name)
        return guard_cursor(GuardedRawBatchCursor, self._raw, self, narrowed, *args, **kwargs)  # type: ignore[no-any-return]

    async def find_one(self, filter: Any = None, *args: Any, **kwargs: Any) -> Document | None:
        """The first document in scope that matches; a filter that is no mapping is an `_id`."""
        wanted = filter if filter is None or isinstance(filter, Mapping) else {"_id": filter}
        kwargs["limit"] = -1
        async with self.find(wanted, *args, **kwargs) as cursor:
            async for document in cursor:
                return document
        return None

    async def count_documents(self, filter: Mapping[str, Any], session: Session = None, **kwargs: Any) -> int:
        """How many documents in scope match."""
        narrowed = narrow(filter, self._scope, self.name)
        return await self._raw.count_documents(narrowed, session=ambient_session(session), **kwargs)

    async def estimated_document_count(self, comment: Any = None, **kwargs: Any) -> int:
        """How many documents are in scope: counted, because the server's estimate includes the deleted."""
        return await self.count_documents({}, comment=comment, **kwargs)

    async def distinct(
        self, key: str, filter: Mapping[str, Any] | None = None, session: Session = None, **kwargs: Any
    ) -> list[Any]:
        """The distinct values of `key` among the documents in scope that match."""
        narrowed = narrow(filter if filter is not None else kwargs.pop("query", None), self._scope, self.name)
        return await self._raw.distinct(key, narrowed, session=ambient_session(session), **kwargs)

    async def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], session: Session = None, **kwargs: Any
    ) -> AsyncCommandCursor[Document]:
        """Run a pipeline over the documents in scope; joins see no deleted document."""
        guarded = guard_pipeline(pipeline, self._registry, self._scope, self.name)
        return await self._raw.aggregate(guarded, session=ambient_session(session), **kwargs)

    async def aggregate_raw_batches(
        self, pipeline: Sequence[Mapping[str, Any]], session: Session = None, **kwargs: Any
    ) -> Any:
        """As `aggregate`, in raw BSON batches."""
        guarded = guard_pipeline(pipeline, self._registry, self._scope, self.name)
        return await self._raw.aggregate_raw_batches(guarded, session=ambient_session(session), **kwargs)

    # Inserts

    async def insert_one(
        self, document: Mapping[str, Any], *args: Any, session: Session = None, **kwargs: Any
    ) -> InsertOneResult:
        """Insert a document, stamped with `createdAt` and `updatedAt` where it has none."""
        stamped = stamp_insert(document, self.name)
        result = await self._writer.insert(
            lambda s: self._raw.insert_one(stamped, *args, session=s, **kwargs),
            lambda inserted: [inserted.inserted_id],
            session,
        )
        _give_id(document, result.inserted_id)
        return result

    async def insert_many(
        self, documents: Iterable[Mapping[str, Any]], *args: Any, session: Session = None, **kwargs: Any
    ) -> InsertManyResult:
        """Insert documents, each stamped as by `insert_one`."""
        given = list(documents)
        stamped = [stamp_insert(document, self.name) for document in given]
        result = await self._writer.insert(
            lambda s: self._raw.insert_many(stamped, *args, session=s, **kwargs),
            lambda inserted: inserted.inserted_ids,
            session,
        )
        for document, inserted_id in zip(given, result.inserted_ids, strict=True):
            _give_id(document, inserted_id)
        return result

    # Updates

    async def update_one(
        self,
        filter: Mapping[str, Any],
        update: Update,
        upsert: bool = False,
        *args: Any,
        session: Session = None,
        **kwargs: Any,
    ) -> UpdateResult:
        """Update the first document in scope that matches."""
        names = ("bypass_document_validation", "collation", "array_filters", "hint")
        return await self._update(filter, update, session, _named(names, args, kwargs), many=False, upsert=upsert)

    async def update_many(
        self,
        filter: Mapping[str, Any],
        update: Update,
        upsert: bool = False,
        *args: Any,
        session: Session = None,
        **kwargs: Any,
    ) -> UpdateResult:
        """Update every document in scope that matches."""
        names = ("array_filters", "bypass_document_validation", "collation", "hint")
        return await self._update(filter, update, session, _named(names, args, kwargs), many=True, upsert=upsert)

    async def replace_one(
        self,
        filter: Mapping[str, Any],
        replacement: Mapping[str, Any],
        upsert: bool = False,
        *args: Any,
        session: Session = None,
        **kwargs: Any,
    ) -> UpdateResult:
        """Replace the first document in scope that matches; `createdAt` stays."""
        options = _named(("bypass_document_validation", "collation", "hint"), args, kwargs)
        pipeline = self.replacement(replacement)
        return await self._writer.update(
            self.target(filter), pipeline, session, options, many=False, upsert=self._may_upsert(upsert)
        )

    async def find_one_and_update(
        self, filter: Mapping[str, Any], update: Update, *args: Any, session: Session = None, **kwargs: Any
    ) -> Document | None:
        """Update the first document in scope that matches, and return it."""
        options = _named(("projection", "sort", "upsert", "return_document", "array_filters", "hint"), args, kwargs)
        upsert = bool(options.pop("upsert", False))
        stamped = self.stamped(update, upsert=upsert)
        return await self._writer.find_and_modify(self.target(filter), stamped, session, options, upsert=upsert)

    async def find_one_and_replace(
        self,
        filter: Mapping[str, Any],
        replacement: Mapping[str, Any],
        *args: Any,
        session: Session = None,
        **kwargs: Any,
    ) -> Document | None:
        """Replace the first document in scope that matches, and return it; `createdAt` stays."""
        options = _named(("projection", "sort", "upsert", "return_document", "hint"), args, kwargs)
        upsert = self._may_upsert(bool(options.pop("upsert", False)))
        pipeline = self.replacement(replacement)
        return await self._writer.find_and_modify(self.target(filter), pipeline, session, options, upsert=upsert)

    # Deletes

    async def delete_one(
        self, filter: Mapping[str, Any], *args: Any, session: Session = None, **kwargs: Any
    ) -> DeleteResult:
        """Delete the first living document that matches: softly where the collection does so."""
        return await self._delete(filter, session, _named(("collation", "hint"), args, kwargs), many=False)

    async def delete_many(
        self, filter: Mapping[str, Any], *args: Any, session: Session = None, **kwargs: Any
    ) -> DeleteResult:
        """Delete every living document that matches: softly where the collection does so."""
        return await self._delete(filter, session, _named(("collation", "hint"), args, kwargs), many=True)

    async def find_one_and_delete(
        self, filter: Mapping[str, Any], *args: Any, session: Session = None, **kwargs: Any
    ) -> Document | None:
        """Delete the first living document that matches, and return it as it was."""
        options = _named(("projection", "sort", "hint"), args, kwargs)
        target = self.deletable(filter)
        if not self.deletes_softly:
            return await self._raw.find_one_and_delete(target.narrowed, session=ambient_session(session), **options)
        options["return_document"] = ReturnDocument.BEFORE
        marks = {"$set": deletion_marks()}
        return await self._writer.find_and_modify(target, marks, session, options, kind=ChangeKind.DELETE)

    async def bulk_write(
        self, requests: Sequence[Any], *args: Any, session: Session = None, **kwargs: Any
    ) -> BulkWriteResult:
        """Run several writes; deletes among them mark, and are counted as deleted."""
        options = _named(("ordered", "bypass_document_validation"), args, kwargs)
        return await guarded_bulk_write(self, self._writer, requests, session, options)

    # Refused

    async def drop(self, *args: Any, **kwargs: Any) -> None:
        """Refused on collections of documents; views are dropped."""
        if "viewOn" not in await self._raw.options():
            self._refuse("drop()", "it would destroy every document", "Delete them, or use get_mongo_client().")
        await self._raw.drop(*args, **kwargs)

    async def rename(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: the rules of a collection follow its name."""
        self._refuse("rename()", "the rules follow the name", "Use get_mongo_client() in a migration.")

    async def watch(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: a raw change stream shows deleted documents, and a deletion as an update."""
        self._refuse(
            "watch()",
            "a raw change stream shows deleted documents, and a deletion as an update",
            "Consume the outbox's events, or watch with get_mongo_client().",
        )

    # Helpers

    @property
    def deletes_softly(self) -> bool:
        """Whether a delete marks instead of removing."""
        return self._registry.policy(self.name).soft_delete

    @property
    def _scope(self) -> Scope:
        return self._asked_scope if self.deletes_softly else Scope.ALL

    @property
    def _marks_are_living(self) -> bool:
        return self._scope is Scope.LIVING or not self.deletes_softly

    def stamped(self, update: Update, *, upsert: bool) -> Any:
        """An update, as it will run."""
        return stamp_update(update, self.name, upsert=self._may_upsert(upsert), living=self._marks_are_living)

    def replacement(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A whole-document replacement, as it will run."""
        if not self._marks_are_living:
            self._refuse("a replacement in the trash", "it would wipe the marks of deletion", "restore() it first.")
        return replacement_pipeline(document, self.name)

    async def set_fields(
        self, filter: Mapping[str, Any], fields: Mapping[str, Any], *, session: Session = None
    ) -> UpdateResult:
        """Set fields of one document in scope; unlike `update_one` the caller's own `updatedAt` is kept."""
        check_marks(fields, self.name, "a save")
        return await self._writer.update(self.target(filter), {"$set": dict(fields)}, session, {}, many=False)

    def target(self, filter: Mapping[str, Any]) -> Target:
        """What a write with this filter aims at."""
        return Target(filter, narrow(filter, self._scope, self.name))

    def deletable(self, filter: Mapping[str, Any]) -> Target:
        """What a delete with this filter aims at: deleting again would overwrite who deleted, and when."""
        target = self.target(filter)
        if self._scope is Scope.LIVING or not self.deletes_softly:
            return target
        return Target(filter, {"$and": [dict(target.narrowed), dict(LIVING)]})

    async def _update(
        self,
        filter: Mapping[str, Any],
        update: Update,
        session: Session,
        options: Mapping[str, Any],
        *,
        many: bool,
        upsert: bool,
    ) -> UpdateResult:
        stamped = self.stamped(update, upsert=upsert)
        return await self._writer.update(self.target(filter), stamped, session, options, many=many, upsert=upsert)

    async def _delete(
        self, filter: Mapping[str, Any], session: Session, options: Mapping[str, Any], *, many: bool
    ) -> DeleteResult:
        target = self.deletable(filter)
        if not self.deletes_softly:
            remove = self._raw.delete_many if many else self._raw.delete_one
            return await remove(target.narrowed, session=ambient_session(session), **options)
        marks = {"$set": deletion_marks()}
        result = await self._writer.update(target, marks, session, options, many=many, kind=ChangeKind.DELETE)
        return SoftDeleteResult(result, marks["$set"])

    def _may_upsert(self, upsert: bool) -> bool:
        if upsert and self.deletes_softly and self._scope is not Scope.LIVING:
            self._refuse("an upsert into the trash", "it would insert a living document", "Upsert on the model itself.")
        return upsert

    def _refuse(self, call: str, why: str, hint: str) -> NoReturn:
        raise RefusedOperation(f"{call} is refused on {self.name}: {why}.", hint=hint, collection=self.name)


def _named(names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword form of a call whose optional arguments were given by position."""
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _give_id(document: Mapping[str, Any], inserted_id: Any) -> None:
    # PyMongo gives the caller's dict its `_id`; we insert a stamped copy, so we do it here.
    if isinstance(document, MutableMapping):
        document.setdefault("_id", inserted_id)
