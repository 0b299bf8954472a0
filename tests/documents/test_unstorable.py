"""Values and ids that cannot be what they are given for: told by their field, and nothing is written."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from docstore.documents import Document, SystemDocument
from docstore.documents.unstorable import unstorable_value
from docstore.errors import PageError, ValidationFailed


class Measure(Document):
    name: str = ""
    size: int = 0
    sizes: list[int] = Field(default_factory=list)
    more: dict[str, Any] = Field(default_factory=dict)


class Named(SystemDocument):
    id: str  # type: ignore[assignment]  # no object id


TOO_LARGE = 2**63
NO_TEXT = "\ud800"
WRITES: dict[str, Callable[[Measure, dict[str, Any]], Awaitable[Any]]] = {
    "insert": lambda _, values: Measure(**values).insert(),
    "insert_many": lambda _, values: Measure.insert_many([Measure(), Measure(**values)]),
    "save": lambda old, values: _assigned(old, values).save(),
    "replace": lambda old, values: _assigned(old, values).replace(),
}


def _assigned(measure: Measure, values: dict[str, Any]) -> Measure:
    for name, value in values.items():
        setattr(measure, name, value)
    return measure


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("values", "field", "kind"),
    [
        ({"size": TOO_LARGE}, "size", "int"),
        ({"sizes": [1, -TOO_LARGE - 1]}, "sizes", "int"),
        ({"name": NO_TEXT}, "name", "str"),
        ({"more": {"a": {"b": TOO_LARGE}}}, "more.a.b", "int"),
        ({"more": {"a": {"b\0": 1}}}, "more.a", "str"),
        ({"more": {"a": object()}}, "more.a", "object"),
    ],
)
async def test_they_are_told_by_their_field(
    bind_models: Any, database: Any, write: str, values: dict[str, Any], field: str, kind: str
) -> None:
    await bind_models(Measure, audit=False)
    old = await Measure(name="old").insert()
    before = await database["Measure"].find().to_list()
    with pytest.raises(ValidationFailed) as refused:
        await WRITES[write](old, values)
    assert (refused.value.field, refused.value.value_type) == (field, kind)
    assert str(TOO_LARGE) not in str(refused.value)
    assert await database["Measure"].find().to_list() == before


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=4), _VALUES, max_size=4))
def test_found_is_what_the_driver_refuses(document: dict[str, Any]) -> None:
    import bson

    try:
        bson.encode(document)
    except Exception:
        assert unstorable_value("Measure", document) is not None
    else:
        assert unstorable_value("Measure", document) is None


@pytest.mark.parametrize("value", ["notanid", 5, {"$ne": None}, b"x", ["a"]])
async def test_what_is_no_id_is_told(bind_models: Any, value: Any) -> None:
    await bind_models(Measure, Named)
    for call in (Measure.get(value), Measure.get_many([value])):
        with pytest.raises(ValidationFailed, match="ObjectId, or its 24") as refused:
            await call
        assert (refused.value.collection, refused.value.field) == ("Measure", "id")
        assert refused.value.value_type == type(value).__name__
    with pytest.raises(ValidationFailed, match="a str"):
        Named.parse_id(5)


@pytest.mark.parametrize("wrong", [-1, "3", 1.5])
async def test_skip_takes_whole_numbers_from_0_on(bind_models: Any, wrong: Any) -> None:
    await bind_models(Measure)
    await Measure.insert_many([Measure(size=number) for number in range(3)])
    assert [each.size for each in await Measure.find().sort("size").skip(2).to_list()] == [2]
    assert await Measure.find().skip(None).count() == 3
    with pytest.raises(PageError, match="whole number"):
        Measure.find().skip(wrong)
