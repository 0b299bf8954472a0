"""Finding the documents that validators would refuse, on a real server."""

from datetime import datetime
from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import Document
from docstore.errors import SettingsError
from docstore.models import ALL
from docstore.operations import seed
from docstore.schema.checking import CheckProgress, check_documents, scanning
from docstore.schema.checking.bson_types import AS_STORED
from docstore.schema.checking.compiling import breaks
from docstore.schema.checking.rules import broken
from docstore.schema.validators import validator_of

Database = AsyncDatabase[dict[str, Any]]


class Vase(Document):
    name: str
    height: int = 0


class Bowl(Document):
    name: str


async def filled(database: Database) -> None:
    await database["Vase"].insert_many(
        [
            *({"_id": f"long{number}", "name": "a", "height": "long"} for number in range(7)),
            *({"_id": ObjectId(), "name": "a", "height": 3} for _ in range(20)),
            {"_id": "both", "height": 2.5, "isDeleted": True},
        ]
    )
    await database["Bowl"].insert_one({"name": "a"})


async def test_what_fails_by_rule_and_count_with_sample_ids(database: Database) -> None:
    await filled(database)
    seen: list[CheckProgress] = []

    report = await check_documents(database, [Vase, Bowl], samples=3, on_progress=seen.append)

    assert (report.documents, report.failing) == (29, 8)
    vase, bowl = report.collections
    assert (vase.collection, vase.documents, vase.failing) == ("Vase", 28, 8)
    assert (bowl.collection, bowl.documents, bowl.failing) == ("Bowl", 1, 0)
    told = {(str(each.rule), each.count) for each in vase.worst}
    assert told == {
        ("_id: type objectId", 8),
        ("height: type int or long or double", 7),
        ("height: a whole number", 1),
        ("name: required", 1),
    }
    by_type = next(each for each in vase.worst if each.rule.field == "height" and each.rule.keyword == "bsonType")
    assert by_type.found == {"string": 7}
    assert by_type.samples == ["long0", "long1", "long2"]
    assert [each.done for each in seen if each.done] == [28, 28, 1, 1]


async def test_only_some_collections_and_some_documents(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_BATCH", 4)
    await filled(database)

    assert (await check_documents(database, [Vase, Bowl], only=["Bowl"])).documents == 1
    assert (await check_documents(database, [Vase], limit=10)).documents == 10
    assert (await check_documents(database, [Vase], sample=9)).documents == 9
    assert (await check_documents(database, [Vase])).documents == 28
    with pytest.raises(SettingsError, match="No model has the collection Cup"):
        await check_documents(database, [Vase], only=["Cup"])


async def test_a_collection_that_is_not_there_is_not_created(database: Database) -> None:
    assert (await check_documents(database, [Vase])).collections == ()
    assert await database.list_collection_names() == []


def test_what_python_cannot_hold_is_judged_too() -> None:
    # MongoDB delivers such documents; the embedded server does not take them.
    document = bson.encode({"_id": ObjectId(), "name": "abc", "createdAt": datetime(2026, 1, 1)})
    not_text = document.replace(b"abc\x00", b"\xff\xfe\xfd\x00")
    instant = bson.encode({"at": datetime(2026, 1, 1)})[8:16]
    far = not_text.replace(instant, (2**62).to_bytes(8, "little"))
    schema = validator_of(Vase)["$jsonSchema"]

    [read] = bson.decode_all(far, AS_STORED)

    assert type(read["createdAt"]) is DatetimeMS
    assert not breaks(schema)(read)
    assert list(broken(schema, read)) == []


async def test_the_server_may_take_too_long_to_count(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(database)
    seen: list[CheckProgress] = []
    slow = {"failCommands": ["count"], "errorCode": 50}
    await database.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": slow})
    try:
        await check_documents(database, [Vase], on_progress=seen.append)
    finally:
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

    assert [(each.done, each.total) for each in seen] == [(0, None), (28, None), (28, 28)]


async def test_what_docstore_seeds_is_valid(store: Any) -> None:
    await seed(store, only=["Post", "Review", "Session"])

    report = await check_documents(store.database, ALL)

    assert report.documents > 200
    assert [str(each.rule) for check in report.collections for each in check.worst] == []
