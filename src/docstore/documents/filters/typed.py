"""Beanie's typed expressions, each with its values made into what the field stores."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from beanie import operators
from beanie.odm.operators.find import BaseFindOperator
from bson import Regex

from docstore.documents.filters.paths import FieldPath
from docstore.documents.filters.trusted import TrustedFilter
from docstore.documents.filters.values import Literally, coercer
from docstore.errors import UnsafeFilter

if TYPE_CHECKING:
    from docstore.documents.filters.compiling import Compiler

Compiled = Mapping[Any, Any]


def _under(compiler: "Compiler", field: Any, make: Callable[[FieldPath], Any], otherwise: Any) -> Compiled:
    path = compiler.path(field)
    if path is None:
        return {field: otherwise}
    stored = compiler.key(path)
    return {field if str.__str__(field) == stored else stored: make(path)}


def _equal(compiler: "Compiler", given: operators.Eq) -> Compiled:
    if isinstance(given.other, TrustedFilter):
        return _under(compiler, given.field, lambda path: given.other, given.other)
    return _under(compiler, given.field, lambda path: coercer(path).equal_to(given.other), given.other)


def _unequal(compiler: "Compiler", given: operators.NE) -> Compiled:
    # "Has a value" is a sensible question about any field, also about one that may not be null.
    def make(path: FieldPath) -> Any:
        return {"$ne": None if given.other is None else coercer(path).compared(given.other)}

    return _under(compiler, given.field, make, {"$ne": given.other})


def _compared(compiler: "Compiler", given: operators.GT | operators.GTE | operators.LT | operators.LTE) -> Compiled:
    operator = given.operator
    return _under(
        compiler,
        given.field,
        lambda path: {operator: coercer(path).compared(given.other)},
        {operator: given.other},
    )


def _among(compiler: "Compiler", given: operators.In | operators.All) -> Compiled:
    operator, values = ("$all", given.values_list) if isinstance(given, operators.All) else ("$in", given.other)
    return _under(compiler, given.field, lambda path: {operator: coercer(path).among(values)}, {operator: values})


def _not_among(compiler: "Compiler", given: operators.NotIn) -> Compiled:
    def make(path: FieldPath) -> Any:
        if not isinstance(given.other, list | tuple | set | frozenset):
            return {"$nin": coercer(path).among(given.other)}
        some = [each for each in given.other if each is not None]
        nulls = [None] if len(some) < len(given.other) else []
        return {"$nin": [*coercer(path).among(some), *nulls]}

    return _under(compiler, given.field, make, {"$nin": given.other})


def _pattern(compiler: "Compiler", given: operators.RegEx) -> Compiled:
    _expect(compiler, given.field, given.pattern, (str, re.Pattern, Regex), "a pattern")
    _expect(compiler, given.field, given.options, (str, type(None)), "options as text")
    written = given.query[given.field]
    return _under(compiler, given.field, lambda path: written, written)


def _exists(compiler: "Compiler", given: operators.Exists) -> Compiled:
    _expect(compiler, given.field, given.value, (bool,), "True or False")
    return _under(compiler, given.field, lambda path: {"$exists": given.value}, {"$exists": given.value})


def _size(compiler: "Compiler", given: operators.Size) -> Compiled:
    _expect(compiler, given.field, given.num, (int,), "a length")
    _expect(compiler, given.field, given.num if 0 <= given.num < 2**31 else None, (int,), "a length from 0 on")
    return _under(compiler, given.field, lambda path: {"$size": given.num}, {"$size": given.num})


def _text(compiler: "Compiler", given: operators.Text) -> Compiled:
    _expect(compiler, "$text", given.search, (str,), "text to search for")
    _expect(compiler, "$text", given.language, (str, type(None)), "a language's name")
    return dict(given.query)


def _element(compiler: "Compiler", given: operators.ElemMatch) -> Compiled:
    expression = given.expression

    def make(path: FieldPath) -> Any:
        if isinstance(expression, TrustedFilter):
            return {"$elemMatch": dict(expression)}
        elements = compiler.of_elements(path)
        if isinstance(expression, BaseFindOperator):
            return {"$elemMatch": dict(elements.compile(expression))}
        _expect(compiler, given.field, expression, (Mapping,), "conditions on an element")
        conditions: dict[str, Any] = {}
        for key, value in expression.items():
            if str(key).startswith("$"):
                raise compiler.operator_refused(path, str(key))
            inner = elements.known_path(key)
            conditions[elements.key(inner)] = elements.under_field(inner, value)
        return {"$elemMatch": conditions}

    return _under(compiler, given.field, make, {"$elemMatch": expression})


def _joined(compiler: "Compiler", given: operators.And | operators.Or) -> Compiled:
    parts = [compiler.compile(each) for each in given.expressions]
    return parts[0] if len(parts) == 1 else {given.operator: parts}


def _neither(compiler: "Compiler", given: operators.Nor) -> Compiled:
    return {"$nor": [compiler.compile(each) for each in given.expressions]}


def _negated(compiler: "Compiler", given: operators.Not) -> Compiled:
    compiled = compiler.compile(given.expression)
    if len(compiled) != 1 or str(next(iter(compiled))).startswith("$"):
        raise UnsafeFilter(
            f"Not() on {compiler.model.__name__} takes one condition on one field.",
            hint="For several conditions write Nor(And(...)).",
            collection=compiler.model.__name__,
        )
    [(field, value)] = compiled.items()
    is_operators = isinstance(value, Mapping) and any(str(key).startswith("$") for key in value)
    return {field: {"$not": value if is_operators or isinstance(value, Literally) else {"$eq": value}}}


def _expect(compiler: "Compiler", field: Any, value: Any, kinds: tuple[type, ...], expected: str) -> None:
    if isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds):
        return
    name = str.__str__(field)
    raise UnsafeFilter(
        f"an operator on {compiler.model.__name__}.{name} is given {type(value).__name__}; what fits is {expected}.",
        collection=compiler.model.__name__,
        field=name,
        value_type=type(value).__name__,
    )


TYPED: Final[Mapping[type, Callable[["Compiler", Any], Compiled]]] = {
    operators.Eq: _equal,
    operators.NE: _unequal,
    operators.GT: _compared,
    operators.GTE: _compared,
    operators.LT: _compared,
    operators.LTE: _compared,
    operators.In: _among,
    operators.All: _among,
    operators.NotIn: _not_among,
    operators.RegEx: _pattern,
    operators.Exists: _exists,
    operators.Size: _size,
    operators.Text: _text,
    operators.ElemMatch: _element,
    operators.And: _joined,
    operators.Or: _joined,
    operators.Nor: _neither,
    operators.Not: _negated,
}
"""How each kind of expression is compiled."""
