"""Every error docstore raises, in one tree.

    DocstoreError
    ├── SettingsError               a setting is missing, contradictory or malformed
    ├── MissingExtra                an optional dependency is not installed
    ├── ServerUnavailable           a server could not be reached
    │   └── EmbeddedServerError     a local development server did not start
    ├── ServiceError                a server answered, and refused
    ├── OperationTimeout            no answer within the limit; for writes the outcome is unknown
    ├── NotBound                    a model was used before a Store bound it
    ├── DocumentError               something about one document
    │   ├── NotFound                no living document matches
    │   ├── DeletedDocument         the document is in the trash
    │   ├── UniqueViolation         another living document holds the value
    │   │   └── RestoreConflict     a living document took the deleted one's place
    │   ├── ValidationFailed        a value breaks the model's rules
    │   ├── ReferenceViolation      a reference points nowhere, or still points here
    │   ├── StaleDocument           the document changed since it was read
    │   └── InvalidTransition       the state machine does not allow this step
    ├── PageError                   no such page can be cut: its limit, its number or its sort
    │   └── InvalidCursor           the cursor is damaged, forged, or another query's
    ├── RelationError               a relation is declared or asked for in a way that cannot be
    │   ├── UnknownRelation         the model has no relation of this name
    │   └── RelationNotLoaded       the relation was not fetched with the document
    └── GuardError                  the guarded collection refused a call
        ├── ProtectedField          the deletion marks are written by delete() and restore() alone
        ├── UnsafeFilter            a filter holds what a filter must not hold
        └── RefusedOperation        the call would see or destroy deleted documents

Each carries a `code` for machines and a `hint` that says the way out. Driver errors are chained with `from`.
Messages name fields and the type of a value, never the value itself: values may be secrets.
"""

from __future__ import annotations

from typing import ClassVar


class DocstoreError(Exception):
    """Base of every error docstore raises."""

    code: ClassVar[str] = "docstore_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        collection: str | None = None,
        field: str | None = None,
        value_type: str | None = None,
    ) -> None:
        self.message = message
        self.hint = hint
        self.collection = collection
        self.field = field
        self.value_type = value_type
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class SettingsError(DocstoreError):
    """A setting is missing, contradictory or malformed."""

    code = "settings"


class MissingExtra(DocstoreError):
    """An optional dependency is not installed."""

    code = "missing_extra"

    def __init__(self, extra: str, what: str) -> None:
        self.extra = extra
        super().__init__(
            f"{what} needs the optional extra {extra!r}, which is not installed.",
            hint=f"Install it: pip install 'docstore[{extra}]'.",
        )


class ServerUnavailable(DocstoreError):
    """A server could not be reached."""

    code = "server_unavailable"


class EmbeddedServerError(ServerUnavailable):
    """A local development server did not start, or died."""

    code = "embedded_server"


class ServiceError(DocstoreError):
    """A server answered, and refused."""

    code = "service_error"


class OperationTimeout(DocstoreError):
    """No answer within the limit. A write that timed out may or may not have happened."""

    code = "timeout"


class NotBound(DocstoreError):
    """A model was used before a Store bound it to a database."""

    code = "not_bound"


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


class ReferenceViolation(DocumentError):
    """A reference points nowhere, or something still points here."""

    code = "reference"


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


class RefusedOperation(GuardError):
    """The call would see or destroy deleted documents, or walk around the guard."""

    code = "refused_operation"
