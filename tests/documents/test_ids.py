"""Ids: what becomes one, that None never does, and models that annotate theirs in Beanie's way."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from beanie.operators import Set
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pymongo.asynchronous.database import AsyncDatabase
from tests.conftest import Bind

from docstore.documents import Document, DocumentId, PydanticObjectId, Ref, references_of
from docstore.documents.codec import codec_of
from docstore.documents.ids import refuse_none_as_id
from docstore.errors import RequiredViolation, UnreadableDocument, ValidationFailed

Database = AsyncDatabase[dict[str, Any]]
DIGITS = "5eb7cf5a86d9755df3a6c593"


class Writer(Document):
    name: str


class Link(BaseModel):
    to_id: DocumentId


class Letter(Document):
    writer_id: Annotated[DocumentId, Ref("Writer")]
    reader_id: DocumentId | None = None
    copy_ids: list[DocumentId] = Field(default_factory=list)
    link: Link | None = None


class BeanieLink(BaseModel):
    to_id: PydanticObjectId


@pydantic_dataclass
class BeanieStamp:
    by_id: PydanticObjectId


@dataclass
class PlainStamp:
    by_id: PydanticObjectId


class BeanieLetter(Document):
    """As code on its way from Beanie has it."""

    check_references = False

    writer_id: PydanticObjectId
    reader_id: PydanticObjectId | None = None
    copy_ids: list[PydanticObjectId] = Field(default_factory=list)
    either: PydanticObjectId | int = 0
    link: BeanieLink | None = None
    links: list[BeanieLink] = Field(default_factory=list)
    by_name: dict[str, PydanticObjectId] = Field(default_factory=dict)
    stamp: BeanieStamp | None = None
    plain_stamp: PlainStamp | None = None


@pytest.fixture
async def letters(bind_models: Bind) -> None:
    await bind_models(Writer, Letter, BeanieLetter)


def problem(error: pytest.ExceptionInfo[ValidationError]) -> tuple[Any, str]:
    [told] = error.value.errors()
    return told["loc"], told["type"]


@pytest.mark.parametrize("model", [Letter, BeanieLetter])
async def test_none_is_no_id(letters: None, model: type[Document]) -> None:
    with pytest.raises(ValidationError) as caught:
        model(writer_id=None)
    assert problem(caught) == (("writer_id",), "object_id")
    with pytest.raises(ValidationError) as caught:
        model(writer_id=ObjectId(), copy_ids=[ObjectId(), None])
    assert problem(caught) == (("copy_ids", 1), "object_id")
    with pytest.raises(ValidationError) as caught:
        model(writer_id=ObjectId(), link={"to_id": None})
    assert problem(caught) == (("link", "to_id"), "object_id")


@pytest.mark.parametrize(
    "given_one",
    [
        {"by_name": {"a": None}},
        {"links": [{"to_id": None}]},
        {"stamp": {"by_id": None}},
        {"plain_stamp": {"by_id": None}},
        {"either": None},
    ],
)
async def test_none_is_no_id_wherever_beanies_type_stands(letters: None, given_one: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BeanieLetter(writer_id=ObjectId(), **given_one)
    with pytest.raises(ValidationError):
        BeanieLink(to_id=None)
    assert BeanieLetter(writer_id=ObjectId()).reader_id is None


@pytest.mark.parametrize("model", [Letter, BeanieLetter])
async def test_an_id_that_was_taken_away_is_not_written(letters: None, database: Database, model: Any) -> None:
    writer = await Writer(name="Ada").insert()
    letter = model(writer_id=writer.id)
    letter.writer_id = None
    for write in (letter.insert, lambda: model.insert_many([letter])):
        with pytest.raises(RequiredViolation):
            await write()
    letter.writer_id = writer.id
    await letter.insert()
    letter.copy_ids = [None]
    with pytest.raises(ValidationFailed):
        await letter.save()
    stored = await database[model.get_collection_name()].find_one({})
    assert stored is not None
    assert (stored["writerId"], stored["copyIds"]) == (writer.id, [])


@pytest.mark.parametrize("model", [Letter, BeanieLetter])
async def test_no_filter_asks_for_an_invented_id(letters: None, model: Any) -> None:
    with pytest.raises(ValidationFailed):
        await model.find(model.writer_id == None).to_list()  # noqa: E711
    with pytest.raises(ValidationFailed):
        await model.find({"writerId": None}).to_list()


@pytest.mark.parametrize("model", [Letter, BeanieLetter])
async def test_a_null_that_an_older_service_stored_stays_one(letters: None, database: Database, model: Any) -> None:
    await database[model.get_collection_name()].insert_one({"writerId": None, "link": {"to_id": ObjectId(DIGITS)}})
    [letter] = await model.find_all().to_list()
    assert letter.writer_id is None
    assert letter.link.to_id == ObjectId(DIGITS)
    assert await model.find_all().values("writer_id").to_list() == [{"writer_id": None}]


async def test_a_projection_of_beanies_type_invents_no_id_either(letters: None, database: Database) -> None:
    class Sender(BaseModel):
        writer_id: PydanticObjectId

    await database["Letter"].insert_one({"writerId": None})
    with pytest.raises(UnreadableDocument, match="writer_id"):
        await Letter.find_all().project(Sender).to_list()


@pytest.mark.parametrize("annotation", [DocumentId, PydanticObjectId])
@pytest.mark.parametrize("value", [ObjectId(DIGITS), PydanticObjectId(DIGITS), DIGITS, DIGITS.upper(), DIGITS.encode()])
async def test_what_becomes_an_id(value: Any, annotation: Any) -> None:
    class Holder(BaseModel):
        to_id: annotation

    refuse_none_as_id(Holder)
    made = Holder(to_id=value).to_id
    assert made == ObjectId(DIGITS)
    assert type(made) is PydanticObjectId
    assert Holder.model_validate_json(Holder(to_id=value).model_dump_json()).to_id == made


def test_a_field_may_be_called_as_pydantics_notes_are() -> None:
    class Noted(BaseModel):
        metadata: PydanticObjectId

    class Holding(BaseModel):
        serialization: Noted

    for model, values in ((Noted, {"metadata": None}), (Holding, {"serialization": {"metadata": None}})):
        refuse_none_as_id(model)
        with pytest.raises(ValidationError):
            model.model_validate(values)


@given(
    st.one_of(st.text(max_size=30), st.binary(max_size=30), st.integers(), st.text("0123456789abcdefF", max_size=25))
)
def test_what_else_is_no_id_is_none_for_beanie_either(value: Any) -> None:
    def outcome(annotation: Any) -> Any:
        try:
            return TypeAdapter(annotation).validate_python(value)
        except ValidationError:
            return "refused"

    assert outcome(DocumentId) == outcome(PydanticObjectId)


def test_in_json_an_id_is_its_digits() -> None:
    described = Link.model_json_schema()["properties"]["to_id"]
    assert (described["type"], described["pattern"], described["minLength"]) == ("string", "^[0-9a-f]{24}$", 24)
    assert Link(to_id=DIGITS).model_dump(mode="json") == {"to_id": DIGITS}
    with pytest.raises(ValidationError):
        Link.model_validate_json('{"to_id": null}')


def test_a_reference_is_found_on_it() -> None:
    [reference] = references_of(Letter)
    assert (reference.field, reference.target, reference.optional) == ("writerId", "Writer", False)


async def test_models_are_still_read_by_compiled_functions(letters: None) -> None:
    assert codec_of(Letter).why_stock == ""
    assert codec_of(BeanieLetter).checked is not None


async def test_the_models_of_others_are_left_alone(letters: None) -> None:
    class Theirs(BaseModel):
        to_id: PydanticObjectId

    validator = Theirs.__pydantic_validator__
    refuse_none_as_id(Writer)
    assert Theirs.__pydantic_validator__ is validator
    assert isinstance(Theirs(to_id=None).to_id, ObjectId)  # as Beanie has it


async def test_an_update_to_an_id_takes_its_digits(letters: None, database: Database) -> None:
    first, second = Writer(name="Ada"), Writer(name="Bob")
    await Writer.insert_many([first, second])
    letter = await Letter(writer_id=first.id).insert()
    await letter.update(Set({Letter.writer_id: second.id}))
    assert letter.writer_id == second.id
