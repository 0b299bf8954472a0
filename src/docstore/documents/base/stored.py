"""Documents as they are written: inserted, saved, updated, moved on."""

import inspect
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from beanie import Document as BeanieDocument
from beanie.exceptions import NotSupported
from beanie.odm.actions import ActionDirections, ActionRegistry, EventTypes, wrap_with_actions
from beanie.odm.bulk import BulkWriter
from beanie.odm.fields import WriteRules
from beanie.odm.utils.self_validation import validate_self_before
from beanie.odm.utils.state import saved_state_needed
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import InsertManyResult

from docstore.documents.base.reading import FoundDocument
from docstore.documents.codec import is_plain
from docstore.documents.driver_errors import translated
from docstore.documents.fields import utc_now
from docstore.documents.lifecycle import (
    fields_to_set,
    insert_new,
    insert_together,
    move,
    save_document,
    why_missing,
    write_update,
)
from docstore.documents.tracking import forget_with_transaction, is_changed, keep_state, roll_back, state_of
from docstore.documents.transactions import ambient_session
from docstore.documents.triggers import following_triggers
from docstore.documents.validation import encoded, prepared, revalidate
from docstore.errors import NotFound

if TYPE_CHECKING:
    from docstore.documents.audit.entries import AuditEntry

Session = AsyncClientSession | None


class StoredDocument(FoundDocument):
    """What every document has: the gate, the stamps, camelCase storage, tolerance for what older services wrote.

    Use `Document`. This class is the common part of it and `SystemDocument`.
    """

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
        fields = prepared(self, stored=True)
        self.updated_at = utc_now()
        try:
            with translated(type(self).__name__, fields):
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
