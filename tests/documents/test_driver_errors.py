"""The driver's errors in docstore's words, with the driver's own as the cause, and no values."""

from typing import Any

import pytest
from beanie.exceptions import DocumentNotFound, RevisionIdWasChanged
from pymongo import AsyncMongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteError,
)

from docstore.documents import Document, bind, translated, unique
from docstore.documents.driver_errors import duplicate_fields
from docstore.documents.filters import trusted
from docstore.errors import (
    DocstoreError,
    NotFound,
    OperationTimeout,
    ServerUnavailable,
    StaleDocument,
    UniqueViolation,
    ValidationFailed,
)

DUPLICATE = {"code": 11000, "keyPattern": {"email": 1}, "keyValue": {"email": "secret@example.com"}, "errmsg": "E11000"}
PAIR = {"code": 11000, "keyPattern": {"platform": 1, "accountId": 1}, "errmsg": "E11000"}
OLD = {"code": 11000, "errmsg": "E11000 duplicate key error collection: d.c index: uq_email dup key: { : 'secret' }"}


class Careful(Document):
    email: str = ""
    indexes = (unique("email"),)


@pytest.mark.parametrize(
    ("error", "expected", "field"),
    [
        (DuplicateKeyError("E11000 secret", 11000, DUPLICATE), UniqueViolation, "email"),
        (DuplicateKeyError("E11000 secret", 11000, PAIR), UniqueViolation, "platform and accountId"),
        (DuplicateKeyError("E11000 secret", 11000, OLD), UniqueViolation, "uq_email"),
        (DuplicateKeyError("E11000 secret"), UniqueViolation, "a unique index"),
        (BulkWriteError({"writeErrors": [{"code": 1}, DUPLICATE]}), UniqueViolation, "email"),
        (WriteError("secret", 121, {"code": 121}), ValidationFailed, None),
        (ExecutionTimeout("secret", 50, {}), OperationTimeout, None),
        (NetworkTimeout("secret"), OperationTimeout, None),
        (AutoReconnect("secret"), ServerUnavailable, None),
        (ServerSelectionTimeoutError("secret"), ServerUnavailable, None),
        (RevisionIdWasChanged(), StaleDocument, None),
        (DocumentNotFound(), NotFound, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_is_told_with_its_cause_and_without_values(error: Exception, expected: type, field: str | None) -> None:
    with pytest.raises(expected) as told, translated("Post"):
        raise error
    assert told.value.__cause__ is error
    assert "secret" not in str(told.value)
    assert "Post" in str(told.value)
    assert told.value.field == field
    if field is not None:
        assert told.value.collection == "Post"


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("x", 2, {}),
        BulkWriteError({"writeErrors": [{"code": 2}]}),
        ValueError("x"),
        PyMongoError("x"),
    ],
)
def test_what_it_does_not_know_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, translated("Post"):
        raise error
    assert raised.value is error
    assert isinstance(error, DocstoreError) or not isinstance(raised.value, DocstoreError)


def test_fields_of_a_duplicate() -> None:
    assert duplicate_fields(DuplicateKeyError("x", 11000, PAIR)) == ("platform", "accountId")
    assert duplicate_fields(OperationFailure("x", 112, {})) == ()
    assert duplicate_fields(BulkWriteError({"writeErrors": []})) == ()


async def test_a_real_duplicate_names_its_field_and_no_value(bind_models: Any) -> None:
    await bind_models(Careful)
    await Careful(email="very-secret").insert()
    with pytest.raises(UniqueViolation) as violation:
        await Careful(email="very-secret").insert()
    assert (violation.value.field, violation.value.code) == ("email", "unique")
    assert "very-secret" not in str(violation.value)
    assert isinstance(violation.value.__cause__, DuplicateKeyError)


async def test_a_server_that_is_not_there_says_so(bind_models: Any, database: Any) -> None:
    await bind_models(Careful)
    dead: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        "mongodb://127.0.0.1:1/?directConnection=true", serverSelectionTimeoutMS=100
    )
    try:
        guarded = Careful.get_pymongo_collection()
        away = type(guarded)(dead["d"]["Careful"], guarded.database, guarded.database.registry, guarded.scope)
        with pytest.raises(ServerUnavailable), translated("Careful"):
            await away.insert_one({"email": "x"})
    finally:
        await dead.close()


async def test_a_validator_of_the_database_is_told(bind_models: Any, database: Any) -> None:
    await database.create_collection("Careful", validator={"$jsonSchema": {"required": ["never"]}})
    await bind(database, [Careful])
    for call in (lambda: Careful(email="a").insert(), lambda: Careful(email="a").save()):
        with pytest.raises(ValidationFailed) as failure:
            await call()
        assert isinstance(failure.value.__cause__, PyMongoError)


async def test_a_query_reports_reading_errors_in_the_drivers_words_or_ours(bind_models: Any, database: Any) -> None:
    await bind_models(Careful)
    with pytest.raises((PyMongoError, DocstoreError)):
        await Careful.find(trusted({"email": {"$nonsense": 1}})).to_list()
