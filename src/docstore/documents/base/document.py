"""The base of all documents, with their way into the trash and back; and that of rows that mechanisms keep."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from beanie.odm.actions import ActionDirections
from beanie.odm.bulk import BulkWriter
from beanie.odm.fields import DeleteRules
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import DeleteResult

from docstore.documents.base.stored import StoredDocument
from docstore.documents.driver_errors import translated
from docstore.documents.fields import UtcDateTime
from docstore.documents.guard.deletes import SoftDeleteResult
from docstore.documents.guard.predicate import Scope
from docstore.documents.ids import DocumentId
from docstore.documents.lifecycle import (
    assign,
    next_version,
    purge_document,
    restore_document,
)
from docstore.documents.trash import TrashDoor

if TYPE_CHECKING:
    from docstore.documents.audit.entries import AuditEntry

Session = AsyncClientSession | None


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
