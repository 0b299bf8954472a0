"""What an error is about, be it docstore's, PyMongo's or pydantic's; the last two are known by their shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from docstore.errors.base import DocstoreError
from docstore.errors.documents import (
    ReferenceViolation,
    RequiredViolation,
    UniqueViolation,
    ValidationFailed,
)
from docstore.errors.servers import OperationTimeout, ServerUnavailable, ServiceError

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
