"""What an error is about, be it docstore's, PyMongo's or pydantic's; the last two are known by their shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docstore.errors.answers import (
    CONFLICTS,
    DENIED,
    DUPLICATE_KEY,
    INVALID,
    TIMEOUTS,
    UNAVAILABLE,
    broken_rules,
    index_name,
    is_conflict,
    key_fields,
    server_code,
    server_details,
)
from docstore.errors.base import DocstoreError
from docstore.errors.documents import (
    ReferenceViolation,
    RequiredViolation,
    UniqueViolation,
    ValidationFailed,
    WriteConflict,
)
from docstore.errors.servers import AccessDenied, OperationTimeout, ServerUnavailable, ServiceError

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
    return any(isinstance(each, UniqueViolation) or server_code(each) in DUPLICATE_KEY for each in _chain(error))


def is_reference_violation(error: BaseException) -> bool:
    """Whether a reference points nowhere, or something still refers to what was to be deleted."""
    return any(isinstance(each, ReferenceViolation) for each in _chain(error))


def is_required_violation(error: BaseException) -> bool:
    """Whether a required field has no value: docstore's, pydantic's or the server's validator says so."""
    return any(isinstance(each, RequiredViolation) or bool(_missing_fields(each)) for each in _chain(error))


def constraint_name(error: BaseException) -> str | None:
    """The unique index that was run into, or "$jsonSchema" where the collection's validator refused."""
    for each in _chain(error):
        details = server_details(each)
        if details.get("code") == INVALID:
            return "$jsonSchema"
        found = index_name(details) if details.get("code") in DUPLICATE_KEY else None
        if found:
            return found
    return None


def error_detail(error: BaseException) -> ErrorDetail:
    """What an error is about, gathered from it and from the errors that caused it."""
    chain = list(_chain(error))
    own = next((each for each in chain if isinstance(each, DocstoreError)), None)
    details = next((found for each in chain if (found := server_details(each))), {})
    code = details.get("code")
    missing = next((names for each in chain if (names := _missing_fields(each))), ())
    broken = tuple(dict.fromkeys(each.field for each in broken_rules(details) if each.field))
    invalid = next((found for each in chain if (found := _invalid_fields(each))), {})
    namespace = _NAMESPACE.search(str(details.get("errmsg", "")))
    return ErrorDetail(
        code="required" if missing else own.code if own else _word(code, chain),
        collection=(own.collection if own else None) or (namespace.group(1) if namespace else None),
        field=" and ".join(missing)
        or (own.field if own else None)
        or " and ".join(key_fields(details) or broken or invalid)
        or None,
        constraint=constraint_name(error),
        value_type=own.value_type if own else next(iter(invalid.values()), None),
        hint=own.hint if own else None,
        server_code=code,
        retryable=any(isinstance(each, WriteConflict) or is_conflict(each) for each in chain),
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _missing_fields(error: BaseException) -> tuple[str, ...]:
    if isinstance(error, RequiredViolation):
        return (error.field,) if error.field else ()
    details = server_details(error)
    if details.get("code") == INVALID:
        return tuple(each.field for each in broken_rules(details) if each.rule == "required")
    return tuple(_path(each) for each in _pydantics_problems(error) if each["type"] == "missing")


def _invalid_fields(error: BaseException) -> dict[str, str]:
    """The fields that pydantic refuses, with the types of their values."""
    problems = _pydantics_problems(error)
    return {_path(each): type(each.get("input")).__name__ for each in problems if each["loc"]}


def _pydantics_problems(error: BaseException) -> Sequence[Mapping[str, Any]]:
    problems = getattr(error, "errors", None)
    if not callable(problems) or not hasattr(error, "error_count"):
        return ()
    found: Sequence[Mapping[str, Any]] = problems()
    return found


def _path(problem: Mapping[str, Any]) -> str:
    return ".".join(map(str, problem["loc"]))


def _word(code: int | None, chain: list[BaseException]) -> str:
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    if code in DUPLICATE_KEY:
        return UniqueViolation.code
    if code == INVALID or any(hasattr(each, "error_count") for each in chain):
        return ValidationFailed.code
    if code in CONFLICTS:
        return WriteConflict.code
    if code in TIMEOUTS or names & {"NetworkTimeout", "ExecutionTimeout"}:
        return OperationTimeout.code
    if code in UNAVAILABLE or names & {"ConnectionFailure"}:
        return ServerUnavailable.code
    if code in DENIED:
        return AccessDenied.code
    return ServiceError.code if "PyMongoError" in names else "unknown"
