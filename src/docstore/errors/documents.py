"""Errors of documents, of pages and relations of them, and of the guard."""

from __future__ import annotations

from docstore.errors.base import DocstoreError


class DocumentError(DocstoreError):
    """Something about one document."""

    code = "document"


class NotFound(DocumentError):
    """No living document matches."""

    code = "not_found"


class DeletedDocument(DocumentError):
    """The document is in the trash."""

    code = "deleted"


class UniqueViolation(DocumentError):
    """Another living document already holds the value."""

    code = "unique"


class RestoreConflict(UniqueViolation):
    """A living document took the deleted one's place."""

    code = "restore_conflict"


class ValidationFailed(DocumentError):
    """A value breaks the model's rules."""

    code = "validation"


class EventTooLarge(ValidationFailed):
    """An event is larger than the broker takes."""

    code = "event_too_large"


class UnreadableDocument(ValidationFailed):
    """A stored document does not fit its model; nothing that was asked for is wrong."""

    code = "unreadable"


class RequiredViolation(ValidationFailed):
    """A required field has no value."""

    code = "required"


class ReferenceViolation(DocumentError):
    """A reference points nowhere, or something still points here."""

    code = "reference"


class WriteConflict(DocumentError):
    """Another write or transaction was quicker; the same work may well succeed when it is run again."""

    code = "conflict"


class StaleDocument(DocumentError):
    """The document changed since it was read."""

    code = "stale"


class InvalidTransition(DocumentError):
    """The state machine does not allow this step."""

    code = "invalid_transition"


class PageError(DocstoreError):
    """No such page can be cut: its limit, its number or its sort."""

    code = "page"


class InvalidCursor(PageError):
    """The cursor is damaged, forged, or belongs to another query."""

    code = "invalid_cursor"


class RelationError(DocstoreError):
    """A relation is declared or asked for in a way that cannot be."""

    code = "relation"


class UnknownRelation(RelationError):
    """The model has no relation of this name."""

    code = "unknown_relation"


class RelationNotLoaded(RelationError):
    """The relation was not fetched with the document."""

    code = "relation_not_loaded"


class GuardError(DocstoreError):
    """The guarded collection refused a call."""

    code = "guard"


class ProtectedField(GuardError):
    """The deletion marks are written by delete() and restore() alone."""

    code = "protected_field"


class UnsafeFilter(GuardError):
    """A filter holds what a filter must not hold."""

    code = "unsafe_filter"


class UnknownField(UnsafeFilter, ValidationFailed):
    """A filter, a sort or an update names a field that the model does not have."""

    code = "unknown_field"


class RefusedOperation(GuardError):
    """The call would see or destroy deleted documents, or walk around the guard."""

    code = "refused_operation"
