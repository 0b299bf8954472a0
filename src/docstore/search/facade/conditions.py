"""Filters as they come from a request, as conditions of a search.

Values are sent one by one, as the engine's lists of facet filters, never put into a filter's text: there is no grammar
that a value could break out of. The names of attributes are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from docstore.errors import UnknownField, ValidationFailed
from docstore.search.facade.ranges import parse_range

Kind = Literal["facet", "flag", "number"]

_LONGEST: Final = 500
_MOST_VALUES: Final = 100
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Attribute:
    """What an index may be filtered by: how, and with which values where there are but some."""

    kind: Kind
    values: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a search: facets (any of an inner list, all of the outer one), and numbers (all)."""

    facets: tuple[tuple[str, ...], ...] = ()
    numbers: tuple[str, ...] = ()


def compile_conditions(given: Mapping[str, Any] | None, attributes: Mapping[str, Attribute]) -> Conditions:
    """The conditions that filters ask for. None, and an empty list, ask for nothing.

    Args:
        given: by attribute: a value, or several of which any will do; a range for numbers.
        attributes: what may be filtered by.

    Raises:
        UnknownField: there is no such filter; names those there are.
        ValidationFailed: a value does not fit; names the filter.
    """
    if given is not None and not isinstance(given, Mapping):
        raise ValidationFailed(
            "filters are values by attribute.",
            hint='Such as {"platform": ["YOUTUBE"]}.',
            field="filters",
            value_type=type(given).__name__,
        )
    facets: list[tuple[str, ...]] = []
    numbers: list[str] = []
    for name, value in (given or {}).items():
        attribute = attributes.get(name)
        if attribute is None:
            raise UnknownField(
                f"there is no filter {str(name)[:40]!r}.", hint=f"Filter by {', '.join(sorted(attributes))}."
            )
        if value is None or (isinstance(value, list | tuple | set | frozenset) and not value):
            continue
        if attribute.kind == "number":
            numbers += parse_range(value, name).conditions(name)
        elif attribute.kind == "flag":
            facets.append((f"{name}:{'true' if _flag(value, name) else 'false'}",))
        else:
            facets.append(tuple(f"{name}:{_escaped(each)}" for each in _values(value, name, attribute)))
    return Conditions(tuple(facets), tuple(numbers))


def _values(value: object, name: str, attribute: Attribute) -> list[str]:
    several = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    if len(several) > _MOST_VALUES:
        raise ValidationFailed(f"filter {name!r} takes {_MOST_VALUES} values at most.", field=name)
    return [_text(each, name, attribute) for each in several]


def _text(value: object, name: str, attribute: Attribute) -> str:
    plain = value.value if isinstance(value, Enum) else value
    if not isinstance(plain, str) or not plain.strip() or len(plain) > _LONGEST:
        raise ValidationFailed(
            f"filter {name!r} takes text of 1 to {_LONGEST} characters.", field=name, value_type=type(plain).__name__
        )
    if attribute.values is not None and plain not in attribute.values:
        raise ValidationFailed(
            f"filter {name!r} does not know this value.", hint=f"It takes {', '.join(sorted(attribute.values))}."
        )
    return plain


def _flag(value: object, name: str) -> bool:
    known = value if isinstance(value, bool) else _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        raise ValidationFailed(f"filter {name!r} takes true or false.", field=name, value_type=type(value).__name__)
    return known


def _escaped(value: str) -> str:
    # The one sign that means something at the start of a value is the minus, and the backslash that takes that away.
    return f"\\{value}" if value.lstrip().startswith(("-", "\\")) else value
