"""What a filter means for a record, under the settings of its index."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.filters import (
    And,
    Between,
    Comparison,
    Facet,
    FilterSyntaxError,
    Node,
    Not,
    Or,
    Tag,
    all_of,
    any_of,
    parse_filters,
    parse_numeric,
)
from docstore.embedded.algolia.values import Record, facet_text, number, scalars

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_MODIFIER = re.compile(r"(\w+)\((.*)\)")


def unwrap(declaration: str) -> tuple[str, str]:
    """A declaration such as ``filterOnly(color)`` as modifier and attribute; the modifier may be empty."""
    found = _MODIFIER.fullmatch(declaration.strip())
    return (found.group(1), found.group(2).strip()) if found else ("", declaration.strip())


def facet_modifiers(settings: Mapping[str, Any]) -> dict[str, str]:
    """The attributes declared in ``attributesForFaceting``, each with its modifier.

    ``afterDistinct(...)`` may wrap another modifier; it changes nothing here and is dropped.
    """
    declared: dict[str, str] = {}
    for declaration in settings.get("attributesForFaceting") or ():
        modifier, attribute = unwrap(str(declaration))
        if modifier == "afterDistinct":
            modifier, attribute = unwrap(attribute)
        declared[attribute] = modifier
    return declared


class Conditions:
    """The conditions of one request: whether a record matches, and how high its filters score.

    A facet condition on an attribute that is not declared for faceting matches no record, as on Algolia.
    """

    def __init__(self, node: Node | None, settings: Mapping[str, Any]) -> None:
        self._node = node
        self._facets = facet_modifiers(settings)
        allowed = settings.get("numericAttributesForFiltering")
        self._numeric = None if allowed is None else {unwrap(str(a))[1]: unwrap(str(a))[0] for a in allowed}

    def match(self, record: Record) -> bool:
        """Whether the record passes."""
        return self._node is None or self._holds(self._node, record)

    def score(self, record: Record) -> int:
        """The best score of the facet conditions that hold, for the ``filters`` ranking criterion."""
        return 0 if self._node is None else self._score(self._node, record)

    def _holds(self, node: Node, record: Record) -> bool:
        match node:
            case And(parts):
                return all(self._holds(part, record) for part in parts)
            case Or(parts):
                return any(self._holds(part, record) for part in parts)
            case Not(condition):
                return not self._holds(condition, record)
            case Facet(attribute, value):
                return attribute in self._facets and _has(record, attribute, value)
            case Tag(value):
                return _has(record, "_tags", value)
            case Comparison(attribute, sign, bound):
                return self._compares(record, attribute, sign, bound)
            case Between(attribute, low, high):
                return any(low <= n <= high for n in self._numbers(record, attribute, "range"))

    def _compares(self, record: Record, attribute: str, sign: str, bound: float) -> bool:
        numbers = self._numbers(record, attribute, sign)
        if sign == "!=":
            return bound not in numbers
        return any(_OPERATORS[sign](n, bound) for n in numbers)

    def _numbers(self, record: Record, attribute: str, sign: str) -> list[float]:
        if self._numeric is not None:
            modifier = self._numeric.get(attribute)
            if modifier is None or (modifier == "equalOnly" and sign not in ("=", "!=")):
                return []
        return [n for value in scalars(record, attribute) if (n := number(value)) is not None]

    def _score(self, node: Node, record: Record) -> int:
        match node:
            case And(parts):
                return sum(self._score(part, record) for part in parts)
            case Or(parts):
                return max(self._score(part, record) for part in parts)
            case Facet(score=score):
                return score if self._holds(node, record) else 0
            case _:
                return 0


def conditions(params: Mapping[str, Any], settings: Mapping[str, Any]) -> Conditions:
    """Everything that restricts the records of a request: ``filters``, ``facetFilters``, ``numericFilters``
    and ``tagFilters``, joined by AND.

    Raises:
        ApiError: 400, one of them cannot be read.
    """
    parts: list[Node] = []
    try:
        text = params.get("filters") or ""
        if not isinstance(text, str):
            raise FilterSyntaxError("a string was expected")
        if (node := parse_filters(text)) is not None:
            parts.append(node)
    except FilterSyntaxError as error:
        raise bad_request(f"filters: {error}") from error
    readers: tuple[tuple[str, Callable[[str], Node]], ...] = (
        ("facetFilters", _facet_filter),
        ("numericFilters", parse_numeric),
        ("tagFilters", _tag_filter),
    )
    for name, read in readers:
        try:
            parts.extend(_nested(params.get(name), read))
        except FilterSyntaxError as error:
            raise bad_request(f"{name}: {error}") from error
    return Conditions(all_of(parts), settings)


def _nested(given: Any, read: Callable[[str], Node]) -> list[Node]:
    """Algolia's nested lists: the outer one means AND, an inner one means OR."""
    if given is None:
        return []
    parts: list[Node] = []
    for entry in _as_list(given):
        if isinstance(entry, str):
            parts.append(read(entry))
        elif isinstance(entry, list) and all(isinstance(inner, str) for inner in entry):
            if entry:
                parts.append(any_of([read(inner) for inner in entry]))
        else:
            raise FilterSyntaxError("a list of strings, or of lists of strings, was expected")
    return parts


def _as_list(given: Any) -> Sequence[Any]:
    if isinstance(given, list):
        return given
    if not isinstance(given, str):
        raise FilterSyntaxError("a list was expected")
    text = given.strip()
    if not text.startswith("["):
        return [part for part in (piece.strip() for piece in text.split(",")) if part]
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise FilterSyntaxError("no valid JSON list") from error
    return parsed if isinstance(parsed, list) else [parsed]


def _facet_filter(text: str) -> Node:
    attribute, colon, value = text.partition(":")
    if not colon or not attribute.strip():
        raise FilterSyntaxError("an entry such as attribute:value was expected")
    attribute, value = attribute.strip(), value.strip()
    if value.startswith("-"):
        return Not(Facet(attribute, value[1:]))
    return Facet(attribute, value.removeprefix("\\"))


def _tag_filter(text: str) -> Node:
    if text.startswith("-"):
        return Not(Tag(text[1:]))
    return Tag(text.removeprefix("\\"))


def _has(record: Record, attribute: str, wanted: str) -> bool:
    folded = wanted.casefold()
    return any(facet_text(value).casefold() == folded for value in scalars(record, attribute))
