"""Updates given to a document's query methods: known names, values that fit, and no operator but the caller's own.

Not the model's rules about several fields at once, nor pipelines: those are written as they are meant.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Final

from beanie.odm.operators.find import BaseFindOperator
from beanie.odm.operators.update import BaseUpdateOperator
from bson import Decimal128
from pydantic import BaseModel

from docstore.documents.filters.annotations import bare, is_free
from docstore.documents.filters.assigning import assigner, element_path
from docstore.documents.filters.compiling import Compiler, compile_key
from docstore.documents.filters.paths import FieldPath, resolve
from docstore.documents.filters.trusted import TrustedFilter
from docstore.documents.filters.values import coercer
from docstore.errors import UnsafeFilter, ValidationFailed

_NUMBERS: Final = (int, float, Decimal, Decimal128)
_BITS: Final = frozenset({"and", "or", "xor"})


class CompiledUpdate(dict[str, Any]):
    """Operators that have been judged; what is added to a query later does not judge them again."""


class Each(BaseUpdateOperator):
    """Several values for ``Push`` and ``AddToSet``: ``Push({Post.tags: Each(["a", "b"], keep=-10)})``.

    Args:
        values: judged one by one as elements of the field.
        keep: how many elements stay, the last ones where negative; of ``Push`` alone, as are the following.
        position: where they are put in; at the end by default.
        sort: 1 or -1 for plain elements; fields and directions for documents.
    """

    def __init__(
        self, values: Iterable[Any], *, keep: int | None = None, position: int | None = None, sort: Any = None
    ) -> None:
        self.values_given = list(values)
        self.modifiers = {
            name: value
            for name, value in (("$slice", keep), ("$position", position), ("$sort", sort))
            if value is not None
        }

    @property
    def query(self) -> dict[str, Any]:
        """As MongoDB writes it."""
        return {"$each": self.values_given, **self.modifiers}


def compile_update(model: type[BaseModel], given: Any) -> Any:
    """One argument of an update method, with stored names and stored values; pipelines and `trusted(...)` pass.

    Raises:
        UnknownField: the model has no such field.
        ValidationFailed: a value does not fit its field; names the field, what is wrong and the value's type.
        UnsafeFilter: a value would become an operator.
    """
    if isinstance(given, TrustedFilter | CompiledUpdate) or not isinstance(given, Mapping | BaseUpdateOperator):
        return given
    written = given.query if isinstance(given, BaseUpdateOperator) else given
    return CompiledUpdate({operator: _fields(model, str(operator), fields) for operator, fields in written.items()})


def rename_fields(model: type[BaseModel], given: Any) -> Any:
    """One argument of an update method, not judged, with stored names for attributes."""
    if isinstance(given, TrustedFilter | CompiledUpdate) or not isinstance(given, Mapping | BaseUpdateOperator):
        return given
    written = given.query if isinstance(given, BaseUpdateOperator) else given
    return {
        operator: {compile_key(model, name, strict=False): value for name, value in fields.items()}
        if isinstance(fields, Mapping) and str(operator).startswith("$")
        else fields
        for operator, fields in written.items()
    }


def _fields(model: type[BaseModel], operator: str, fields: Any) -> Any:
    if operator == "$pull" and isinstance(fields, BaseFindOperator):
        return Compiler(model, strict=True).compile(fields)
    if isinstance(fields, TrustedFilter) or not isinstance(fields, Mapping) or not operator.startswith("$"):
        return fields
    judge = _JUDGES.get(operator)
    compiled: dict[str, Any] = {}
    for name, value in fields.items():
        path = resolve(model, str.__str__(name))
        passes = judge is None or isinstance(value, TrustedFilter)
        compiled[path.stored] = value if passes or judge is None else judge(model, path, value)
    return compiled


def _assigned(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    return assigner(path).value(value)


def _added(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    """A number to add or to multiply by. The field's bounds are for its values, not for steps."""
    numeric = _numbers_in(path)
    if not numeric.types:
        raise _wrong(path, value, "the field holds no number")
    if value is None or isinstance(value, bool | Mapping | list | tuple | set | frozenset):
        raise _wrong(path, value, "what fits is a number")
    made = coercer(numeric).compared(value)
    if not isinstance(made, _NUMBERS) or isinstance(made, bool):
        raise _wrong(path, value, "what fits is a number")
    return made


