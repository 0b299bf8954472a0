"""The base documents: Beanie's Document behind the guard, with soft delete, stamps and camelCase storage."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from beanie import Document as BeanieDocument
from beanie.exceptions import NotSupported
from beanie.odm.actions import ActionDirections, ActionRegistry, EventTypes, wrap_with_actions
from beanie.odm.bulk import BulkWriter
from beanie.odm.fields import DeleteRules, WriteRules
from beanie.odm.settings.document import DocumentSettings
from beanie.odm.utils.self_validation import validate_self_before
from beanie.odm.utils.state import saved_state_needed
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import DeleteResult, InsertManyResult

from docstore.documents._metaclass import DocumentMeta
from docstore.documents.changes import Change, DocumentChanged
from docstore.documents.codec import LATE, codec_of, filled, is_plain
from docstore.documents.driver_errors import UnboundModel, translated
from docstore.documents.events import Event
from docstore.documents.fields import UtcDateTime, is_stored, utc_now
from docstore.documents.filters.compiling import CompiledFilter
from docstore.documents.filters.trusted import TrustedFilter, trusted
from docstore.documents.guard.collection import GuardedCollection
from docstore.documents.guard.deletes import SoftDeleteResult
from docstore.documents.guard.predicate import Scope
from docstore.documents.hydration import looks_stored
from docstore.documents.ids import DocumentId
from docstore.documents.include.relations import RelatedView
from docstore.documents.indexes import Index
from docstore.documents.lazy import lazily
from docstore.documents.lifecycle import (
    assign,
    fields_to_set,
    insert_new,
    insert_together,
    known_id,
    move,
    next_version,
    purge_document,
    restore_document,
    save_document,
    why_missing,
    write_update,
)
from docstore.documents.loading import load_one, loader_of
from docstore.documents.queries import FindManyDocuments, FindOneDocument
from docstore.documents.read_through import CachedDoor
from docstore.documents.retention import Retention
from docstore.documents.shard_keys import ShardKey
from docstore.documents.states import StateMachine
from docstore.documents.tracking import forget_with_transaction, is_changed, keep_state, roll_back, state_of
from docstore.documents.transactions import ambient_session
from docstore.documents.trash import TrashDoor
from docstore.documents.triggers import Trigger, following_triggers
from docstore.documents.validation import encoded, revalidate
from docstore.errors import NotBound, NotFound

if TYPE_CHECKING:
    from docstore.documents.audit.entries import AuditEntry

Session = AsyncClientSession | None

_OWN_ATTRIBUTES: Final = frozenset(
    {"id", "created_at", "updated_at", "deleted_at", "is_deleted", "deleted_by", "deletion_id"}
)


def storage_name(attribute: str) -> str:
    """The stored field name of an attribute: camelCase, but for what MongoDB and Beanie name themselves."""
    if attribute == "id":
        return "_id"
    return attribute if attribute == "revision_id" else to_camel(attribute)


def as_declared(attribute: str) -> str:
    """As `storage_name`, but a model's own fields are stored under the names they are declared with, as in Beanie."""
    return storage_name(attribute) if attribute in _OWN_ATTRIBUTES else attribute


def _not_bound(model: type) -> NotBound:
    return UnboundModel(
        f"{model.__name__} is not bound to a database.",
        hint="Open a Store first: async with Store.from_env(models=(*ALL, Mine)) as store: ...",
        collection=model.__name__,
    )


@lru_cache(maxsize=64)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


