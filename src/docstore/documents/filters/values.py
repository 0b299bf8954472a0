"""Values in filters: made into what the field stores, or refused. No value becomes an operator."""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from beanie.odm.utils.encoder import BSON_SCALAR_TYPES, DEFAULT_CUSTOM_ENCODERS
from bson import ObjectId, Regex, encode
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from docstore.documents.encoders import stored_value
from docstore.documents.fields import STORED
from docstore.documents.filters.annotations import (
    bare,
    element_of,
    is_free,
    is_link,
    is_pattern,
    keys_become_text,
    mapping_value_of,
    members,
    nested_model,
)
from docstore.documents.filters.paths import FieldPath
from docstore.documents.references import PydanticObjectId
from docstore.errors import UnsafeFilter, ValidationFailed

_UNCHANGED: Final = frozenset({str, int, float, bool, ObjectId, PydanticObjectId})
_IDS: Final = frozenset({ObjectId, PydanticObjectId})
_PATTERNS: Final = (re.Pattern, Regex)
_LISTS: Final = (list, tuple, set, frozenset, deque)
_INT64: Final = range(-(2**63), 2**63)
_STORED_AS_THEY_ARE: Final = (bool, float, bytes, datetime, ObjectId)
_BEANIES: Final[tuple[Any, ...]] = (*BSON_SCALAR_TYPES, *DEFAULT_CUSTOM_ENCODERS, BaseModel, Iterable)
"""What Beanie's encoder knows without being told."""
_DEPTH: Final = 100
"""How deep MongoDB nests documents."""
_OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)
_REFUSED: Final = object()


class Literally(dict[str, Any]):
    """``{"$eq": value}``: a document to compare with, whose keys might be taken for operators."""


@lru_cache(maxsize=4096)
def coercer(path: FieldPath) -> "Coercer":
    """The coercer of a field; made once."""
    return Coercer(path)


class Coercer:
    """Makes values into what one field stores.

    A value that has the field's type passes, whatever bounds the model sets on new values: a query may look beyond
    them. Text becomes an id, an instant or a number where the field is one, an enum's name becomes its value, and a
    token its hash. What cannot be told apart from an operator is refused.
    """

    def __init__(self, path: FieldPath) -> None:
        alternatives = [each for each in path.types if each is not NoneType]
        lists = [inside for each in alternatives if (inside := element_of(each)) is not PydanticUndefined]
        self._path = path
        self._free = any(is_free(each) for each in alternatives)
        self._holds_documents = self._free or any(
            nested_model(each) or mapping_value_of(each) is not PydanticUndefined for each in alternatives
        )
        self._keys_become_text = any(map(keys_become_text, alternatives))
        self._holds_patterns = any(is_pattern(each) for each in alternatives)
        self._holds_links = any(is_link(each) for each in alternatives)
        self._scalars = tuple(each for each in alternatives if self._is_scalar(each))
        plain = {bare(each) for each in self._scalars}
        self._unchanged = frozenset(
            each for each in self._scalars if each in _UNCHANGED or (isinstance(each, type) and issubclass(each, Enum))
        ) | (_IDS if PydanticObjectId in plain else frozenset())
        self._elements = (
            coercer(FieldPath(path.model, path.stored, tuple(kind for each in lists for kind in members(each)), True))
            if lists
            else None
        )

    def equal_to(self, value: Any) -> Any:
        """`value` for a comparison, such that it compares and does nothing else.

        Raises:
            UnsafeFilter: a document or a pattern where the field holds neither.
            ValidationFailed: a value of another type; names the field, the value's type and what fits.
        """
        if self._holds_patterns and isinstance(value, _PATTERNS):
            return Literally({"$eq": value})
        coerced = self.compared(value)
        if isinstance(coerced, Mapping) and any(str(key).startswith("$") for key in coerced):
            return Literally({"$eq": coerced})
        return coerced

    def among(self, values: Any) -> list[Any]:
        """`values` for ``$in`` and the like.

        Raises:
            UnsafeFilter, ValidationFailed: as `equal_to`; also for what is no list of values.
        """
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            raise self._wrong(values, "a list of values")
        coerced = [self.compared(value) for value in values]
        for each in coerced:
            if isinstance(each, Mapping) and any(str(key).startswith("$") for key in each):
                raise self._unsafe(each)
        return coerced

    def compared(self, value: Any) -> Any:
        """`value` as the field stores it.

        Raises:
            UnsafeFilter, ValidationFailed: as `equal_to`.
        """
        if type(value) in self._unchanged and is_storable(value):
            return value
        if value is None:
            if self._path.nullable:
                return None
            raise self._wrong(value, self._expected())
        if isinstance(value, _PATTERNS):
            raise self._unsafe(value)
        if isinstance(value, Mapping | BaseModel):
            return self._document(value)
        if isinstance(value, _LISTS):
            return self._list(value)
        return self._scalar(value)

    def _document(self, value: Any) -> Any:
        if not self._holds_documents:
            inside = self._elements
            if inside is None or not inside._holds_documents:
                raise self._unsafe(value)
        if not is_storable(value, keys_become_text=self._keys_become_text):
            raise self._wrong(value, "what BSON can store")
        return value

    def _list(self, value: Iterable[Any]) -> Any:
        inside = self._elements
        if inside is not None:  # in a list that is compared as a whole, a pattern is a value
            known = _PATTERNS if inside._holds_patterns else ()
            return [each if isinstance(each, known) else inside.compared(each) for each in value]
        if not self._free:
            if any(isinstance(each, Mapping) for each in value):
                raise self._unsafe(value)
            raise self._wrong(value, self._expected())
        if not is_storable(list(value)):
            raise self._wrong(value, "what BSON can store")
        return list(value)

    def _scalar(self, value: Any) -> Any:
        if isinstance(value, bool) and self._scalars and not any(map(_takes_bools, self._scalars)):
            raise self._wrong(value, self._expected())
        for kind in self._scalars:
            coerced = _coerced(kind, value)
            if coerced is not _REFUSED and (is_storable(coerced) or is_the_applications(kind, coerced)):
                return coerced
        if (self._free or self._holds_links) and is_storable(value):
            return value
        if self._elements is not None:
            return self._elements.compared(value)
        raise self._wrong(value, self._expected())

    @staticmethod
    def _is_scalar(kind: Any) -> bool:
        return (
            not is_free(kind)
            and not is_link(kind)
            and nested_model(kind) is None
            and mapping_value_of(kind) is PydanticUndefined
            and element_of(kind) is PydanticUndefined
        )

    def _expected(self) -> str:
        names = [_name(each) for each in self._path.types if each is not NoneType]
        return " or ".join(dict.fromkeys(names)) or "null"

    def _wrong(self, value: Any, expected: str) -> ValidationFailed:
        if type(value).__name__ == expected == "int":
            expected = "an int of at most 64 bits"
        if type(value).__name__ == expected == "str":
            expected = "text that is valid Unicode"
        return ValidationFailed(
            f"{self._path.spelled} is compared with {type(value).__name__}; what fits is {expected}.",
            hint="To look for documents without a value, write trusted({...})." if value is None else None,
            collection=self._path.model,
            field=self._path.stored,
            value_type=type(value).__name__,
        )

    def _unsafe(self, value: Any) -> UnsafeFilter:
        pattern = isinstance(value, _PATTERNS)
        return UnsafeFilter(
            f"{self._path.spelled} is compared with {type(value).__name__}, which would act as an operator; "
            f"what fits is {self._expected()}.",
            hint=f"Write RegEx({self._path.spelled}, pattern)." if pattern else "Compare with a plain value.",
            collection=self._path.model,
            field=self._path.stored,
            value_type=type(value).__name__,
        )


