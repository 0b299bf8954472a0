"""Every error docstore raises, in one tree.

    DocstoreError
    ├── SettingsError               a setting is missing, contradictory or malformed
    ├── MissingExtra                an optional dependency is not installed
    ├── ServerUnavailable           a server could not be reached
    │   └── EmbeddedServerError     a local development server did not start
    ├── ServiceError                a server answered, and refused
    ├── OperationTimeout            no answer within the limit; for writes the outcome is unknown
    ├── NotBound                    a model was used before a Store bound it
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
    ├── BranchError                 a branch cannot be made, compared or removed
    ├── DocumentError               something about one document
    │   ├── NotFound                no living document matches
    │   ├── DeletedDocument         the document is in the trash
    │   ├── UniqueViolation         another living document holds the value
    │   │   └── RestoreConflict     a living document took the deleted one's place
    │   ├── ValidationFailed        a value breaks the model's rules
    │   │   ├── RequiredViolation   a required field has no value
    │   │   ├── EventTooLarge       an event is larger than the broker takes
    │   │   └── UnknownField        the model has no such field (an UnsafeFilter too)
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

The helpers at the end tell what an error is about, be it docstore's, PyMongo's or pydantic's; they know the others by
their shape, so that this module imports none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final


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


class LeaseError(DocstoreError):
    """Something about what one process alone may do."""

    code = "lease"


class LeaseHeld(LeaseError):
    """Another process holds the lease."""

    code = "lease_held"


class LeaseLost(LeaseError):
    """The lease ran out before the work was done."""

    code = "lease_lost"


class MigrationError(DocstoreError):
    """A migration cannot be run, or did not run to its end."""

    code = "migration"


class MigrationHistoryError(MigrationError):
    """Migration files and journal disagree: one was edited, is missing, or is out of order."""

    code = "migration_history"


class MigrationFailed(MigrationError):
    """A migration raised half-way; what it did is in the journal."""

    code = "migration_failed"


class IrreversibleMigration(MigrationError):
    """There is no way back."""

    code = "irreversible"


class BackupError(DocstoreError):
    """A backup cannot be made, read, restored or pruned."""

    code = "backup"


class CorruptBackup(BackupError):
    """What is stored is not what was written.

    Attributes:
        file: the file, relative to the backup.
        offset: the byte of the stored file from which on it cannot be trusted; None where the whole file is meant.
    """

    code = "corrupt_backup"

    def __init__(self, message: str, *, file: str, offset: int | None = None, hint: str | None = None) -> None:
        self.file = file
        self.offset = offset
        super().__init__(message, hint=hint)


class RestoreRefused(BackupError):
    """The restore would overwrite what is there, or meets another restore's half."""

    code = "restore_refused"


class BranchError(DocstoreError):
    """A branch cannot be made, compared or removed."""

    code = "branch"


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


class RequiredViolation(ValidationFailed):
    """A required field has no value."""

    code = "required"


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


class UnknownField(UnsafeFilter, ValidationFailed):
    """A filter, a sort or an update names a field that the model does not have."""

    code = "unknown_field"


class RefusedOperation(GuardError):
    """The call would see or destroy deleted documents, or walk around the guard."""

    code = "refused_operation"


_UNIQUE: Final = frozenset({11000, 11001, 12582})
_INVALID: Final = 121
_TRANSIENT: Final = frozenset({24, 112, 251})
_TIMEOUTS: Final = frozenset({50, 89, 262, 9001})
_UNAVAILABLE: Final = frozenset({6, 7, 91, 189, 10107, 11600, 11602, 13435, 13436})
_INDEX: Final = re.compile(r"index: (\S+)")
_NAMESPACE: Final = re.compile(r"collection: [^\s.]+\.(\S+)")


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """What an error is about, for logs and for answers to clients. It holds no value of a document.

    Args:
        code: docstore's word for it: "unique", "validation", "required", "reference", "conflict", "timeout",
            "server_unavailable", …; "unknown" for an error that is none of ours nor MongoDB's.
        collection: the collection, where known.
        field: the field, or the fields joined with " and ", where known.
        constraint: the name of the unique index, or "$jsonSchema" for the collection's validator.
        value_type: the type of the refused value, where known.
        hint: the way out, where there is one.
        server_code: MongoDB's error code, where it answered one.
        retryable: whether the same call may well succeed when repeated from the start of its transaction.
    """

    code: str
    collection: str | None = None
    field: str | None = None
    constraint: str | None = None
    value_type: str | None = None
    hint: str | None = None
    server_code: int | None = None
    retryable: bool = False


