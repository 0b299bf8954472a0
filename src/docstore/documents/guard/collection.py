"""The guarded collection: PyMongo's own interface, over the documents in scope.

Every public method of AsyncCollection is guarded here, passed on, or refused; `classification.py` holds the list.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pymongo.asynchronous.collection import AsyncCollection, ReturnDocument
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from docstore.documents.changes import ChangeKind
from docstore.documents.guard.bulk import guarded_bulk_write
from docstore.documents.guard.deletes import SoftDeleteResult, delete_by_rules, find_and_delete_by_rules
from docstore.documents.guard.filters import check_filter, refuse_scripts, refuse_unknown_options
from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import LIVING, Scope, deletion_marks
from docstore.documents.guard.reading import ReadingCollection
from docstore.documents.guard.targets import Target
from docstore.documents.guard.updates import (
    Update,
    check_marks,
    refuse_born_deleted,
    replacement_pipeline,
    stamp_insert,
    stamp_update,
)
from docstore.documents.guard.writes import Writer
from docstore.documents.transactions import Session, ambient_session, note_write
from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.guard.database import GuardedDatabase

Document = dict[str, Any]

# The optional parameters of PyMongo's methods in their order, so that calls by position mean the same.
_INSERT: Final = ("bypass_document_validation", "session", "comment")
_INSERT_MANY: Final = ("ordered", "bypass_document_validation", "session", "comment")
_UPDATE_ONE: Final = (
    *(
        "upsert",
        "bypass_document_validation",
        "collation",
        "array_filters",
        "hint",
        "session",
        "let",
        "sort",
        "comment",
    ),
)
_UPDATE_MANY: Final = (
    *("upsert", "array_filters", "bypass_document_validation", "collation", "hint", "session", "let", "comment"),
)
_REPLACE: Final = (*("upsert", "bypass_document_validation", "collation", "hint", "session", "let", "sort", "comment"),)
_FIND_UPDATE: Final = (
    *("projection", "sort", "upsert", "return_document", "array_filters", "hint", "session", "let", "comment"),
)
_FIND_REPLACE: Final = ("projection", "sort", "upsert", "return_document", "hint", "session", "let", "comment")
_FIND_DELETE: Final = ("projection", "sort", "hint", "session", "let", "comment")
_DELETE: Final = ("collation", "hint", "session", "let", "comment")
_BULK: Final = ("ordered", "bypass_document_validation", "session", "comment", "let")


class GuardedCollection(ReadingCollection):
    """A collection that never shows, counts, changes or destroys a deleted document.

    Reads and writes reach the documents in `scope` alone; deletes mark; inserts and updates are stamped; every call
    joins the ambient transaction. Parameters and results are PyMongo's.
    """

    def __init__(
        self, raw: AsyncCollection[Document], database: "GuardedDatabase", registry: GuardRegistry, scope: Scope
    ) -> None:
        super().__init__(raw, database, registry, scope)
        self._writer = Writer(raw, registry)

    @property
    def writer(self) -> Writer:
        """Runs this collection's writes; for the trash's own operations."""
        return self._writer

    # Inserts

    async def insert_one(self, document: Any, *args: Any, **kwargs: Any) -> InsertOneResult:
        """Insert a document, stamped with `createdAt` and `updatedAt` where it has none."""
        options, session = _options(_INSERT, args, kwargs)
        stamped = stamp_insert(document, self.name)
        result = await self._writer.insert(
            lambda joined: self._raw.insert_one(stamped, session=joined, **options),
            [stamped],
            session,
        )
        _give_id(document, result.inserted_id)
        return result

    async def insert_many(self, documents: Iterable[Any], *args: Any, **kwargs: Any) -> InsertManyResult:
        """Insert documents, each stamped as by `insert_one`."""
        options, session = _options(_INSERT_MANY, args, kwargs)
        given = list(documents)
        stamped = [stamp_insert(document, self.name) for document in given]
        result = await self._writer.insert(
            lambda joined: self._raw.insert_many(stamped, session=joined, **options),
            stamped,
            session,
        )
        for document, sent, inserted_id in zip(given, stamped, result.inserted_ids, strict=True):
            if sent is not document:
                _give_id(document, inserted_id)
        return result

    async def insert_stamped(self, document: Document, session: Session = None) -> Any:
        """Insert a document as its model stores it: stamped, its keys plain names. Returns its id."""
        refuse_born_deleted(document, self.name)
        if self._writer.inserts_plainly((document,)):
            result = await self._raw.insert_one(document, session=ambient_session(session))
            note_write()
        else:
            result = await self._writer.insert(
                lambda joined: self._raw.insert_one(document, session=joined), [document], session
            )
        return result.inserted_id

    async def insert_stamped_many(
        self, documents: list[Document], session: Session, options: Mapping[str, Any]
    ) -> InsertManyResult:
        """Insert documents, each as by `insert_stamped`, with PyMongo's options for `insert_many`."""
        refuse_unknown_options(options, _INSERT_MANY)
        name = self.name
        for document in documents:
            refuse_born_deleted(document, name)
        return await self._writer.insert(
            lambda joined: self._raw.insert_many(documents, session=joined, **options), documents, session
        )

    # Updates

    async def update_one(self, filter: Mapping[str, Any], update: Update, *args: Any, **kwargs: Any) -> UpdateResult:
        """Update the first document in scope that matches."""
        options, session = _options(_UPDATE_ONE, args, kwargs)
        return await self._run_update(filter, update, session, options, many=False)

    async def update_many(self, filter: Mapping[str, Any], update: Update, *args: Any, **kwargs: Any) -> UpdateResult:
        """Update every document in scope that matches."""
        options, session = _options(_UPDATE_MANY, args, kwargs)
        return await self._run_update(filter, update, session, options, many=True)

    async def replace_one(
        self, filter: Mapping[str, Any], replacement: Mapping[str, Any], *args: Any, **kwargs: Any
    ) -> UpdateResult:
        """Replace the first document in scope that matches; `createdAt` stays."""
        options, session = _options(_REPLACE, args, kwargs)
        upsert = self._may_upsert(bool(options.pop("upsert", False)))
        pipeline = self.replacement(replacement)
        return await self._writer.update(self.target(filter), pipeline, session, options, many=False, upsert=upsert)

    async def find_one_and_update(
        self, filter: Mapping[str, Any], update: Update, *args: Any, **kwargs: Any
    ) -> Document | None:
        """Update the first document in scope that matches, and return it."""
        options, session = _options(_FIND_UPDATE, args, kwargs)
        upsert = bool(options.pop("upsert", False))
        stamped = self.stamped(update, upsert=upsert)
        return await self._writer.find_and_modify(self.target(filter), stamped, session, options, upsert=upsert)

    async def find_one_and_replace(
        self, filter: Mapping[str, Any], replacement: Mapping[str, Any], *args: Any, **kwargs: Any
    ) -> Document | None:
        """Replace the first document in scope that matches, and return it; `createdAt` stays."""
        options, session = _options(_FIND_REPLACE, args, kwargs)
        upsert = self._may_upsert(bool(options.pop("upsert", False)))
        pipeline = self.replacement(replacement)
        return await self._writer.find_and_modify(self.target(filter), pipeline, session, options, upsert=upsert)

    async def set_fields(
        self, filter: Mapping[str, Any], fields: Mapping[str, Any], *, session: Session = None
    ) -> UpdateResult:
        """Set fields of one document in scope; unlike `update_one` the caller's own `updatedAt` is kept."""
        check_marks(fields, self.name, "a save")
        return await self._writer.update(self.target(filter), {"$set": dict(fields)}, session, {}, many=False)

    # Deletes

    async def delete_one(self, filter: Mapping[str, Any], *args: Any, **kwargs: Any) -> DeleteResult:
        """Delete the first living document that matches: softly where the collection does so."""
        options, session = _options(_DELETE, args, kwargs)
        return await self._run_delete(filter, session, options, many=False)

    async def delete_many(self, filter: Mapping[str, Any], *args: Any, **kwargs: Any) -> DeleteResult:
        """Delete every living document that matches: softly where the collection does so."""
        options, session = _options(_DELETE, args, kwargs)
        return await self._run_delete(filter, session, options, many=True)

    async def find_one_and_delete(self, filter: Mapping[str, Any], *args: Any, **kwargs: Any) -> Document | None:
        """Delete the first living document that matches, and return it as it was."""
        options, session = _options(_FIND_DELETE, args, kwargs)
        target = self.deletable(filter)
        if self._writer.spreads_deletion:
            return await find_and_delete_by_rules(self._writer, target, deletion_marks(), session, options)
        if not self.deletes_softly:
            return await self._writer.find_and_remove(target, session, options)
        options["return_document"] = ReturnDocument.BEFORE
        marks = {"$set": deletion_marks()}
        return await self._writer.find_and_modify(target, marks, session, options, kind=ChangeKind.DELETE)

    async def bulk_write(self, requests: Sequence[Any], *args: Any, **kwargs: Any) -> BulkWriteResult:
        """Run several writes; deletes among them mark, and are counted as deleted."""
        options, session = _options(_BULK, args, kwargs)
        return await guarded_bulk_write(self, self._writer, requests, session, options)

    # Indexes

    async def create_index(self, keys: Any, *args: Any, **kwargs: Any) -> str:
        """Create an index; one that expires documents is the model's to declare."""
        self.refuse_expiry(kwargs)
        return await self._raw.create_index(keys, *args, **kwargs)

    async def create_indexes(self, indexes: Sequence[Any], *args: Any, **kwargs: Any) -> list[str]:
        """Create indexes; one that expires documents is the model's to declare."""
        for index in indexes:
            self.refuse_expiry(index.document)
        return await self._raw.create_indexes(indexes, *args, **kwargs)

    def refuse_expiry(self, index: Mapping[str, Any]) -> None:
        """Refuse an index by which the server would remove documents for good.

        Raises:
            RefusedOperation: it has `expireAfterSeconds`, and the collection deletes softly.
        """
        if self.deletes_softly and index.get("expireAfterSeconds") is not None:
            self._refuse(
                "an index that expires documents",
                "the server would remove them for good",
                "Declare it on the model: index(..., expire_after=...).",
            )

    # Refused

    async def drop(self, *args: Any, **kwargs: Any) -> None:
        """Refused on collections of documents; views are dropped."""
        if "viewOn" not in await self._raw.options():
            self._refuse("drop()", "it would destroy every document", "Delete them, or use get_mongo_client().")
        await self._raw.drop(*args, **kwargs)

    async def rename(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: the rules of a collection follow its name."""
        self._refuse("rename()", "the rules follow the name", "Use get_mongo_client() in a migration.")

    # How writes will run; bulk_write asks too

    def target(self, filter: Mapping[str, Any]) -> Target:
        """What a write with this filter aims at."""
        # None would mean every document: right for a read, and never meant by a write.
        check_filter(filter, self.name, marks_allowed=True)
        return Target(filter, self._narrowed(filter))

    def deletable(self, filter: Mapping[str, Any]) -> Target:
        """What a delete with this filter aims at: deleting again would overwrite who deleted, and when."""
        target = self.target(filter)
        if self._sees_living_alone:
            return target
        return Target(filter, {"$and": [dict(target.narrowed), dict(LIVING)]})

    def stamped(self, update: Update, *, upsert: bool) -> Any:
        """An update, as it will run."""
        return stamp_update(update, self.name, upsert=self._may_upsert(upsert), living=self._sees_living_alone)

    def replacement(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A whole-document replacement, as it will run."""
        if not self._sees_living_alone:
            self._refuse("a replacement in the trash", "it would wipe the marks of deletion", "restore() it first.")
        return replacement_pipeline(document, self.name)

    @property
    def _sees_living_alone(self) -> bool:
        return self.scope is Scope.LIVING or not self.deletes_softly

    async def _run_update(
        self, filter: Mapping[str, Any], update: Update, session: Session, options: dict[str, Any], *, many: bool
    ) -> UpdateResult:
        upsert = bool(options.pop("upsert", False))
        stamped = self.stamped(update, upsert=upsert)
        return await self._writer.update(self.target(filter), stamped, session, options, many=many, upsert=upsert)

    async def _run_delete(
        self, filter: Mapping[str, Any], session: Session, options: dict[str, Any], *, many: bool
    ) -> DeleteResult:
        target = self.deletable(filter)
        marks = deletion_marks()
        if self._writer.spreads_deletion:
            return await delete_by_rules(self._writer, target, marks, session, options, many=many)
        if not self.deletes_softly:
            return await self._writer.remove(target, session, options, many=many)
        update = {"$set": marks}
        result = await self._writer.update(target, update, session, options, many=many, kind=ChangeKind.DELETE)
        return SoftDeleteResult(self.name, result.modified_count, marks, None)

    def _may_upsert(self, upsert: bool) -> bool:
        if upsert and not self._sees_living_alone:
            self._refuse("an upsert into the trash", "it would insert a living document", "Upsert on the model itself.")
        return upsert

    def _refuse(self, call: str, why: str, hint: str) -> NoReturn:
        raise RefusedOperation(f"{call} is refused on {self.name}: {why}.", hint=hint, collection=self.name)


def _options(names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], Session]:
    """The optional arguments of a call by name, and the session among them."""
    if len(args) > len(names):
        raise TypeError(f"at most {len(names)} optional arguments, {len(args)} given")
    refuse_unknown_options(kwargs, names)
    options = {**dict(zip(names, args, strict=False)), **kwargs}
    refuse_scripts(options.get("projection"), "projection")
    return options, options.pop("session", None)


def _give_id(document: Any, inserted_id: Any) -> None:
    # PyMongo gives the caller's dict its `_id`; we insert a stamped copy, so we do it here.
    if type(document) is dict or isinstance(document, MutableMapping):
        document.setdefault("_id", inserted_id)
