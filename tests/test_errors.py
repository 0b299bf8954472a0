"""The error tree, and the helpers that tell what an error is about, whoever raised it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pymongo import InsertOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteError,
)

from docstore import errors
from docstore.documents import Document, translated
from docstore.errors import (
    DocstoreError,
    ReferenceViolation,
    RequiredViolation,
    RestoreConflict,
    StaleDocument,
    UniqueViolation,
    UnknownField,
    ValidationFailed,
    constraint_name,
    error_detail,
    is_reference_violation,
    is_required_violation,
    is_unique_violation,
)

Database = AsyncDatabase[dict[str, Any]]
SECRET = "s3cret-value"


class Named(Document):
    name: str


def all_errors() -> list[type[DocstoreError]]:
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, DocstoreError)]


def test_every_error_stands_in_the_drawn_tree_and_has_a_code_of_its_own() -> None:
    drawn = errors.__doc__ or ""
    codes = [each.code for each in all_errors()]
    assert all(each.__name__ in drawn for each in all_errors())
    assert len(codes) == len(set(codes))


def test_the_package_imports_nothing_of_ours_and_no_driver() -> None:
    code = (
        "import sys, types;"
        "docstore = types.ModuleType('docstore');"
        f"docstore.__path__ = [{str(Path(errors.__file__).parents[1])!r}];"
        "sys.modules['docstore'] = docstore;"
        "import docstore.errors;"
        "drivers = {'pymongo', 'pydantic', 'bson', 'beanie'};"
        "print([name for name in sys.modules if name.split('.')[0] in drivers or"
        " name.startswith('docstore.') and not name.startswith('docstore.errors')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.fixture
async def unique_emails(database: Database) -> Database:
    await database["people"].create_index("email", unique=True, name="uq_email")
    await database["people"].insert_one({"email": SECRET})
    return database


async def test_a_duplicate_key_is_read_from_the_drivers_own_error(unique_emails: Database) -> None:
    with pytest.raises(DuplicateKeyError) as caught:
        await unique_emails["people"].insert_one({"email": SECRET})
    assert is_unique_violation(caught.value)
    assert not is_required_violation(caught.value)
    assert not is_reference_violation(caught.value)
    assert constraint_name(caught.value) == "uq_email"
    detail = error_detail(caught.value)
    assert (detail.code, detail.collection, detail.field) == ("unique", "people", "email")
    assert (detail.constraint, detail.server_code, detail.retryable) == ("uq_email", 11000, False)
    assert SECRET not in repr(detail)


async def test_a_duplicate_key_in_a_bulk_is_read_too(unique_emails: Database) -> None:
    with pytest.raises(BulkWriteError) as caught:
        await unique_emails["people"].bulk_write([InsertOne({"email": "x"}), InsertOne({"email": SECRET})])
    assert is_unique_violation(caught.value)
    assert constraint_name(caught.value) == "uq_email"
    assert error_detail(caught.value).field == "email"


async def test_a_translated_error_says_the_same(unique_emails: Database) -> None:
    with pytest.raises(UniqueViolation) as caught, translated("people"):
        await unique_emails["people"].insert_one({"email": SECRET})
    assert is_unique_violation(caught.value)
    assert constraint_name(caught.value) == "uq_email"
    detail = error_detail(caught.value)
    assert (detail.code, detail.field, detail.constraint, detail.server_code) == ("unique", "email", "uq_email", 11000)
    assert detail.hint


async def test_the_validators_refusal_names_the_missing_fields(database: Database) -> None:
    schema = {"bsonType": "object", "required": ["email", "name"], "properties": {"age": {"bsonType": "int"}}}
    await database.create_collection("people", validator={"$jsonSchema": schema})
    with pytest.raises(WriteError) as missing:
        await database["people"].insert_one({"name": "a"})
    assert is_required_violation(missing.value)
    assert constraint_name(missing.value) == "$jsonSchema"
    assert (error_detail(missing.value).code, error_detail(missing.value).field) == ("required", "email")
    with pytest.raises(WriteError) as wrong:
        await database["people"].insert_one({"name": "a", "email": "b", "age": SECRET})
    assert not is_required_violation(wrong.value)
    assert error_detail(wrong.value).code == "validation"
    assert SECRET not in repr(error_detail(wrong.value))


async def test_a_write_conflict_may_be_tried_again(database: Database) -> None:
    people = database["people"]
    id = (await people.insert_one({"n": 0})).inserted_id
    async with database.client.start_session() as first, database.client.start_session() as second:
        await first.start_transaction()
        await second.start_transaction()
        await people.update_one({"_id": id}, {"$inc": {"n": 1}}, session=first)
        with pytest.raises(OperationFailure) as caught:
            await people.update_one({"_id": id}, {"$inc": {"n": 1}}, session=second)
        await first.abort_transaction()
    detail = error_detail(caught.value)
    assert (detail.code, detail.server_code, detail.retryable) == ("conflict", 112, True)


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (OperationFailure("gone", 251, {}), "conflict", True),
        (ExecutionTimeout("slow", 50, {}), "timeout", False),
        (OperationFailure("not primary", 10107, {}), "server_unavailable", False),
        (OperationFailure("no", 13, {"code": 13}), "access_denied", False),
        (OperationFailure("no", 2, {"code": 2}), "service_error", False),
        (AutoReconnect("gone"), "server_unavailable", False),
        (ServerSelectionTimeoutError("none"), "server_unavailable", False),
        (KeyError("x"), "unknown", False),
        (StaleDocument("old"), "stale", False),
    ],
)
def test_other_errors_have_a_word_too(error: Exception, code: str, retryable: bool) -> None:
    detail = error_detail(error)
    assert (detail.code, detail.retryable) == (code, retryable)
    assert constraint_name(error) is None


def test_pydantics_missing_field_is_a_required_violation() -> None:
    class Person(BaseModel):
        email: str

    with pytest.raises(ValidationError) as caught:
        Person()  # type: ignore[call-arg]  # what is tested
    assert is_required_violation(caught.value)
    assert (error_detail(caught.value).code, error_detail(caught.value).field) == ("required", "email")
    with pytest.raises(ValidationError) as other:
        Person(email=3)  # type: ignore[arg-type]  # what is tested
    assert not is_required_violation(other.value)
    detail = error_detail(other.value)
    assert (detail.code, detail.field, detail.value_type) == ("validation", "email", "int")


def test_docstores_own_errors_are_known_by_their_class() -> None:
    assert is_unique_violation(RestoreConflict("taken"))
    assert is_reference_violation(ReferenceViolation("still referred to"))
    assert is_required_violation(RequiredViolation("none", field="email"))
    assert not is_required_violation(ValidationFailed("odd"))
    assert error_detail(
        UnknownField("no", field="x", collection="C", value_type="str", hint="y")
    ) == errors.ErrorDetail(code="unknown_field", collection="C", field="x", value_type="str", hint="y")


def test_an_error_that_causes_itself_is_read_to_its_end() -> None:
    error = ValueError("x")
    error.__cause__ = error
    assert error_detail(error).code == "unknown"


async def test_a_required_field_emptied_by_assignment_is_a_required_violation(
    database: Database, bind_models: Any
) -> None:
    await bind_models(Named)
    document = Named(name="Ada")
    document.name = None  # type: ignore[assignment]  # what is tested
    with pytest.raises(RequiredViolation, match="name"):
        await document.insert()
    document.name = 3  # type: ignore[assignment]  # what is tested
    with pytest.raises(ValidationFailed) as caught:
        await document.insert()
    assert not is_required_violation(caught.value)
