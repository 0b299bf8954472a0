"""PyMongo's and Beanie's errors, told in docstore's words. The driver's error stays behind as the cause."""

from collections.abc import Callable
from typing import Any, Final

from beanie.exceptions import DocumentNotFound, RevisionIdWasChanged
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    PyMongoError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from docstore.documents.known_to_others import (
    DeniedAccess,
    LateAnswer,
    LostRace,
    LostServer,
    MissingDocument,
    StaleRevision,
    TakenValue,
    TakenValues,
)
from docstore.documents.running import note_refusal
from docstore.documents.unstorable import ENCODING_ERRORS, unstorable_value
from docstore.errors import (
    DocstoreError,
    RequiredViolation,
    ValidationFailed,
    WrongEventLoop,
)
from docstore.errors.answers import (
    DENIED,
    DUPLICATE_KEY,
    INVALID,
    TIMEOUTS,
    TOO_LARGE,
    UNAVAILABLE,
    broken_rules,
    index_name,
    is_conflict,
    is_of_another_loop,
    key_fields,
    server_code,
    server_details,
)

_Applies = Callable[[PyMongoError, int | None], bool]
_Tell = Callable[[PyMongoError, str], DocstoreError]

_BAD_PATTERN: Final = frozenset({51091, 51108})


class translated:  # noqa: N801 - reads as a word of the language: with translated("Post")
    """A block inside which docstore's errors are raised for what the driver raises.

    Args:
        collection: what the block is about, as messages name it.
        sent: what it writes, or what makes it; a value in it that BSON cannot hold is then told by its field.
        reads: it only reads, so an answer that did not come in time leaves nothing in doubt.

    Raises:
        UniqueViolation, ValidationFailed, RequiredViolation: what was to be written breaks a rule of the database.
        WriteConflict: a race was lost; `run_in_transaction` repeats its work on it.
        OperationTimeout, ServerUnavailable, AccessDenied, StaleDocument, NotFound, WrongEventLoop: as the names say.
    """

    __slots__ = ("_collection", "_reads", "_sent")

    def __init__(self, collection: str, sent: Any = None, *, reads: bool = False) -> None:
        self._collection = collection
        self._sent = sent
        self._reads = reads

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is None or isinstance(error, DocstoreError):
            return
        told = told_of(error, self._collection, reads=self._reads)
        if told is None and isinstance(error, ENCODING_ERRORS):
            told = unstorable_value(self._collection, self._sent() if callable(self._sent) else self._sent)
        note_refusal(error, told or error)
        if told is not None:
            raise told from error


def told_of(error: BaseException, collection: str, *, reads: bool = False) -> DocstoreError | None:
    """The driver's or Beanie's error in docstore's words; None for what has none."""
    if isinstance(error, RevisionIdWasChanged):
        return StaleRevision(
            f"the {collection} changed since it was read.",
            hint="Read it again and repeat.",
            collection=collection,
        )
    if isinstance(error, DocumentNotFound):
        return MissingDocument(f"no living {collection} matches.", collection=collection)
    if isinstance(error, DocumentTooLarge):
        return _too_large(error, collection)
    if isinstance(error, RuntimeError):
        return _elsewhere(collection) if is_of_another_loop(error) else None
    return _told_of_driver(error, collection, reads=reads) if isinstance(error, PyMongoError) else None


def duplicate_fields(error: BaseException | None) -> tuple[str, ...]:
    """The stored fields of the unique index that a write ran into; empty when the error is of another kind."""
    if not isinstance(error, PyMongoError):
        return ()
    details = server_details(error)
    if details.get("code") not in DUPLICATE_KEY:
        details = _duplicate_in_bulk(error)
    name = index_name(details)
    return key_fields(details) or ((name,) if name else ())


def _duplicate_in_bulk(error: PyMongoError) -> Any:
    writes = (getattr(error, "details", None) or {}).get("writeErrors", ())
    return next((each for each in writes if each.get("code") in DUPLICATE_KEY), {})


def _told_of_driver(error: PyMongoError, collection: str, *, reads: bool) -> DocstoreError | None:
    code = server_code(error)
    if isinstance(error, DuplicateKeyError) or code in DUPLICATE_KEY or _duplicate_in_bulk(error):
        return _taken(error, collection)
    tell = next((tell for applies, tell in _TELLERS if applies(error, code)), None)
    if tell is _late and reads:
        tell = _late_to_read
    return tell(error, collection) if tell else None


