"""The repository's own migrations: today's form for what older services wrote, and the state of a fresh database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase
from tests.schema.migrations.conftest import everything

from docstore.errors import IrreversibleMigration
from docstore.models import ALL
from docstore.schema.checking.rules import broken
from docstore.schema.drift import DriftKind, find_drift
from docstore.schema.migrations import MigrationRunner
from docstore.schema.migrations.generating import changes_since
from docstore.schema.migrations.values import same
from docstore.schema.snapshot import snapshot_of

Database = AsyncDatabase[dict[str, Any]]

DIRECTORY = Path(__file__).parents[3] / "migrations"
LONG_AGO = datetime(2020, 1, 2, tzinfo=UTC)


def test_the_last_snapshot_is_that_of_the_models() -> None:
    changes = [str(each) for each in changes_since(DIRECTORY, snapshot_of(ALL))]
    assert changes == [], "run `docstore migrate generate`"


def old_documents() -> dict[str, list[dict[str, Any]]]:
    """Documents in every old form, beside some of today's."""
    author, user = ObjectId(), ObjectId()
    post = {"title": "t", "content": "c", "authorId": author}
    review = {"title": "t", "stars": 5, "authorId": user, "accountId": ObjectId(), "platform": "YOUTUBE"}
    return {
        "Post": [
            {"_id": ObjectId(), **post, "postUrl": "a", "isFeatured": True, "canonicalUrl": "https://e.com"},
            {"_id": ObjectId(), **post, "postUrl": "b", "isFeatured": False, "featured": True, "broadcastIds": None},
            {"_id": ObjectId(), **post, "postUrl": "c", "isDeleted": True, "updatedAt": LONG_AGO, "viewCount": None},
            {"_id": ObjectId(), **post, "postUrl": "d", "deletedAt": LONG_AGO, "isDeleted": False},
            {"_id": ObjectId(), **post, "postUrl": "e", "status": "DELETED", "__v": 3},
            {"_id": ObjectId(), **post, "postUrl": "f", "featured": False, "isDeleted": False, "deletedAt": None},
        ],
        "Review": [{"_id": ObjectId(), **review, "status": "DELETED", "createdAt": LONG_AGO}],
        "User": [
            {"_id": user, "email": "a@example.com", "role": "ADMIN", "image": "a.png", "imageUrl": "b.png"},
            {"_id": ObjectId(), "email": "b@example.com", "role": None, "avatar": "c.png", "imageUrl": "d.png"},
        ],
        "Vote": [{"_id": ObjectId(), "userId": user, "reviewId": ObjectId(), "type": "UP"}],
        "Session": [
            {"_id": ObjectId(), "accessToken": "in the clear", "expiresAt": LONG_AGO, "userId": user},
            {"_id": ObjectId(), "accessToken": "sha256:" + "a" * 64, "expiresAt": LONG_AGO, "userId": user},
        ],
        "Category": [{"_id": ObjectId(), "name": "n", "slug": "n", "keywords": None, "parentId": None}],
    }


@pytest.fixture
async def older(database: Database) -> dict[str, list[dict[str, Any]]]:
    """The old documents, stored."""
    for name, documents in old_documents().items():
        await database[name].insert_many(documents)
    return await everything(database)


async def test_older_documents_become_todays_and_are_found_again_on_the_way_back(
    database: Database, older: dict[str, list[dict[str, Any]]]
) -> None:
    runner = MigrationRunner(database, DIRECTORY)
    await runner.up(to="2")

    snapshot = snapshot_of(ALL)
    for name, documents in (await everything(database)).items():
        for document in documents:
            assert [str(rule) for rule, _ in broken(snapshot.collections[name].schema, document)] == [], name
    posts = {each["postUrl"]: each async for each in database["Post"].find()}
    assert (posts["a"]["featured"], posts["a"]["metadataCanonicalUrl"]) == (True, "https://e.com")
    assert (posts["b"]["featured"], posts["b"]["broadcastIds"]) == (True, [])
    assert {url for url, each in posts.items() if each.get("isDeleted") and each.get("deletedAt")} == {"c", "d", "e"}
    assert posts["c"]["deletedAt"] == LONG_AGO
    assert posts["f"] == older["Post"][5]
    users = {each["email"][0]: each async for each in database["User"].find()}
    assert (users["a"]["role"], users["a"]["avatar"]) == (["ADMIN"], "a.png")
    assert (users["b"]["role"], users["b"]["avatar"]) == (["USER"], "c.png")
    assert (await database["Vote"].find_one({}) or {})["type"] == "UPVOTE"
    assert "clear" not in str(await database["Session"].find().to_list())

    with pytest.raises(IrreversibleMigration, match="hash cannot be turned back"):
        await runner.down(to="0")
    for name in ("Session", "MagicLink", "VerificationToken"):
        await database[name].delete_many({})
    await runner.down(to="0")
    left = {name: documents for name, documents in (await everything(database)).items() if documents}
    assert same(left, {name: documents for name, documents in older.items() if name != "Session"})


async def test_all_migrations_make_the_state_of_the_models(database: Database) -> None:
    await MigrationRunner(database, DIRECTORY).up()
    found = await find_drift(database, ALL, DIRECTORY, sample=0)
    assert [each for each in found if each.kind in (DriftKind.INDEX, DriftKind.VALIDATOR, DriftKind.MIGRATIONS)] == []
    assert await MigrationRunner(database, DIRECTORY).up() == []
