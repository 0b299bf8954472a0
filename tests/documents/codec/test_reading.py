"""Compiled readers give what pydantic gives: the same values, of the same types, and the same errors."""

import math
from typing import Any

import bson
import pytest
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON, InvalidDocument
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from tests.documents.codec.samples import (
    COMPILED,
    GOOD,
    STOCK,
    Everything,
    Projection,
    Small,
    TextId,
    Usual,
    stored_documents,
)

from docstore.documents.codec import codec_of
from docstore.documents.fields import STORED, utc_now
from docstore.documents.hydration import hydrate, reads_leniently
from docstore.models import ALL

_AWARE: CodecOptions[Any] = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD)


def as_pydantic(model: type[BaseModel], stored: dict[str, Any]) -> Any:
    if reads_leniently(model):
        return hydrate(model, stored)
    return BaseModel.model_validate.__func__(model, stored, context=STORED)  # type: ignore[attr-defined]


def outcome(read: Any, stored: dict[str, Any]) -> Any:
    try:
        return True, read(stored)
    except ValidationError as error:
        return False, error.errors(include_url=False, include_context=False, include_input=False)


def is_now(value: BaseModel, name: str) -> bool:
    """Whether a value is the moment at which the document was read."""
    return name not in value.model_fields_set and type(value).model_fields[name].default_factory is utc_now


def picture(value: Any) -> Any:
    """A value with the types of all its parts, so that 1, 1.0 and True differ, and nan equals itself."""
    if isinstance(value, BaseModel):
        private = {name: picture(each) for name, each in (value.__pydantic_private__ or {}).items()}
        return (
            type(value),
            [(name, "now" if is_now(value, name) else picture(each)) for name, each in value.__dict__.items()],
            value.__pydantic_fields_set__,
            value.__pydantic_extra__,
            private,
        )
    if isinstance(value, dict):
        return dict, [(key, picture(each)) for key, each in value.items()]
    if isinstance(value, list):
        return list, [picture(each) for each in value]
    if isinstance(value, float) and math.isnan(value):
        return float, "nan"
    return type(value), value, getattr(value, "tzinfo", None)


def fresh(value: Any) -> Any:
    """The same in new containers; fresh() would copy BSON's time zone too, which is one object."""
    if isinstance(value, dict):
        return {key: fresh(each) for key, each in value.items()}
    return [fresh(each) for each in value] if isinstance(value, list) else value


def invents_ids(model: type[BaseModel], stored: dict[str, Any]) -> bool:
    """Whether Beanie's id type makes up a new id for a null, so that no two readings are the same."""
    ids = stored.get("ids")
    return (isinstance(ids, list) and None in ids) or (not reads_leniently(model) and stored.get("_id", "") is None)


def assert_same(model: type[BaseModel], stored: dict[str, Any]) -> None:
    assume(not invents_ids(model, stored))
    before = picture(stored)
    expected = outcome(lambda document: as_pydantic(model, document), fresh(stored))
    got = outcome(codec_of(model).read, stored)
    assert (got[0], picture(got[1])) == (expected[0], picture(expected[1]))
    assert picture(stored) == before, "reading changed what was read"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("model", [*COMPILED, *STOCK], ids=lambda model: model.__name__)
def test_reads_as_pydantic_does(model: type[BaseModel], data: st.DataObject) -> None:
    assert_same(model, data.draw(stored_documents(model)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_reads_every_model_as_pydantic_does(model: type[BaseModel], data: st.DataObject) -> None:
    assert_same(model, data.draw(stored_documents(model)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("model", [Usual, Small, TextId, Projection], ids=lambda model: model.__name__)
def test_reads_what_was_decoded_just_now_as_pydantic_does(model: type[BaseModel], data: st.DataObject) -> None:
    read = codec_of(model).read_fresh
    assert read is not None
    stored = data.draw(stored_documents(model))
    assume(not invents_ids(model, stored))
    try:
        answer = bson.encode(stored, codec_options=_AWARE)
        expected = outcome(lambda document: as_pydantic(model, document), bson.decode(answer, _AWARE))
    except (InvalidDocument, InvalidBSON, OverflowError):  # nothing that a server would answer
        assume(False)
    got = outcome(read, bson.decode(answer, _AWARE.with_options(tz_aware=False)))
    assert (got[0], picture(got[1])) == (expected[0], picture(expected[1]))


@pytest.mark.parametrize("model", [*ALL, *COMPILED], ids=lambda model: model.__name__)
def test_our_models_are_compiled(model: type[BaseModel]) -> None:
    assert codec_of(model).why_stock == ""


@pytest.mark.parametrize(
    ("model", "why"),
    list(zip(STOCK, ["may look at other fields", "extra", "str_strip_whitespace"], strict=True)),
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_unusual_classes_are_left_to_pydantic(model: type[BaseModel], why: str) -> None:
    assert why in codec_of(model).why_stock


def test_a_usual_document_never_reaches_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise AssertionError("pydantic was asked")

    read = codec_of(Everything).read
    monkeypatch.setitem(read.__globals__, "fallback", fail)
    assert read(dict(GOOD)).text == GOOD["text"]
    assert read({**GOOD, "flag": None, "text": None}).flag is False
    assert read({"_id": GOOD["_id"]}).name is None
    with pytest.raises(AssertionError, match="pydantic was asked"):
        read({**GOOD, "number": "3"})


def test_instances_do_not_share_what_can_change() -> None:
    first, second = (codec_of(Everything).read(fresh(GOOD)) for _ in range(2))
    first.tags.append("z")
    first.number = 9
    assert second.tags == ["x", "y"]
    assert codec_of(Everything).read({"_id": GOOD["_id"]}).model_fields_set == {"id"}
    assert first._saved_state is None
    one, two = (codec_of(Small).read({"_id": GOOD["_id"]}) for _ in range(2))
    one._note.append("x")
    assert (two._note, two._number) == ([], 3)


def test_ids_that_are_text_are_read_leniently_too() -> None:
    assert codec_of(TextId).read({"_id": "one"}).title is None


def test_a_class_that_is_built_again_is_compiled_again() -> None:
    class Later(Small):
        amount: int = 0

    before = codec_of(Later)
    assert codec_of(Later) is before
    Later.model_rebuild(force=True)
    assert codec_of(Later) is not before


def test_a_null_reference_is_none_and_not_a_new_id() -> None:
    for more in ({}, {"number": "3"}):  # read by the codec, and by pydantic
        assert codec_of(Everything).read({**GOOD, **more, "otherId": None}).other_id is None
