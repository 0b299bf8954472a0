"""PyMongo's and Beanie's errors, told in docstore's words. The driver's error stays behind as the cause."""

import re
from collections.abc import Mapping
from typing import Any, Final

from beanie.exceptions import CollectionWasNotInitialized, DocumentNotFound, RevisionIdWasChanged
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WriteError,
)

from docstore.errors import (
    DeletedDocument,
    DocstoreError,
    NotBound,
    NotFound,
    OperationTimeout,
    ServerUnavailable,
    StaleDocument,
    UniqueViolation,
    ValidationFailed,
)

DUPLICATE_KEY: Final = 11000
_FAILED_VALIDATION: Final = 121
_BAD_PATTERN: Final = frozenset({51091, 51108})
_INDEX_IN_MESSAGE: Final = re.compile(r"index: (\S+)")


class MissingDocument(NotFound, DocumentNotFound):
    """NotFound, also for code that catches Beanie's DocumentNotFound."""


class MissingInTrash(DeletedDocument, DocumentNotFound):
    """DeletedDocument, also for code that catches Beanie's DocumentNotFound."""


class StaleRevision(StaleDocument, RevisionIdWasChanged):
    """StaleDocument, also for code that catches Beanie's RevisionIdWasChanged."""


class UnboundModel(NotBound, CollectionWasNotInitialized):
    """NotBound, also for code that catches Beanie's CollectionWasNotInitialized."""


class _WithDetails:
    """What PyMongo's errors of writes tell, beside docstore's words."""

    __cause__: BaseException | None

    @property
    def details(self) -> Mapping[str, Any]:
        """The server's answer, from the cause."""
        details: Mapping[str, Any] | None = getattr(self.__cause__, "details", None)
        return details or {}

    def has_error_label(self, label: str) -> bool:
        """Whether the cause has a label, as PyMongo's errors tell it."""
        return isinstance(self.__cause__, PyMongoError) and self.__cause__.has_error_label(label)


class TakenValue(_WithDetails, UniqueViolation, DuplicateKeyError):  # type: ignore[misc]  # `code` is docstore's
    """UniqueViolation, also for code that catches PyMongo's DuplicateKeyError."""


class TakenValues(_WithDetails, UniqueViolation, BulkWriteError):  # type: ignore[misc]  # `code` is docstore's
    """UniqueViolation in a command of many writes, also for code that catches PyMongo's BulkWriteError."""

    def __init__(self, message: str, **told: Any) -> None:
        # BulkWriteError takes the server's answer for its message; here the cause has it.
        Exception.__init__(self, message)
        self.message = message
        for name in ("hint", "collection", "field", "value_type"):
            setattr(self, name, told.get(name))


class translated:  # noqa: N801 - reads as a word of the language: with translated("Post")
    """A block inside which docstore's errors are raised for what the driver raises.

    Raises:
        UniqueViolation, ValidationFailed, StaleDocument, NotFound, OperationTimeout, ServerUnavailable.
    """

    __slots__ = ("_collection",)

    def __init__(self, collection: str) -> None:
        self._collection = collection

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is None or isinstance(error, DocstoreError):
            return
        told = _told(error, self._collection)
        if told is not None:
            raise told from error


def duplicate_fields(error: BaseException | None) -> tuple[str, ...]:
    """The stored fields of the unique index that a write ran into; empty when the error is of another kind."""
    details = _duplicate_details(error)
    if details is None:
        return ()
    pattern = details.get("keyPattern")
    if isinstance(pattern, Mapping) and pattern:
        return tuple(pattern)
    found = _INDEX_IN_MESSAGE.search(str(details.get("errmsg", "")))
    return (found.group(1),) if found else ()


def _duplicate_details(error: BaseException | None) -> Mapping[str, Any] | None:
    if isinstance(error, DuplicateKeyError):
        return error.details or {}
    if isinstance(error, BulkWriteError):
        writes = (error.details or {}).get("writeErrors", ())
        return next((each for each in writes if each.get("code") == DUPLICATE_KEY), None)
    return None


def _told(error: BaseException, collection: str) -> DocstoreError | None:
    if isinstance(error, RevisionIdWasChanged):
        return StaleRevision(
            f"the {collection} changed since it was read.",
            hint="Read it again and repeat.",
            collection=collection,
        )
    if isinstance(error, DocumentNotFound):
        return MissingDocument(f"no living {collection} matches.", collection=collection)
    return _told_of_driver(error, collection) if isinstance(error, PyMongoError) else None


def _told_of_driver(error: PyMongoError, collection: str) -> DocstoreError | None:
    if _duplicate_details(error) is not None:
        names = duplicate_fields(error)
        fields = " and ".join(names) or "a unique index"
        kind = TakenValues if isinstance(error, BulkWriteError) else TakenValue
        return kind(
            f"a living {collection} already has this {fields}.",
            hint="Choose another value, or change the document that has it.",
            collection=collection,
            field=names[0] if len(names) == 1 else fields,
        )
    if isinstance(error, WriteError) and error.code == _FAILED_VALIDATION:
        return ValidationFailed(
            f"the database's validator refused the {collection}.",
            hint="Compare the document with the collection's validator.",
            collection=collection,
        )
    if isinstance(error, OperationFailure) and error.code in _BAD_PATTERN:
        return ValidationFailed(
            f"the database cannot read a pattern in a filter on {collection}, or its options.",
            hint="Escape text that is no pattern: RegEx(field, re.escape(text)).",
            collection=collection,
        )
    if isinstance(error, ExecutionTimeout | NetworkTimeout):
        return OperationTimeout(f"{collection}: no answer in time; a write may or may not have happened.")
    if isinstance(error, ConnectionFailure):
        return ServerUnavailable(
            f"{collection}: MongoDB cannot be reached.", hint="Run docstore doctor to see what is wrong."
        )
    return None
