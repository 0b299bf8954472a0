"""Documents of any model, as Hypothesis draws them: each field as its own validation would have it."""

import datetime as dt
import string
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

from bson import Decimal128, ObjectId
from hypothesis import assume
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docstore.documents.filters.annotations import bare, element_of, mapping_value_of, members, nested_model

INT64 = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=6)
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    WORDS,
    st.builds("{}@{}.org".format, WORDS, WORDS),
)
JSON = st.recursive(
    st.none() | st.booleans() | INT64 | st.floats() | TEXT | INSTANTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3)

BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-3, 12) | INT64,
    float: st.floats() | st.integers(-3, 12),
    str: TEXT,
    bytes: st.binary(max_size=4),
    dt.datetime: INSTANTS,
    dt.date: st.dates(),
    dt.timedelta: st.timedeltas(dt.timedelta(-9), dt.timedelta(9)),
    UUID: st.uuids(),
    Decimal: DECIMALS,
    Decimal128: DECIMALS.map(Decimal128),
    Path: WORDS.map(Path),
    SecretStr: TEXT,
    ObjectId: st.binary(min_size=12, max_size=12).map(ObjectId),
    NoneType: st.none(),
}


def of_annotation(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that an annotation may be given; not all of them are valid."""
    return st.one_of([_of_member(bare(each)) for each in members(annotation)])


def _of_member(kind: Any) -> st.SearchStrategy[Any]:
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    nested = nested_model(kind)
    if nested is not None:
        return of_model(nested)
    if get_origin(kind) is tuple and ... not in get_args(kind):
        return st.tuples(*map(of_annotation, get_args(kind)))
    element = element_of(kind)
    if element is not PydanticUndefined:
        return st.lists(of_annotation(element), max_size=3)
    value = mapping_value_of(kind)
    if value is not PydanticUndefined:
        return st.dictionaries(WORDS, of_annotation(value), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    return next((drawn for base, drawn in BY_TYPE.items() if isinstance(kind, type) and issubclass(kind, base)), JSON)


@st.composite
def of_field(draw: st.DrawFn, info: FieldInfo) -> Any:
    """A value that the field takes, drawn until there is one."""
    adapter = TypeAdapter(Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation)
    drawn = of_annotation(info.annotation)
    for _ in range(20):
        value = draw(drawn)
        try:
            adapter.validate_python(value)
        except ValidationError:
            continue
        return value
    assume(False)
    return None


@st.composite
def of_model(draw: st.DrawFn, model: type[BaseModel]) -> Any:
    """An instance of a model with some of its optional fields."""
    values = {
        name: draw(of_field(info))
        for name, info in model.model_fields.items()
        if info.is_required() or draw(st.booleans())
    }
    try:
        return model.model_validate(values, by_alias=False, by_name=True)
    except ValidationError:  # fields that do not fit each other
        assume(False)