def _taken(error: PyMongoError, collection: str) -> DocstoreError:
    names = duplicate_fields(error)
    fields = " and ".join(names) or "a unique index"
    kind = TakenValues if isinstance(error, BulkWriteError) else TakenValue
    return kind(
        f"a living {collection} already has this {fields}.",
        hint="Choose another value, or change the document that has it.",
        collection=collection,
        field=names[0] if len(names) == 1 else fields,
    )


def _invalid(error: PyMongoError, collection: str) -> DocstoreError:
    rules = broken_rules(server_details(error))
    named = [each for each in rules if each.field]
    told = ", ".join(f"{each.field} ({each.rule})" for each in named)
    kind = RequiredViolation if named and all(each.rule == "required" for each in rules) else ValidationFailed
    return kind(
        f"the database's validator refused the {collection}{': ' if told else ''}{told}.",
        hint="Compare the document with the collection's validator.",
        collection=collection,
        field=" and ".join(dict.fromkeys(each.field for each in named)) or None,
        value_type=next((each.value_type for each in named if each.value_type), None),
    )


def _bad_pattern(error: PyMongoError, collection: str) -> DocstoreError:
    return ValidationFailed(
        f"the database cannot read a pattern in a filter on {collection}, or its options.",
        hint="Escape text that is no pattern: RegEx(field, re.escape(text)).",
        collection=collection,
    )


def _too_large(error: BaseException, collection: str) -> DocstoreError:
    return ValidationFailed(
        f"the {collection} is larger than a document may be in MongoDB (16 MB).",
        hint="Keep what grows in documents of their own.",
        collection=collection,
    )


def _elsewhere(collection: str) -> DocstoreError:
    return WrongEventLoop(
        f"{collection}: the MongoDB client of its Store was opened on another event loop than the one that runs now.",
        hint="One Store a loop: open it inside each asyncio.run() with `async with`, and leave it before that ends.",
        collection=collection,
    )


def _late(error: PyMongoError, collection: str) -> DocstoreError:
    return LateAnswer(
        f"{collection}: no answer in time; the write may or may not have happened.",
        hint="Look whether it happened before you repeat it.",
        collection=collection,
    )


def _late_to_read(error: PyMongoError, collection: str) -> DocstoreError:
    return LateAnswer(
        f"{collection}: no answer in time; nothing was read.",
        hint="Ask again, or for less; `docstore advise` tells which queries lack an index.",
        collection=collection,
    )


def _lost(error: PyMongoError, collection: str) -> DocstoreError:
    if isinstance(error, WaitQueueTimeoutError):
        return LostServer(
            f"{collection}: no connection to MongoDB was free in time.",
            hint="Raise maxPoolSize in the database URL, or do less at a time.",
            collection=collection,
        )
    return LostServer(
        f"{collection}: MongoDB cannot be reached.",
        hint="Run docstore doctor to see what is wrong.",
        collection=collection,
    )


def _race(error: PyMongoError, collection: str) -> DocstoreError:
    return LostRace(
        f"{collection}: another write or transaction was quicker.",
        hint="Run the whole transaction again: run_in_transaction() and @transactional do so by themselves.",
        collection=collection,
    )


def _denied(error: PyMongoError, collection: str) -> DocstoreError:
    return DeniedAccess(
        f"{collection}: MongoDB does not let this user do it.",
        hint="Check the user in the database URL, and grant it the role readWrite on the database.",
        collection=collection,
    )


_LATE: Final = (ExecutionTimeout, NetworkTimeout, WTimeoutError)

_TELLERS: Final[tuple[tuple[_Applies, _Tell], ...]] = (
    (lambda error, code: code == INVALID, _invalid),
    (lambda error, code: code in _BAD_PATTERN, _bad_pattern),
    (lambda error, code: code in TOO_LARGE, _too_large),
    (lambda error, code: isinstance(error, _LATE) or code in TIMEOUTS, _late),
    (lambda error, code: isinstance(error, ConnectionFailure) or code in UNAVAILABLE, _lost),
    (lambda error, code: is_conflict(error), _race),
    (lambda error, code: code in DENIED, _denied),
)
"""What to say, by the first that applies."""