def is_unique_violation(error: BaseException) -> bool:
    """Whether a unique rule was broken: UniqueViolation, or MongoDB's 11000, in a bulk too."""
    return any(isinstance(each, UniqueViolation) or _server_code(each) in _UNIQUE for each in _chain(error))


def is_reference_violation(error: BaseException) -> bool:
    """Whether a reference points nowhere, or something still refers to what was to be deleted."""
    return any(isinstance(each, ReferenceViolation) for each in _chain(error))


def is_required_violation(error: BaseException) -> bool:
    """Whether a required field has no value: docstore's, pydantic's or the server's validator says so."""
    return any(isinstance(each, RequiredViolation) or bool(_missing_fields(each)) for each in _chain(error))


def constraint_name(error: BaseException) -> str | None:
    """The unique index that was run into, or "$jsonSchema" where the collection's validator refused."""
    for each in _chain(error):
        details = _server_details(each)
        if details.get("code") == _INVALID:
            return "$jsonSchema"
        found = _INDEX.search(str(details.get("errmsg", ""))) if details.get("code") in _UNIQUE else None
        if found:
            return found.group(1)
    return None


def error_detail(error: BaseException) -> ErrorDetail:
    """What an error is about, gathered from it and from the errors that caused it."""
    chain = list(_chain(error))
    own = next((each for each in chain if isinstance(each, DocstoreError)), None)
    details = next((found for each in chain if (found := _server_details(each))), {})
    server_code = details.get("code")
    missing = next((names for each in chain if (names := _missing_fields(each))), ())
    labelled = any(_has_label(each, "TransientTransactionError") for each in chain)
    namespace = _NAMESPACE.search(str(details.get("errmsg", "")))
    return ErrorDetail(
        code="required" if missing else own.code if own else _word(server_code, chain),
        collection=(own.collection if own else None) or (namespace.group(1) if namespace else None),
        field=" and ".join(missing) or (own.field if own else None) or " and ".join(_key_fields(details)) or None,
        constraint=constraint_name(error),
        value_type=own.value_type if own else None,
        hint=own.hint if own else None,
        server_code=server_code,
        retryable=labelled or server_code in _TRANSIENT,
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _server_details(error: BaseException) -> Mapping[str, Any]:
    """MongoDB's answer: the first failed write of a bulk, else the error's own details."""
    details = getattr(error, "details", None)
    if not isinstance(details, Mapping):
        code = getattr(error, "code", None)
        return {"code": code} if isinstance(code, int) else {}
    failed = details.get("writeErrors") or ()
    return failed[0] if failed else {"code": getattr(error, "code", None), **details}


def _server_code(error: BaseException) -> int | None:
    code = _server_details(error).get("code")
    return code if isinstance(code, int) else None


def _key_fields(details: Mapping[str, Any]) -> tuple[str, ...]:
    pattern = details.get("keyPattern")
    return tuple(pattern) if isinstance(pattern, Mapping) else ()


def _missing_fields(error: BaseException) -> tuple[str, ...]:
    if isinstance(error, RequiredViolation):
        return (error.field,) if error.field else ()
    details = _server_details(error)
    if details.get("code") == _INVALID:
        rules = (details.get("errInfo") or {}).get("details", {}).get("schemaRulesNotSatisfied") or ()
        return tuple(str(name) for rule in rules for name in rule.get("missingProperties") or ())
    problems = getattr(error, "errors", None)
    if not callable(problems) or not hasattr(error, "error_count"):
        return ()
    return tuple(".".join(map(str, each["loc"])) for each in problems() if each["type"] == "missing")


def _has_label(error: BaseException, label: str) -> bool:
    ask = getattr(error, "has_error_label", None)
    return bool(callable(ask) and ask(label))


def _word(server_code: int | None, chain: list[BaseException]) -> str:
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    if server_code in _UNIQUE:
        return UniqueViolation.code
    if server_code == _INVALID or any(hasattr(each, "error_count") for each in chain):
        return ValidationFailed.code
    if server_code in _TRANSIENT:
        return "conflict"
    if server_code in _TIMEOUTS or names & {"NetworkTimeout", "ExecutionTimeout"}:
        return OperationTimeout.code
    if server_code in _UNAVAILABLE or names & {"ConnectionFailure"}:
        return ServerUnavailable.code
    return ServiceError.code if "PyMongoError" in names else "unknown"
