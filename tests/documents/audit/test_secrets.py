"""No secret value is in the log, by whatever route it was written, moved or removed."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import bson
import pytest
import pytest_asyncio
from pydantic import Field, SecretStr
from pymongo import UpdateOne

from docstore.documents import Document, SubDocument, TokenHash
from docstore.documents.audit import AuditEntry, verify_chain


class Login(SubDocument):
    name: str = ""
    code: SecretStr | None = None


class Holder(Document):
    title: str = ""
    logins: list[Login] = Field(default_factory=list)
    by_name: dict[str, Login] = Field(default_factory=dict)
    main: Login | None = None
    token: TokenHash | None = None
    answers: dict[str, str] = Field(default_factory=dict)

    sensitive: ClassVar[frozenset[str]] = frozenset({"answers"})


SECRET = "HUSH"
UPDATES: dict[str, Any] = {
    "element": {"$set": {"logins.0.code": "HUSH"}},
    "push": {"$push": {"logins": {"name": "b", "code": "HUSH"}}},
    "pop": {"$pop": {"logins": 1}},
    "in a table": {"$set": {"byName.a.code": "HUSH", "byName.b": {"code": "HUSH"}}},
    "a key": {"$set": {"answers.HUSH": "a"}},
    "a key and its value": {"$set": {"answers": {"HUSH": "HUSH", "a": "HUSH"}}},
    "a key taken away": {"$unset": {"answers.HUSH first": ""}},
    "nested": {"$set": {"main.code": "HUSH"}},
    "the whole": {"$set": {"main": {"code": "HUSH", "name": "x"}}},
    "of another type": {"$set": {"main": "HUSH", "logins": "HUSH", "byName": "HUSH"}},
    "unset": {"$unset": {"main": "", "logins": "", "token": ""}},
    "renamed": {"$rename": {"main": "formerMain", "logins": "formerLogins"}},
    "renamed inside": {"$rename": {"main.code": "main.formerCode"}},
    "copied": [{"$set": {"title": "$main.code", "main.code": "other"}}],
    "replaced": [{"$replaceWith": {"_id": "$_id", "title": "x"}}],
}


@pytest_asyncio.fixture
async def holder(bind_models: Callable[..., Awaitable[Any]]) -> Holder:
    await bind_models(Holder)
    login = Login(name="a", code=SecretStr("HUSH before"))
    return await Holder(
        title="t",
        logins=[login],
        by_name={"a": login},
        main=login,
        token="HUSH",
        answers={"HUSH first": "HUSH"},
    ).insert()


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
@pytest.mark.parametrize("bulk", [False, True])
async def test_no_secret_is_in_the_log(holder: Holder, database: Any, update: Any, bulk: bool) -> None:
    collection = Holder.get_pymongo_collection()
    if bulk:
        await collection.bulk_write([UpdateOne({"_id": holder.id}, update)])
    else:
        await collection.update_one({"_id": holder.id}, update)
    await collection.delete_one({"_id": holder.id})
    await Holder.deleted.find(Holder.id == holder.id).restore()
    entries = await database["AuditEntry"].find().to_list()
    assert len(entries) == 4
    assert entries[1]["touched"]
    for entry in entries:
        assert SECRET.encode() not in bson.encode(entry), entry["diff"]
    assert (await verify_chain()).ok
    await Holder.find(Holder.id == holder.id).purge(reason="asked for")
    assert all(not each.diff for each in await AuditEntry.find().to_list())
