"""Compiled encoders give what Beanie's encoder gives, and prove only what pydantic would leave as it is."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import bson
import pytest
from beanie import PydanticObjectId
from beanie.odm.utils.dump import get_dict
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.documents.codec.samples import GOOD, VALUES, Colour, Everything, Level, Mixed, Open, Part, Size, Small
from tests.documents.codec.test_reading import fresh, picture

from docstore.documents import Document, TokenHash, utc_now
from docstore.documents.codec import BAIL, codec_of
from docstore.documents.validation import checked, prepared, prepared_to_insert
from docstore.errors import ValidationFailed

BSON = CodecOptions(uuid_representation=UuidRepresentation.STANDARD, tz_aware=True)

_IN_MEMORY = st.one_of(
    VALUES,
    st.sampled_from([Colour.RED, Level.HIGH, Mixed.TEXT, UUID(int=1), SecretStr("s"), TokenHash.of("t")]),
    st.sampled_from([datetime(2026, 1, 1, 0, 0, 0, 1500, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]),
    st.just(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
    st.builds(lambda width: Size(width=width), st.integers(0, 9)),
    st.builds(lambda width: Size.model_construct(width=width, height="high", unit=None), VALUES),
    st.builds(lambda name: Part(part_name=name, size=Size(width=1)), st.text(max_size=3)),
    st.lists(st.builds(lambda name: Part(part_name=name, size=Size(width=1)), st.text(max_size=3)), max_size=2),
    st.builds(lambda more: Open(note_text="n", more=more), VALUES),
    st.lists(st.sampled_from(list(Colour)), max_size=2),
    st.lists(st.builds(PydanticObjectId), max_size=2),
    st.tuples(st.integers(0, 3)),
    st.sets(st.integers(0, 3), max_size=2),
)
_ASSIGNED = st.dictionaries(st.sampled_from(sorted(Everything.model_fields)), _IN_MEMORY, max_size=3)
_quietly = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
async def good(bind_models: Any) -> Callable[..., Everything]:
    """Make a valid `Everything`, then assign values to it."""
    await bind_models(Everything, Small)

    def make(**assigned: Any) -> Everything:
        document: Everything = codec_of(Everything).read(fresh(GOOD))
        document.__dict__.update(assigned)
        return document

    return make


def _or_error(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error)


def test_encodes_as_beanie_does(good: Callable[..., Everything]) -> None:
    encode = codec_of(Everything).encode
    assert encode is not None

    @_quietly
    @given(assigned=_ASSIGNED)
    def same(assigned: dict[str, Any]) -> None:
        document = good(**assigned)
        expected = _or_error(lambda: get_dict(document, to_db=True))
        got = _or_error(lambda: encode(document.__dict__))
        assert _plain(got) == _plain(expected)

    same()


def test_proves_only_what_validation_leaves_as_it_is(good: Callable[..., Everything]) -> None:
    check = codec_of(Everything).checked
    assert check is not None

    @_quietly
    @given(assigned=_ASSIGNED, lenient=st.booleans())
    def sound(assigned: dict[str, Any], lenient: bool) -> None:
        document = good(**assigned)
        judged_first = good(**fresh(assigned))
        fields = check(document.__dict__, lenient)
        if fields is BAIL:
            return
        judged = checked(judged_first, judged_first.__dict__, lenient=lenient)
        assert picture(document)[1] == picture(judged)[1]
        assert _plain(fields) == _plain(get_dict(document, to_db=True))

    sound()


def test_a_usual_document_is_proved(good: Callable[..., Everything]) -> None:
    check = codec_of(Everything).checked
    assert check is not None
    assert check(good().__dict__, False) is not BAIL
    assert check(good(text=None).__dict__, True) is not BAIL
    for wrong in ({"text": None}, {"text": 3}, {"number": True}, {"slug": "No Slug"}, {"name": ""}, {"tags": [1]}):
        assert check(good(**wrong).__dict__, False) is BAIL


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.tags.append(3),
        lambda document: document.matrix[0].append("x"),
        lambda document: document.part.__dict__.update(part_name=3),
        lambda document: document.part.size.__dict__.update(width="wide"),
        lambda document: document.parts.append("no part"),
        lambda document: document.strict.__dict__.update(value="x"),
        lambda document: document.by_name.update(a="x"),
        lambda document: document.free.update(bad=object()),
        lambda document: document.open.__dict__.update(note_text=1),
        lambda document: setattr(document, "email", "nobody"),
    ],
)
def test_what_was_changed_in_place_is_judged(
    good: Callable[..., Everything], change: Callable[[Everything], None]
) -> None:
    for stored in (False, True):
        document = good()
        change(document)
        with pytest.raises(ValidationFailed):
            prepared(document, stored=stored)


def test_what_validation_converts_is_taken_over(good: Callable[..., Everything]) -> None:
    document = good(number="12", email=" Ada@Example.COM", happened=None)
    fields = prepared(document, stored=False)
    assert (document.number, document.email) == (12, "ada@example.com") == (fields["number"], fields["email"])


def test_what_is_stored_reads_back_the_same(good: Callable[..., Everything]) -> None:
    document = good()
    stored = bson.decode(bson.encode(prepared(document, stored=False), codec_options=BSON), BSON)
    read = codec_of(Everything).read(stored)
    assert (read.model_dump(), type(read.other_id)) == (document.model_dump(), PydanticObjectId)


def test_encoded_containers_are_new(good: Callable[..., Everything]) -> None:
    document = good()
    encode, check = codec_of(Everything).encode, codec_of(Everything).checked
    assert encode is not None
    assert check is not None
    for fields in (encode(document.__dict__), check(document.__dict__, False)):
        fields["tags"].append("new")
        fields["free"]["a"].append("new")
        fields["part"]["size"]["width"] = 9
    assert (document.tags, document.free, document.part.size.width) == (["x", "y"], GOOD["free"], 1)  # type: ignore[union-attr]


def test_new_documents_are_stamped_once_they_are_valid(good: Callable[..., Everything]) -> None:
    document = good(created_at=None, updated_at=None, number="no number")
    with pytest.raises(ValidationFailed):
        prepared_to_insert(document)
    assert document.created_at is None
    document.number = 1
    now = utc_now()
    fields = prepared_to_insert(document, now)
    assert fields["createdAt"] == fields["updatedAt"] == document.created_at == now
    assert {"created_at", "updated_at"} <= document.model_fields_set


def test_a_document_made_without_its_fields_is_left_to_beanie(good: Callable[..., Everything]) -> None:
    with pytest.raises(ValidationFailed, match="text"):
        prepared(Everything.model_construct(number=1), stored=False)


class Encoded(Document):
    title: str = ""

    class Settings:
        bson_encoders = {str: str.upper}  # noqa: RUF012


class Nullless(Document):
    title: str | None = None

    class Settings:
        keep_nulls = False


class Revised(Document):
    title: str = ""

    class Settings:
        use_revision = True


class Root(Document):
    title: str = ""

    class Settings:
        is_root = True


class Leaf(Root):
    more: str = ""


@pytest.mark.parametrize("models", [(Encoded,), (Nullless,), (Revised,), (Root, Leaf)])
async def test_classes_that_beanie_writes_in_its_own_way(bind_models: Any, models: tuple[Any, ...]) -> None:
    await bind_models(*models)
    for model in models:
        assert codec_of(model).encode is None
        assert codec_of(model).checked is None
        document = await model(title="title").insert()
        stored = await model.get_pymongo_collection().find_one({"_id": document.id})
        if model is Encoded:
            assert stored["title"] == "TITLE"
        assert ("deletedBy" in stored) is (model is not Nullless)
        assert (stored.get("revision_id") is not None) is (model is Revised)
        assert stored.get("_class_id") == {Root: "Root", Leaf: "Root.Leaf"}.get(model)
        document.title = "other"
        await document.save()
        (read,) = await model.find().to_list()
        assert (type(read), read.title.lower()) == (model, "other")


def _plain(value: Any) -> Any:
    """For comparison: members of enumerations as their values, nan as text, types told apart."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Colour):
        return str, value.value
    return (float, "nan") if isinstance(value, float) and math.isnan(value) else (type(value), value)
