"""Every error docstore raises, in one tree.

    DocstoreError
    ├── SettingsError               a setting is missing, contradictory or malformed
    ├── MissingExtra                an optional dependency is not installed
    ├── ServerUnavailable           a server could not be reached
    │   └── EmbeddedServerError     a local development server did not start
    ├── ServiceError                a server answered, and refused
    │   ├── RecordRefused           the search engine refuses a record for what it holds
    │   ├── CommandRefused          Redis refuses a command for what it asks
    │   └── AccessDenied            this user may not do it
    ├── OperationTimeout            no answer within the limit; for writes the outcome is unknown
    ├── NotBound                    a model was used before a Store bound it
    ├── WrongEventLoop              a connection is used on another event loop than its own
    ├── LeaseError                  what one process alone may do
    │   ├── LeaseHeld               another process is doing it
    │   └── LeaseLost               the lease ran out before the work was done
    ├── MigrationError              a migration cannot be run, or did not run to its end
    │   ├── MigrationHistoryError   files and journal disagree: edited, missing, out of order
    │   ├── MigrationFailed         a migration raised half-way
    │   └── IrreversibleMigration   there is no way back
    ├── BackupError                 a backup cannot be made, read, restored or pruned
    │   ├── CorruptBackup           what is stored is not what was written; says which file, and where in it
    │   └── RestoreRefused          the restore would overwrite, or meets another one's half
    ├── ReindexRefused              the search index would be empty, or much smaller than it is
    ├── BranchError                 a branch cannot be made, compared or removed
    ├── DocumentError               something about one document
    │   ├── NotFound                no living document matches
    │   ├── DeletedDocument         the document is in the trash
    │   ├── UniqueViolation         another living document holds the value
    │   │   └── RestoreConflict     a living document took the deleted one's place
    │   ├── ValidationFailed        a value breaks the model's rules
    │   │   ├── RequiredViolation   a required field has no value
    │   │   ├── UnreadableDocument  a stored document does not fit its model
    │   │   ├── EventTooLarge       an event is larger than the broker takes
    │   │   └── UnknownField        the model has no such field (an UnsafeFilter too)
    │   ├── ReferenceViolation      a reference points nowhere, or still points here
    │   ├── WriteConflict           another write or transaction was quicker
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

The helpers (`telling.py`) tell what an error is about, be it docstore's, PyMongo's or pydantic's; they know the others
by their shape, so that this package imports none of them.
"""

from docstore.errors.base import DocstoreError
from docstore.errors.documents import (
    DeletedDocument,
    DocumentError,
    EventTooLarge,
    GuardError,
    InvalidCursor,
    InvalidTransition,
    NotFound,
    PageError,
    ProtectedField,
    ReferenceViolation,
    RefusedOperation,
    RelationError,
    RelationNotLoaded,
    RequiredViolation,
    RestoreConflict,
    StaleDocument,
    UniqueViolation,
    UnknownField,
    UnknownRelation,
    UnreadableDocument,
    UnsafeFilter,
    ValidationFailed,
    WriteConflict,
)
from docstore.errors.operations import (
    BackupError,
    BranchError,
    CorruptBackup,
    IrreversibleMigration,
    LeaseError,
    LeaseHeld,
    LeaseLost,
    MigrationError,
    MigrationFailed,
    MigrationHistoryError,
    ReindexRefused,
    RestoreRefused,
)
from docstore.errors.servers import (
    AccessDenied,
    CommandRefused,
    EmbeddedServerError,
    MissingExtra,
    NotBound,
    OperationTimeout,
    RecordRefused,
    ServerUnavailable,
    ServiceError,
    SettingsError,
    WrongEventLoop,
)
from docstore.errors.telling import (
    ErrorDetail,
    constraint_name,
    error_detail,
    is_reference_violation,
    is_required_violation,
    is_unique_violation,
)

__all__ = [
    "AccessDenied",
    "BackupError",
    "BranchError",
    "CommandRefused",
    "CorruptBackup",
    "DeletedDocument",
    "DocstoreError",
    "DocumentError",
    "EmbeddedServerError",
    "ErrorDetail",
    "EventTooLarge",
    "GuardError",
    "InvalidCursor",
    "InvalidTransition",
    "IrreversibleMigration",
    "LeaseError",
    "LeaseHeld",
    "LeaseLost",
    "MigrationError",
    "MigrationFailed",
    "MigrationHistoryError",
    "MissingExtra",
    "NotBound",
    "NotFound",
    "OperationTimeout",
    "PageError",
    "ProtectedField",
    "RecordRefused",
    "ReferenceViolation",
    "RefusedOperation",
    "ReindexRefused",
    "RelationError",
    "RelationNotLoaded",
    "RequiredViolation",
    "RestoreConflict",
    "RestoreRefused",
    "ServerUnavailable",
    "ServiceError",
    "SettingsError",
    "StaleDocument",
    "UniqueViolation",
    "UnknownField",
    "UnknownRelation",
    "UnreadableDocument",
    "UnsafeFilter",
    "ValidationFailed",
    "WriteConflict",
    "WrongEventLoop",
    "constraint_name",
    "error_detail",
    "is_reference_violation",
    "is_required_violation",
    "is_unique_violation",
]