def _pushed(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    inside = _inside(path, value)
    if not isinstance(value, Each):
        _refuse_operators(path, value, "Each(values)")
        return assigner(inside).value(value)
    judge = assigner(inside)
    return {"$each": [judge.value(each) for each in value.values_given], **value.modifiers}


def _pulled(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    """What an element is compared with: a value, or conditions on the fields of a document."""
    inside = _inside(path, value)
    if isinstance(value, BaseFindOperator):
        return Compiler(model, strict=True).of_elements(path).compile(value)
    if not isinstance(value, Mapping):
        return coercer(inside).equal_to(value)
    _refuse_operators(path, value, f"Pull(In({path.spelled}, values))")
    if any(is_free(each) for each in inside.types):
        return coercer(inside).equal_to(value)
    if any(isinstance(bare(each), type) and issubclass(bare(each), BaseModel) for each in inside.types):
        return Compiler(model, strict=True).of_elements(path).compile(value)
    return coercer(inside).equal_to(value)


def _pulled_all(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    return coercer(_inside(path, value)).among(value)


def _popped(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    _inside(path, value)
    if isinstance(value, bool) or value not in (1, -1):
        raise _wrong(path, value, "what fits is 1 for the last element, -1 for the first")
    return value


def _dated(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    kinds = [bare(each) for each in path.types]
    if not any(is_free(each) or (isinstance(each, type) and issubclass(each, datetime)) for each in kinds):
        raise _wrong(path, value, "the field holds no instant")
    if value is not True and value != {"$type": "date"}:
        raise _wrong(path, value, "what fits is True")
    return value


def _in_bits(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    if not isinstance(value, Mapping) or not value or not value.keys() <= _BITS:
        raise _wrong(path, value, "what fits is a dict of and, or, xor")
    return {name: _added(model, path, each) for name, each in value.items()}


def _removed(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    return ""  # MongoDB does not look at it


def _renamed(model: type[BaseModel], path: FieldPath, value: Any) -> Any:
    return compile_key(model, value) if isinstance(value, str) else value


def _inside(path: FieldPath, value: Any) -> FieldPath:
    found = element_path(path) or (_anything_in(path) if any(is_free(each) for each in path.types) else None)
    if found is None:
        raise _wrong(path, value, "the field holds no list")
    return found


@lru_cache(maxsize=1024)
def _numbers_in(path: FieldPath) -> FieldPath:
    kinds = tuple(bare(each) for each in path.types if each is not NoneType)
    return FieldPath(path.model, path.stored, tuple(each for each in kinds if is_free(each) or _is_number(each)), False)


@lru_cache(maxsize=1024)
def _anything_in(path: FieldPath) -> FieldPath:
    return FieldPath(path.model, path.stored, (Any,), nullable=True)


def _is_number(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, _NUMBERS) and not issubclass(kind, bool | Enum)


def _refuse_operators(path: FieldPath, value: Any, typed: str) -> None:
    names = map(str, value) if isinstance(value, Mapping) else ()
    operator = next((name for name in names if name.startswith("$")), None)
    if operator is not None:
        raise UnsafeFilter(
            f"an update holds the operator {operator} under {path.spelled}.",
            hint=f"Write {typed}, or trusted({{...}}) round it if no part of it came with a request.",
            collection=path.model,
            field=path.stored,
            value_type=type(value).__name__,
        )


def _wrong(path: FieldPath, value: Any, why: str) -> ValidationFailed:
    return ValidationFailed(
        f"an update gives {path.spelled} a {type(value).__name__} that does not fit: {why}.",
        collection=path.model,
        field=path.stored,
        value_type=type(value).__name__,
    )


_JUDGES: Final[Mapping[str, Callable[[type[BaseModel], FieldPath, Any], Any]]] = {
    "$set": _assigned,
    "$setOnInsert": _assigned,
    "$min": _assigned,
    "$max": _assigned,
    "$inc": _added,
    "$mul": _added,
    "$push": _pushed,
    "$addToSet": _pushed,
    "$pull": _pulled,
    "$pullAll": _pulled_all,
    "$pop": _popped,
    "$currentDate": _dated,
    "$bit": _in_bits,
    "$unset": _removed,
    "$rename": _renamed,
}
"""How the values under each operator are judged."""
