"""Filters as callers give them, made into filters for the server."""

from collections.abc import Mapping
from typing import Any, Final

from beanie.odm.operators.find import BaseFindOperator
from pydantic import BaseModel

from docstore.documents.filters.paths import FieldPath, resolve
from docstore.documents.filters.spelling import typed_spelling, typed_spelling_on_top
from docstore.documents.filters.trusted import TrustedFilter
from docstore.documents.filters.typed import TYPED
from docstore.documents.filters.values import coercer
from docstore.documents.guard.predicate import MARKS
from docstore.errors import UnknownField, UnsafeFilter

_LOGICAL: Final = ("$and", "$or", "$nor")


class CompiledFilter(dict[str, Any]):
    """A filter that has been judged; clones of a query keep it, so that nothing is judged twice."""


def compile_filter(model: type[BaseModel], given: Any, *, strict: bool = True) -> CompiledFilter:
    """One argument of a query method as a filter for the server.

    Args:
        model: the document class, which says what its fields are.
        given: a typed expression, a plain filter, or `trusted(...)`.
        strict: whether plain filters are judged too; typed expressions always are.

    Raises:
        UnsafeFilter: a value would become an operator, or a plain filter holds one.
        UnknownField: the model has no such field.
        ValidationFailed: a value has a type that the field does not hold.
    """
    if isinstance(given, CompiledFilter):
        return given
    return CompiledFilter(Compiler(model, strict).compile(given))


def compile_key(model: type[BaseModel], name: str, *, strict: bool = True) -> str:
    """A field's name, as in a sort or a distinct, as MongoDB knows it.

    Raises:
        UnknownField: the model has no such field.
    """
    try:
        return resolve(model, str.__str__(name)).stored
    except UnknownField:
        if strict:
            raise
        return _as_far_as_known(model, str.__str__(name))


def _as_far_as_known(model: type[BaseModel], path: str) -> str:
    """A path into what the model does not know, with the stored names of what it does know."""
    head, dot, tail = path.rpartition(".")
    if not dot:
        return path
    try:
        return f"{resolve(model, head).stored}.{tail}"
    except UnknownField:
        return f"{_as_far_as_known(model, head)}.{tail}"


class Compiler:
    """Compiles the expressions of one model.

    Args:
        model: the document class.
        strict: whether plain filters and unknown fields are judged.
        inside: the stored path of the list whose elements the expressions are about, as in ElemMatch.
    """

    def __init__(self, model: type[BaseModel], strict: bool, *, inside: str = "") -> None:
        self.model = model
        self._strict = strict
        self._prefix = f"{inside}." if inside else ""

    def of_elements(self, path: FieldPath) -> "Compiler":
        """The compiler of what is asked of the elements of a list."""
        return Compiler(self.model, self._strict, inside=path.stored)

    def key(self, path: FieldPath) -> str:
        """The path as the compiled filter names it: an element's fields without that of the list."""
        return path.stored.removeprefix(self._prefix)

    def compile(self, given: Any) -> Mapping[Any, Any]:
        """One expression, with everything inside it."""
        if isinstance(given, TrustedFilter | CompiledFilter):
            return given
        if isinstance(given, BaseFindOperator):
            compile_typed = TYPED.get(type(given))
            # What is not in the table is the application's own operator: its author vouches for it.
            return compile_typed(self, given) if compile_typed else given.query
        if isinstance(given, Mapping):
            return self._plain(given) if self._strict else self._renamed(given)
        raise UnsafeFilter(
            f"a filter on {self.model.__name__} is an expression or a dict, not {type(given).__name__}.",
            hint=f"Write {self.model.__name__}.field == value; join conditions with commas or And(...).",
            collection=self.model.__name__,
            value_type=type(given).__name__,
        )

    def path(self, field: Any) -> FieldPath | None:
        """The field an expression is about; None for an unknown one where that is allowed."""
        try:
            return self.known_path(field)
        except UnknownField:
            if self._strict:
                raise
            return None

    def known_path(self, field: str) -> FieldPath:
        """The field that a name in an expression means.

        Raises:
            UnknownField: the model has no such field.
        """
        return resolve(self.model, f"{self._prefix}{str.__str__(field)}")

    def under_field(self, path: FieldPath, value: Any) -> Any:
        """What a plain filter holds under a field, as a comparison."""
        if isinstance(value, TrustedFilter):
            return value
        if isinstance(value, Mapping):
            operator = next((str(key) for key in value if str(key).startswith("$")), None)
            if operator is not None:
                raise self.operator_refused(path, operator)
        return coercer(path).equal_to(value)

    def operator_refused(self, path: FieldPath, operator: str) -> UnsafeFilter:
        """The refusal of an operator under a field, with its typed spelling."""
        spelled = typed_spelling(operator, self._attribute_spelling(path))
        ways = f"Write {spelled}, or trusted({{...}}) round it" if spelled else "Write trusted({...}) round it"
        trash = f" To look into the trash use {path.model}.deleted." if path.stored in MARKS else ""
        return UnsafeFilter(
            f"a plain filter holds the operator {operator} under {path.spelled}.",
            hint=f"{ways} if no part of it came with a request.{trash}",
            collection=self.model.__name__,
            field=path.stored,
            value_type="dict",
        )

    def _plain(self, given: Mapping[Any, Any]) -> dict[Any, Any]:
        compiled: dict[Any, Any] = {}
        for key, value in given.items():
            name = str.__str__(key) if isinstance(key, str) else str(key)
            if name.startswith("$"):
                compiled[name] = self._on_top(name, value)
                continue
            path = self.known_path(name)
            stored = self.key(path)
            if stored in compiled:
                raise UnsafeFilter(
                    f"a plain filter names {path.spelled} twice, by attribute and by stored name.",
                    hint="Join the two conditions with And(...).",
                    collection=self.model.__name__,
                    field=path.stored,
                )
            # An ExpressionField knows whether it crosses a Link, and Beanie still asks it.
            compiled[key if name == stored else stored] = self.under_field(path, value)
        return compiled

    def _renamed(self, given: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """A plain filter with stored names for attributes, else as written."""
        renamed: dict[Any, Any] = {}
        for key, value in given.items():
            name = str.__str__(key) if isinstance(key, str) else key
            if name in _LOGICAL and isinstance(value, list | tuple):
                renamed[name] = [self.compile(each) if isinstance(each, Mapping) else each for each in value]
            elif isinstance(name, str) and not name.startswith("$"):
                path = self.path(name)
                stored = self.key(path) if path is not None else compile_key(self.model, name, strict=False)
                kept = key if name == stored else stored
                if stored in map(str, renamed):
                    return given  # the same field by both its names: the two conditions cannot share one key
                renamed[kept] = value
            else:
                renamed[key] = value
        return renamed

    def _on_top(self, name: str, value: Any) -> Any:
        if name in _LOGICAL and isinstance(value, list | tuple) and value:
            return [self.compile(each) for each in value]
        if name == "$comment" and isinstance(value, str):
            return value
        spelled = typed_spelling_on_top(name)
        raise UnsafeFilter(
            f"a plain filter on {self.model.__name__} holds the operator {name}.",
            hint=f"Write {spelled}, or trusted({{...}})." if spelled else "Write trusted({...}) if it is your own.",
            collection=self.model.__name__,
            field=name,
        )

    def _attribute_spelling(self, path: FieldPath) -> str:
        head, dot, rest = path.stored.partition(".")
        fields = self.model.model_fields.items()
        attribute = next((name for name, info in fields if (info.alias or name) == head), head)
        return f"{self.model.__name__}.{attribute}{dot}{rest}"
