"""What MongoDB answered with an error, read by the shape of PyMongo's errors: codes, labels, indexes, broken rules.

And what asyncio says where a driver's connection is used on another event loop than its own: it has but words for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

DUPLICATE_KEY: Final = frozenset({11000, 11001, 12582})
INVALID: Final = 121
CONFLICTS: Final = frozenset({24, 112, 225, 251})
TIMEOUTS: Final = frozenset({50, 89, 262})
UNAVAILABLE: Final = frozenset({6, 7, 91, 189, 9001, 10107, 11600, 11602, 13435, 13436})
DENIED: Final = frozenset({13, 18, 8000})
TOO_LARGE: Final = frozenset({10334, 17419, 17420})
TRANSIENT: Final = "TransientTransactionError"

_OF_ANOTHER_LOOP: Final = ("different event loop", "attached to a different loop", "Event loop is closed")
_INDEX: Final = re.compile(r"index: (\S+)")


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """One rule of a collection's validator that a document broke.

    Args:
        field: the stored field, dotted; empty for the document as a whole.
        rule: the validator's word for it: ``required``, ``bsonType``, ``enum``, …
        value_type: the BSON type of the refused value, where the server tells it.
    """

    field: str
    rule: str
    value_type: str | None = None


def server_details(error: BaseException) -> Mapping[str, Any]:
    """MongoDB's answer: the first failed write of a bulk, else the error's own details; empty where there is none."""
    details, code = getattr(error, "details", None), getattr(error, "code", None)
    own = {"code": code} if isinstance(code, int) else {}  # the code of docstore's errors is a word
    if not isinstance(details, Mapping):
        return own
    failed = details.get("writeErrors") or ()
    return failed[0] if failed else {**own, **details}


def server_code(error: BaseException) -> int | None:
    """MongoDB's number for the error."""
    code = server_details(error).get("code")
    return code if isinstance(code, int) else None


def has_label(error: BaseException, label: str) -> bool:
    """Whether the driver marked the error with a label."""
    ask = getattr(error, "has_error_label", None)
    return bool(callable(ask) and ask(label))


def is_of_another_loop(error: BaseException) -> bool:
    """Whether a connection was used on another event loop than the one it was made on."""
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OF_ANOTHER_LOOP)


def is_conflict(error: BaseException) -> bool:
    """Whether a race was lost: the whole transaction may well succeed when it is run again."""
    return server_code(error) in CONFLICTS or has_label(error, TRANSIENT)


def key_fields(details: Mapping[str, Any]) -> tuple[str, ...]:
    """The stored fields of the unique index that a write ran into."""
    pattern = details.get("keyPattern")
    return tuple(pattern) if isinstance(pattern, Mapping) else ()


def index_name(details: Mapping[str, Any]) -> str | None:
    """The name of that index."""
    found = _INDEX.search(str(details.get("errmsg", "")))
    return found.group(1) if found else None


def broken_rules(details: Mapping[str, Any]) -> tuple[BrokenRule, ...]:
    """The rules of a ``$jsonSchema`` validator that a document broke; of another validator nothing is told."""
    told = (details.get("errInfo") or {}).get("details")
    return tuple(_broken(told.get("schemaRulesNotSatisfied"), "")) if isinstance(told, Mapping) else ()


def _broken(rules: Any, path: str) -> Iterator[BrokenRule]:
    for rule in rules if isinstance(rules, list | tuple) else ():
        name = str(rule.get("operatorName", ""))
        inside = list(_inside(rule, path))
        if inside:
            yield from inside
        else:
            yield BrokenRule(path, name, rule.get("consideredType"))


def _inside(rule: Mapping[str, Any], path: str) -> Iterator[BrokenRule]:
    name = str(rule.get("operatorName", ""))
    for missing in rule.get("missingProperties") or ():
        yield BrokenRule(_joined(path, missing), "required")
    unknown = rule.get("additionalProperties")
    for each in unknown if isinstance(unknown, list | tuple) else ():
        yield BrokenRule(_joined(path, each), name)
    for each in rule.get("propertiesNotSatisfied") or ():
        yield from _broken(each.get("details"), _joined(path, each.get("propertyName", "")))
    for each in rule.get("schemasNotSatisfied") or ():
        yield from _broken(each.get("details"), path)
    if "itemIndex" in rule:
        yield from _broken(rule.get("details"), _joined(path, rule["itemIndex"]))


def _joined(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