class StoredDocument(BeanieDocument, metaclass=DocumentMeta):
    """What every document has: the gate, the stamps, camelCase storage, tolerance for what older services wrote.

    Use `Document`. This class is the common part of it and `SystemDocument`.
    """

    model_config = ConfigDict(
        alias_generator=storage_name,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    created_at: UtcDateTime | None = None
    updated_at: UtcDateTime | None = None

    soft_delete: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = ()
    """The indexes the model's queries need, beside those of its references."""
    states: ClassVar[StateMachine | None] = None
    """The state machine `move_to` follows."""
    announces: ClassVar[bool] = False
    """Whether every write, by any route, produces `change_events` in its own transaction."""
    counters: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose change alone is not announced: a view counted is no news to search and caches."""
    check_references: ClassVar[bool] = True
    """Whether what a document refers to has to be there when the reference is written."""
    triggers: ClassVar[Sequence[Trigger]] = ()
    """What happens by itself when a document changes, by any route."""
    sensitive: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose values never show in logs and audit entries."""
    versioned: ClassVar[bool] = False
    """Whether a stored `version` counts every write, and a stale copy is not written over a newer one."""
    if TYPE_CHECKING:
        version: int = 0
        """Of versioned models alone: how often the document was written since it was inserted."""
    audited: ClassVar[bool] = False
    """Whether every change, by any route, leaves an audit entry in its own transaction."""

    cached: ClassVar[CachedDoor] = CachedDoor()
    """Documents by id, through the Store's cache: ``await Post.cached.get(post_id)``."""

    retention: ClassVar[Retention | None] = None
    """How long deleted and finished documents are kept (`docstore retention`); None for ever."""
    shard_key: ClassVar[ShardKey | None] = None
    """By what the collection would be spread over the shards of a cluster (`docstore shard plan`)."""

    page_limit: ClassVar[int] = 1000
    """The most documents that one page may hold."""

    # Loaded relations, beside the fields and created with the first of them (`include/relations.py`).
    __slots__ = ("_related",)

    class Settings:
        """Beanie's settings. No projection: a list of known fields would leave the old spellings behind."""

        projection = None

    _find_many_query_class: ClassVar[type] = FindManyDocuments
    _find_one_query_class: ClassVar[type] = FindOneDocument

    hydrates: ClassVar[bool] = True
    """Documents from the database are read leniently (see `hydration.py`)."""

    if not TYPE_CHECKING:  # for type checkers pydantic writes a constructor of each model's fields
        # Beanie's own looks the collection up for each object; ours is asked when it is used.
        __init__ = BaseModel.__init__
        # LazyModel looks at every access to an attribute; only lazily parsed documents need it (see `lazy.py`).
        __getattribute__ = object.__getattribute__

        def __getattr__(self, name: str) -> Any:
            # What a reader left to be made when it is asked for (see `codec/late.py`).
            return filled(self, name) if name in LATE else super().__getattr__(name)

    if TYPE_CHECKING:  # Beanie's, which use the query classes named above

        @classmethod
        def find(cls, *args: Mapping[Any, Any] | bool, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def find_many(cls, *args: Mapping[Any, Any] | bool, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def find_all(cls, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def all(cls, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def find_one(cls, *args: Mapping[Any, Any] | bool, **options: Any) -> FindOneDocument[Self]: ...  # type: ignore[override]

    @model_validator(mode="after")
    def _apply_rules(self, info: ValidationInfo) -> Self:
        if not is_stored(info):
            self.check_rules()
        return self

    def check_rules(self) -> None:
        """Override to hold fields against each other; called on construction and before writes.

        Raises:
            ValueError: says which fields do not fit, and the way out.
        """

    @classmethod
    async def change_events(cls, change: Change) -> Sequence[Event]:
        """What follows from a write to this collection; called inside its transaction for announcing models."""
        return [
            DocumentChanged(aggregate_id=each, changed_collection=change.collection, kind=change.kind)
            for each in change.ids
        ]

    @property
    def related(self) -> RelatedView:
        """The loaded relations by name, also those no attribute was declared for: ``post.related.ideas``."""
        return RelatedView(self)

    # Names and handles

    @classmethod
    def get_pymongo_collection(cls) -> GuardedCollection:
        """The guarded collection. The raw one is `get_mongo_client()`'s, for operations.

        Raises:
            NotBound: no Store has bound the model.
        """
        collection = cls.get_settings().pymongo_collection
        if not isinstance(collection, GuardedCollection):
            raise _not_bound(cls)
        return collection

    @classmethod
    def get_settings(cls) -> DocumentSettings:
        """Beanie's settings of this very class, not of a parent that is bound.

        Raises:
            NotBound: no Store has bound the model.
        """
        settings: DocumentSettings | None = vars(cls).get("_document_settings")
        if settings is None:
            raise _not_bound(cls)
        return settings

    @classmethod
    def stored_name(cls, attribute: str) -> str:
        """The stored field of an attribute."""
        return cls.__pydantic_fields__[attribute].alias or attribute

    @classmethod
    def parse_id(cls, value: Any) -> Any:
        """`value` as an id of this model.

        Raises:
            pydantic.ValidationError: it is none.
        """
        return _adapter(cls.model_fields["id"].annotation).validate_python(value)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """As pydantic's; a document as MongoDB delivers it is taken leniently (see `hydration.py`)."""
        if not options and looks_stored(obj):
            read: Self = codec_of(cls).read(obj)
            return read
        validated: Self = super().model_validate(obj, **options)
        return validated

    @classmethod
    def lazy_parse(cls, data: Mapping[str, Any], fields: set[str] | None = None) -> Self:
        """A document whose fields are parsed when they are first read; those in `fields` (stored names) are now."""
        return cast("Self", lazily(cls, data, fields))

    # Reads

    @classmethod
    async def get(
        cls,
        document_id: Any,
        session: Session = None,
        ignore_cache: bool = False,
        fetch_links: bool = False,
        with_children: bool = False,
        nesting_depth: int | None = None,
        nesting_depths_per_field: dict[str, int] | None = None,
        **pymongo_kwargs: Any,
    ) -> Self | None:
        """The document with this id, or None when there is none.

        Raises:
            pydantic.ValidationError: the value is no id of this model.
        """
        loader = loader_of(cls)
        if loader is None or fetch_links:
            found: Self | None = await super().get(
                document_id,
                session=session,
                fetch_links=fetch_links,
                with_children=with_children,
                nesting_depth=nesting_depth,
                nesting_depths_per_field=nesting_depths_per_field,
                **pymongo_kwargs,
            )
            return found
        return cast(
            "Self | None",
            await load_one(
                cls.get_pymongo_collection(),
                {"_id": known_id(cls, document_id)},
                loader,
                session=session,
                **pymongo_kwargs,
            ),
        )

    @classmethod
    async def get_many(cls, ids: Iterable[Any], *, session: Session = None) -> list[Self]:
        """The documents with these ids in one query, in the order asked; an id without a document is left out.

        Raises:
            pydantic.ValidationError: a value is no id of this model.
        """
        wanted = [known_id(cls, each) for each in ids]
        found = await cls.find(trusted({"_id": {"$in": list(dict.fromkeys(wanted))}}), session=session).to_list()
        by_id = {document.id: document for document in found}
        return [by_id[each] for each in wanted if each in by_id]

    @classmethod
    async def distinct(
        cls, key: Any, filter: Mapping[str, Any] | None = None, session: Session = None, **kwargs: Any
    ) -> list[Any]:
        """The distinct values of a field among the documents that match."""
        found: list[Any] = await cls.find(filter or {}).distinct(key, session=session, **kwargs)
        return found

    @classmethod
    def _add_class_id_filter(cls, args: tuple[Any, ...], with_children: bool = False) -> tuple[Any, ...]:
        # Beanie adds its own condition for inherited documents, unless the caller's names the class. The caller's is
        # not judged yet, so only our own filters are asked.
        known = tuple(each for each in args if isinstance(each, TrustedFilter | CompiledFilter))
        own: tuple[Any, ...] = super()._add_class_id_filter(known, with_children)
        return (*args, *(trusted(each) for each in own[len(known) :]))

    # Writes

    async def insert(
        self,
        *,
        link_rule: WriteRules = WriteRules.DO_NOTHING,
        session: Session = None,
        skip_actions: list[ActionDirections | str] | None = None,
    ) -> Self:
        """Insert this document.

        Raises:
            ReferenceViolation: it refers to what is not there.
            UniqueViolation: a living document already has a unique value.
            ValidationFailed: an assigned value breaks the model's rules; nothing is written.
        """
        forget_with_transaction(self)
        if is_plain(type(self)):
            if self.triggers:
                async with following_triggers(self, session):
                    await insert_new(self, session)
            else:
                await insert_new(self, session)
            self._save_state()
            return self
        revalidate(self, stored=False)
        self._stamp_new()
        with translated(type(self).__name__):
            async with following_triggers(self, session):
                return await super().insert(link_rule=link_rule, session=session, skip_actions=skip_actions)

    @classmethod
    async def insert_many(
        cls,
        documents: Any,
        session: Session = None,
        link_rule: WriteRules = WriteRules.DO_NOTHING,
        **pymongo_kwargs: Any,
    ) -> InsertManyResult:
        """Insert documents in one command, and give them their ids.

        Raises:
            ReferenceViolation: one refers to what is neither there nor among them; nothing is written.
            UniqueViolation: a living document already has a unique value. Those before it are inserted, unless the
                model has references or something follows from its writes: then nothing is.
            ValidationFailed: an assigned value breaks the model's rules; nothing is written.
        """
        if link_rule is WriteRules.WRITE:
            raise NotSupported("insert_many() does not write linked documents")
        return await insert_together(cls, list(documents), session, pymongo_kwargs)

    async def save(
        self,
        session: Session = None,
        link_rule: WriteRules = WriteRules.DO_NOTHING,
        ignore_revision: bool = False,
        **kwargs: Any,
    ) -> Self:
        """Write every field the model knows; unknown stored fields stay. Inserts a document that is nowhere.

        With `Settings.use_state_management` only the fields that changed since the document was read are written.

        Raises:
            DeletedDocument: it is in the trash.
            ReferenceViolation: a reference it changes leads to what is not there.
            UniqueViolation: a living document already has a unique value.
            ValidationFailed: a value breaks the model's rules; nothing is written.
        """
        forget_with_transaction(self)
        async with following_triggers(self, session):
            if is_plain(type(self)) and not kwargs:
                await save_document(self, session)
            else:
                await self._save_with_actions(
                    session=session, link_rule=link_rule, ignore_revision=ignore_revision, **kwargs
                )
        if session is None or not session.in_transaction or session is ambient_session():
            self._save_state()  # another's transaction may yet abort: what it wrote would look saved
        return self

    @validate_self_before
    @wrap_with_actions(EventTypes.SAVE)
    async def _save_with_actions(
        self,
        session: Session = None,
        link_rule: WriteRules = WriteRules.DO_NOTHING,
        ignore_revision: bool = False,
        **kwargs: Any,
    ) -> Self:
        settings = self.get_settings()
        skip = kwargs.pop("skip_actions", None) or []
        if settings.use_revision or not settings.keep_nulls or link_rule is WriteRules.WRITE or kwargs:
            return await self._save_as_beanie(session, link_rule, ignore_revision, kwargs)
        await ActionRegistry.run_actions(self, EventTypes.UPDATE, ActionDirections.BEFORE, skip)
        await save_document(self, session)
        await ActionRegistry.run_actions(self, EventTypes.UPDATE, ActionDirections.AFTER, skip)
        return self

    async def update(
        self,
        *args: Mapping[Any, Any],
        ignore_revision: bool = False,
        session: Session = None,
        bulk_writer: BulkWriter | None = None,
        skip_actions: list[ActionDirections | str] | None = None,
        skip_sync: bool | None = None,
        **pymongo_kwargs: Any,
    ) -> Self:
        """Apply update operators to the stored document, and take over what it has become.

        Raises:
            NotFound, DeletedDocument, StaleDocument, ReferenceViolation, UniqueViolation: as the names say.
        """
        forget_with_transaction(self)
        async with following_triggers(self, session):
            await write_update(
                self,
                args,
                session=session,
                ignore_revision=ignore_revision,
                bulk_writer=bulk_writer,
                skip_actions=skip_actions,
                options=pymongo_kwargs,
            )
        self._save_state()
        return self

    async def replace(self, *args: Any, **kwargs: Any) -> Self:
        """Write every field the model knows to the stored document; unknown stored fields stay.

        Raises:
            NotFound, DeletedDocument, StaleDocument, UniqueViolation, ValidationFailed: as the names say.
        """
        forget_with_transaction(self)
        revalidate(self, stored=True)
        self.updated_at = utc_now()
        try:
            with translated(type(self).__name__):
                async with following_triggers(self, kwargs.get("session")):
                    return await super().replace(*args, **kwargs)
        except NotFound as error:
            raise await why_missing(self, kwargs.get("session")) from error

    async def save_changes(
        self,
        ignore_revision: bool = False,
        session: Session = None,
        bulk_writer: BulkWriter | None = None,
        skip_actions: list[ActionDirections | str] | None = None,
    ) -> Self | None:
        """Write the fields that changed since the document was read; None when there are none.

        Raises:
            StateManagementIsTurnedOff, StateNotSaved: Beanie's; nothing tells what changed.
            NotFound, DeletedDocument, StaleDocument, UniqueViolation, ValidationFailed: as the names say.
        """
        if not self.is_changed:
            return None
        if is_plain(type(self)) and bulk_writer is None:
            return await self.save(session=session)
        revalidate(self, stored=True)
        saved: Self | None = await super().save_changes(ignore_revision, session, bulk_writer, skip_actions)
        return saved

    @property
    @saved_state_needed
    def is_changed(self) -> bool:
        """Whether anything that is stored has changed since the document was read (with state management)."""
        return is_changed(self)

    @saved_state_needed
    def get_changes(self) -> dict[str, Any]:
        """The changed stored fields and their present values; nested ones by path, as Beanie gives them."""
        return self._collect_updates(self.get_saved_state() or {}, state_of(self))

    @saved_state_needed
    def rollback(self) -> None:
        """Take back every change since the document was read."""
        roll_back(self)

    async def move_to(self, state: StrEnum, **changes: Any) -> Self:
        """Take a step of the state machine, with further changes in the same write.

        Only the state and `changes` are written; the step is decided by the database's present state, so of two
        callers one wins.

        Raises:
            InvalidTransition: names the present state, the asked one and the allowed ones.
            NotFound, DeletedDocument, ValidationFailed: as the names say.
        """
        async with following_triggers(self):
            await move(self, state, changes)
        return self

    # What the audit log tells

    async def history(self) -> "list[AuditEntry]":
        """The audit entries of this document, oldest first: who, when, what changed.

        Raises:
            RefusedOperation: the model is not audited.
            NotBound: the Store keeps no audit log.
        """
        from docstore.documents.audit.history import history_of

        return await history_of(self)

    async def as_of(self, moment: datetime) -> Self | None:
        """This document as it was at an instant; None when it was not there yet.

        The result is a copy, not meant to be saved. Counters are as they are now, sensitive values that changed since
        are left out; neither is in the log.

        Raises:
            NotFound: it was purged, or retention removed the entries that would tell.
            RefusedOperation, NotBound: as `history`.
        """
        from docstore.documents.audit.history import state_at

        past: Self | None = await state_at(self, moment)
        return past

    # Inner workings, used by the modules beside this one

    def _stamp_new(self) -> None:
        now = utc_now()
        self.created_at = self.created_at or now
        self.updated_at = self.updated_at or max(now, self.created_at)

    def _fields_to_set(self) -> dict[str, Any]:
        return fields_to_set(type(self), encoded(self))

    def _save_state(self) -> None:
        keep_state(self)

    async def _save_as_beanie(
        self, session: Session, link_rule: WriteRules, ignore_revision: bool, options: dict[str, Any]
    ) -> Self:
        # Revisions, dropped nulls and links are Beanie's business: it saves through `update` with an upsert.
        revalidate(self, stored=self.id is not None)
        self._stamp_new()
        with translated(type(self).__name__):
            below_its_decorators: Any = inspect.unwrap(BeanieDocument.save)
            saved: Self = await below_its_decorators(
                self, session=session, link_rule=link_rule, ignore_revision=ignore_revision, **options
            )
            return saved

    async def sync(self, *args: Any, **kwargs: Any) -> None:
        """Take over what the stored document has become.

        Raises:
            NotFound, DeletedDocument: the document is gone.
        """
        try:
            with translated(type(self).__name__):
                await super().sync(*args, **kwargs)
        except NotFound as error:
            raise await why_missing(self, None) from error


class SubDocument(BaseModel):
    """Base of documents within documents: camelCase storage, and what it does not know is kept and saved again.

    A plain pydantic model works too, but the unknown fields of a stored sub-document are lost when it is saved.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", hide_input_in_errors=True)


class Document(StoredDocument):
    """Base of all documents. Deleting marks; the marked are out of sight of every query; `restore` brings them back.

    Stored fields are camelCase, attributes snake_case, the collection bears the class's name. Beanie's interface
    holds: `find`, `get`, `insert`, `save`, `aggregate`, before and after events, projections.
    """

    deleted_at: UtcDateTime | None = None
    is_deleted: bool = False
    deleted_by: str | None = None
    deletion_id: DocumentId | None = None
    """What all that one deletion took has in common."""

    audited: ClassVar[bool] = True

    deleted: ClassVar[TrashDoor] = TrashDoor(Scope.DELETED)
    """The deleted documents alone: `Post.deleted.find(...)`."""
    with_deleted: ClassVar[TrashDoor] = TrashDoor(Scope.ALL)
    """The documents, living and deleted: `Post.with_deleted.find(...)`."""

    async def delete(
        self,
        session: Session = None,
        bulk_writer: BulkWriter | None = None,
        link_rule: DeleteRules = DeleteRules.DO_NOTHING,
        skip_actions: list[ActionDirections | str] | None = None,
        **pymongo_kwargs: Any,
    ) -> DeleteResult | None:
        """Put this document into the trash; one that is there already stays as it was deleted first.

        What refers to it follows the rule of its reference: CASCADE goes too, SET_NULL lets go.

        Returns:
            PyMongo's DeleteResult: `deleted_count` is 1, or 0 when there was no living document to delete. Its
            `report` tells all that was deleted and freed.

        Raises:
            ReferenceViolation: a RESTRICT reference to it stands; names who refers, and nothing is written.
        """
        with translated(type(self).__name__):
            result = await super().delete(
                session=session,
                bulk_writer=bulk_writer,
                link_rule=link_rule,
                skip_actions=skip_actions,
                **pymongo_kwargs,
            )
        if isinstance(result, SoftDeleteResult) and result.deleted_count and result.marks:
            marks = result.marks
            taken_over = {"deleted_by": marks["deletedBy"], "deletion_id": marks["deletionId"], "is_deleted": True}
            taken_over |= {"deleted_at": marks["deletedAt"], "updated_at": marks["updatedAt"]}
            assign(self, taken_over | next_version(self))
        return result

    async def restore(self, *, session: Session = None) -> Self:
        """Bring this document back from the trash, with what its deletion took along; a living one stays as it is.

        Raises:
            ReferenceViolation: it refers to what is deleted itself; restore that first.
            RestoreConflict: a living document took a unique value meanwhile; names the field and that document.
            NotFound: it was purged, or never saved.
        """
        await restore_document(self, session)
        return self

    async def purge(self, *, reason: str, session: Session = None) -> None:
        """Remove this document for good, living or deleted. There is no way back.

        Raises:
            ValueError: the reason is empty.
            NotFound: there is no such document.
        """
        await purge_document(self, reason, session)

    async def revert(self, entry: "AuditEntry") -> Self:
        """Undo one change of this document, as a new change: its fields become again what they were before.

        A deletion is undone by restoring, a restoration by deleting; an insert by going back to what was inserted.

        Raises:
            StaleDocument: what the entry changed was changed again since; names the fields.
            ValidationFailed: it is another document's entry, or the log keeps no values of it.
            RefusedOperation, NotBound: as `history`; also for a purge.
        """
        from docstore.documents.audit.history import revert

        await revert(self, entry)
        return self

    @classmethod
    def _status_after_restore(cls) -> str | None:
        """What replaces a legacy ``status: "DELETED"`` on restore: the default of the model's status."""
        info = cls.model_fields.get("status")
        default = info.default if info is not None else None
        return str(default.value) if isinstance(default, StrEnum) else None


class SystemDocument(StoredDocument):
    """Base of rows that mechanisms keep for themselves (outbox, leases, journals): a delete removes them."""

    soft_delete: ClassVar[bool] = False

    @classmethod
    def _status_after_restore(cls) -> None:
        return None
