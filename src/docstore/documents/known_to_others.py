"""docstore's errors that are also the driver's or Beanie's: code written for those catches them as before."""

from collections.abc import Mapping
from typing import Any

from beanie.exceptions import CollectionWasNotInitialized, DocumentNotFound, RevisionIdWasChanged
from pymongo.errors import BulkWriteError, ConnectionFailure, DuplicateKeyError, OperationFailure, PyMongoError

from docstore.errors import (
    AccessDenied,
    DeletedDocument,
    NotBound,
    NotFound,
    OperationTimeout,
    ServerUnavailable,
    StaleDocument,
    UniqueViolation,
    WriteConflict,
)


class MissingDocument(NotFound, DocumentNotFound):
    """NotFound, also for code that catches Beanie's DocumentNotFound."""


class MissingInTrash(DeletedDocument, DocumentNotFound):
    """DeletedDocument, also for code that catches Beanie's DocumentNotFound."""


class StaleRevision(StaleDocument, RevisionIdWasChanged):
    """StaleDocument, also for code that catches Beanie's RevisionIdWasChanged."""


class UnboundModel(NotBound, CollectionWasNotInitialized):
    """NotBound, also for code that catches Beanie's CollectionWasNotInitialized."""


class UnboundField(UnboundModel, AttributeError):
    """NotBound, also the AttributeError that it is: before a model is bound, its class has no ``Post.title``."""


class _AsItsCause:
    """What PyMongo's errors tell beside their words: the server's answer, and the labels that retries go by."""

    __cause__: BaseException | None

    @property
    def details(self) -> Mapping[str, Any]:
        """The server's answer, from the cause."""
        details: Mapping[str, Any] | None = getattr(self.__cause__, "details", None)
        return details or {}

    def has_error_label(self, label: str) -> bool:
        """Whether the cause has a label, as PyMongo's errors tell it."""
        return isinstance(self.__cause__, PyMongoError) and self.__cause__.has_error_label(label)


class TakenValue(_AsItsCause, UniqueViolation, DuplicateKeyError):  # type: ignore[misc]  # `code` is docstore's
    """UniqueViolation, also for code that catches PyMongo's DuplicateKeyError."""


class TakenValues(_AsItsCause, UniqueViolation, BulkWriteError):  # type: ignore[misc]  # `code` is docstore's
    """UniqueViolation in a command of many writes, also for code that catches PyMongo's BulkWriteError."""

    def __init__(self, message: str, **told: Any) -> None:
        # BulkWriteError takes the server's answer for its message; here the cause has it.
        Exception.__init__(self, message)
        self.message = message
        for name in ("hint", "collection", "field", "value_type"):
            setattr(self, name, told.get(name))


class LostRace(_AsItsCause, WriteConflict, OperationFailure):  # type: ignore[misc]  # as above
    """WriteConflict, also for code that catches PyMongo's OperationFailure, or goes by labels as `with_transaction`."""


class LostServer(_AsItsCause, ServerUnavailable, ConnectionFailure):
    """ServerUnavailable, also for code that catches PyMongo's ConnectionFailure."""


class LateAnswer(_AsItsCause, OperationTimeout, PyMongoError):
    """OperationTimeout, also for code that catches PyMongo's errors."""


class DeniedAccess(_AsItsCause, AccessDenied, OperationFailure):  # type: ignore[misc]  # as above
    """AccessDenied, also for code that catches PyMongo's OperationFailure."""