@lru_cache(maxsize=4096)
def _adapter(kind: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(kind)
    except PydanticSchemaGenerationError:
        return None


def _takes_bools(kind: Any) -> bool:
    plain = bare(kind)
    return plain is bool or plain is Any or (get_origin(plain) is Literal and bool in map(type, get_args(plain)))


def _coerced(kind: Any, value: Any) -> Any:
    """`value` as `kind`, judged as a new value, then as a stored one, then by its bare type; else _REFUSED."""
    for adapter, context in ((_adapter(kind), None), (_adapter(kind), STORED), (_adapter(bare(kind)), None)):
        if adapter is None:
            return value if isinstance(value, bare(kind)) else _REFUSED
        try:
            return adapter.validate_python(value, context=context)
        except ValidationError:
            continue
    enum = bare(kind)
    if isinstance(enum, type) and issubclass(enum, Enum) and isinstance(value, str):
        return enum.__members__.get(value, _REFUSED)
    return _REFUSED


def is_storable(value: Any, depth: int = 0, *, keys_become_text: bool = False) -> bool:
    """Whether BSON can hold it: an error of the driver's encoder would name the value.

    Args:
        value: what is to be stored or compared.
        depth: how deep in a document it stands.
        keys_become_text: the field's keys are numbers, ids or dates, which are stored as their text.
    """
    if depth > _DEPTH:
        return False
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, int) and not isinstance(value, bool | Enum):
        return value in _INT64
    if isinstance(value, Mapping):
        return all(
            ("\0" not in key and is_storable(key) if isinstance(key, str) else keys_become_text)
            and is_storable(each, depth + 1)
            for key, each in value.items()
        )
    if isinstance(value, _LISTS):
        return all(is_storable(each, depth + 1) for each in value)
    return value is None or isinstance(value, _STORED_AS_THEY_ARE) or _is_encodable(value)


def is_the_applications(kind: Any, value: Any) -> bool:
    """Whether a value is of the field's own class, which the model's `bson_encoders` alone can make storable."""
    own = bare(kind)
    return isinstance(own, type) and own is not object and isinstance(value, own) and not isinstance(value, _BEANIES)


def _is_encodable(value: Any) -> bool:
    try:
        encode({"": stored_value(value)}, codec_options=_OPTIONS)
    except (BSONError, ValueError, ArithmeticError, TypeError):
        return False
    return True


def _name(kind: Any) -> str:
    plain = bare(kind)
    element = element_of(plain)
    if element is not PydanticUndefined:
        return f"list of {' or '.join(_name(each) for each in members(element))}"
    if plain in _IDS:
        return "an ObjectId or its 24 hexadecimal digits"
    return "any value" if is_free(plain) else getattr(plain, "__name__", str(plain))
