"""Branches: a copy that is whole, or a sample whose references are; nothing else is ever deleted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import uuid4

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from tests.databases import drop_database
from tests.operations.backup.conftest import contents, fill

from docstore.documents import Document, OnDelete, PydanticObjectId, Ref
from docstore.errors import BranchError
from docstore.operations.branches import (
    BranchOptions,
    BranchState,
    Registry,
    compare_databases,
    create_branch,
    database_of,
    delete_branch,
    list_branches,
    prune_branches,
)
from docstore.operations.branches import making as making_module
from docstore.operations.branches.registry import MARK_COLLECTION, Branch
from docstore.settings import Settings

Client = AsyncMongoClient[dict[str, Any]]


@pytest_asyncio.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    """A raw client."""
    made: Client = AsyncMongoClient(settings.mongo_uri.get_secret_value(), tz_aware=True)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def base(client: Client) -> AsyncIterator[str]:
    """The name of a database with something of everything; its branches go with it."""
    name = f"n{uuid4().hex[:10]}"
    await fill(client[name], 300)
    yield name
    for each in await client.list_database_names():
        if each.startswith(name):
            await drop_database(client, each)


@pytest.mark.parametrize("by_server", [False, True])
async def test_a_branch_is_the_base_over_again(client: Client, base: str, by_server: bool) -> None:
    """The embedded server's own copies lose validators, which are set again; on MongoDB they keep them."""
    made = await create_branch(client, base, "one", BranchOptions(by_server=by_server, parallel=1))

    copied = await contents(client[made.branch.database])
    assert copied.pop(MARK_COLLECTION)
    assert copied == await contents(client[base])
    assert made.documents["Post"] == 300
    assert [each.state(datetime.now(UTC)) for each in await list_branches(client, base)] == [BranchState.READY]


@pytest.mark.parametrize("options", [BranchOptions(), BranchOptions(sample=10)])
async def test_a_branch_sends_nothing_that_its_base_sends(client: Client, base: str, options: BranchOptions) -> None:
    rows = client[base]["OutboxEntry"]
    await rows.insert_many([{"_id": state, "status": state} for state in ("PENDING", "DEAD", "PUBLISHED", "SKIPPED")])

    made = await create_branch(client, base, "one", options)

    copied = await client[made.branch.database]["OutboxEntry"].find().to_list()
    assert {row["_id"]: row["status"] for row in copied} == {
        "PENDING": "SKIPPED",
        "DEAD": "SKIPPED",
        "PUBLISHED": "PUBLISHED",
        "SKIPPED": "SKIPPED",
    }
    assert [row["_id"] for row in await rows.find({"status": "PENDING"}).to_list()] == ["PENDING"]


async def test_a_branch_does_not_differ_until_it_does(client: Client, base: str) -> None:
    branch = (await create_branch(client, base, "one")).branch
    here, there = client[base], client[branch.database]
    assert not [each for each in await compare_databases(here, there) if each.any]

    await there["Post"].update_one({"_id": 5}, {"$set": {"title": "other"}})
    await there["Post"].delete_many({"_id": {"$in": [6, 7]}})
    await there["Post"].insert_one({"_id": "new", "title": "new"})
    await there["Post"].drop_index("ix_n_views")
    await there["Post"].create_index("added", name="ix_added")
    await there.drop_collection("Types")
    await there.create_collection("Extra")
    await there.command({"collMod": "Checked", "validator": {}})

    found = {each.name: each for each in await compare_databases(here, there) if each.any}
    assert set(found) == {"Post", "Types", "Extra", "Checked"}
    post = found["Post"].documents
    assert (post.added, post.changed, post.removed, post.same) == (1, 1, 2, 297)
    assert (post.added_ids, post.changed_ids, post.removed_ids) == (("new",), ("5",), ("6", "7"))
    assert (found["Post"].indexes_added, found["Post"].indexes_removed) == (("ix_added",), ("ix_n_views",))
    assert found["Types"].only_in == base
    assert found["Extra"].only_in == branch.database
    assert found["Checked"].options == ("validator",)


class Shelf(Document):
    name: str = "s"


class Book(Document):
    shelf_id: Annotated[PydanticObjectId, Ref("Shelf", on_delete=OnDelete.CASCADE)]
    sequel_id: Annotated[PydanticObjectId | None, Ref("Book", on_delete=OnDelete.SET_NULL)] = None

    class Settings:
        name: ClassVar[str] = "Books"


async def test_a_sample_brings_what_it_refers_to(client: Client, base: str) -> None:
    from bson import ObjectId

    database = client[base]
    shelves = [{"_id": ObjectId()} for _ in range(30)]
    await database["Shelf"].insert_many(shelves)
    ids = [ObjectId() for _ in range(40)]
    await database["Books"].insert_many(
        [
            {"_id": own, "shelfId": shelves[at % 30]["_id"], "sequelId": ids[at + 1] if at < 39 else None}
            for at, own in enumerate(ids)
        ]
    )
    await database["MigrationJournal"].insert_many([{"_id": number} for number in range(9)])

    made = await create_branch(client, base, "some", BranchOptions(sample=3), models=[Shelf, Book])

    copy = client[made.branch.database]
    books = await copy["Books"].find().to_list()
    known = {each["_id"] for each in books}
    kept_shelves = {each["_id"] for each in await copy["Shelf"].find().to_list()}
    assert len(books) >= 3
    assert {each["shelfId"] for each in books} <= kept_shelves
    assert {each["sequelId"] for each in books} - {None} <= known
    assert made.documents["Post"] == 3
    assert made.documents["MigrationJournal"] == 9
    assert await copy["Post"].count_documents({}) == 3
    indexes = await (await copy["Post"].list_indexes()).to_list()
    assert {each["name"] for each in indexes} == {"_id_", "uq_title", "ix_n_views"}


async def test_only_branches_are_deleted(client: Client, base: str) -> None:
    await client[database_of(base, "mine")]["Post"].insert_one({"_id": 1})

    with pytest.raises(BranchError, match="is no branch"):
        await delete_branch(client, base, "mine")
    with pytest.raises(BranchError, match="which is no branch"):
        await create_branch(client, base, "mine")
    with pytest.raises(BranchError, match="has no branch 'nope'"):
        await delete_branch(client, base, "nope")
    assert await client[database_of(base, "mine")]["Post"].count_documents({}) == 1

    await create_branch(client, base, "one")
    await delete_branch(client, base, "one")

    assert database_of(base, "one") not in await client.list_database_names()
    assert await client[base]["Post"].count_documents({}) == 300


async def test_a_mark_of_another_base_is_not_ours(client: Client, base: str) -> None:
    stray = Branch("stray", "elsewhere", datetime.now(UTC), None, None, ready=True)
    await client[database_of(base, "stray")][MARK_COLLECTION].insert_one(
        {"_id": "branch", "base": stray.base, "created": stray.created, "ready": True}
    )

    with pytest.raises(BranchError, match="is no branch of"):
        await delete_branch(client, base, "stray")


async def test_the_same_name_twice(client: Client, base: str) -> None:
    first = await create_branch(client, base, "one", BranchOptions(sample=2))
    with pytest.raises(BranchError, match="already has a branch 'one'"):
        await create_branch(client, base, "one")
    second = await create_branch(client, base, "one", BranchOptions(replace=True))

    assert first.documents["Post"] == 2
    assert second.documents["Post"] == 300


async def test_of_two_who_make_it_at_once_one_does(client: Client, base: str) -> None:
    both = await asyncio.gather(
        create_branch(client, base, "one"), create_branch(client, base, "one"), return_exceptions=True
    )

    assert [type(each).__name__ for each in both if isinstance(each, BaseException)] == ["BranchError"]
    assert await client[database_of(base, "one")]["Post"].count_documents({}) == 300


async def test_expired_branches_go(client: Client, base: str) -> None:
    await create_branch(client, base, "short", BranchOptions(sample=1, expires_in=timedelta(milliseconds=1)))
    await create_branch(client, base, "long", BranchOptions(sample=1, expires_in=timedelta(days=1)))
    assert await prune_branches(client, base, dry_run=True) == ()

    await create_branch(client, base, "short", BranchOptions(sample=1, expires_in=timedelta(milliseconds=1)))
    await asyncio.sleep(0.002)
    assert await prune_branches(client, base, dry_run=True) == ("short",)
    assert await prune_branches(client, base) == ("short",)

    assert [each.name for each in await list_branches(client, base)] == ["long"]


async def test_a_branch_cut_off_leaves_nothing_or_says_so(
    client: Client, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = asyncio.create_task(create_branch(client, base, "one"))
    await asyncio.sleep(0.05)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert await list_branches(client, base) == []

    # Killed, nothing is cleared up.
    registry = Registry(client, base)
    await registry.mark(Branch("dead", base, datetime.now(UTC) - timedelta(days=2), None, None, ready=False))
    assert [each.state(datetime.now(UTC)) for each in await registry.all()] == [BranchState.COPYING]
    assert await prune_branches(client, base) == ("dead",)


async def test_a_copy_that_fails_is_removed(client: Client, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any, **__: Any) -> int:
        raise BranchError("no more disk")

    monkeypatch.setattr(making_module, "copy_whole", fails)
    with pytest.raises(BranchError, match="no more disk"):
        await create_branch(client, base, "one")

    assert database_of(base, "one") not in await client.list_database_names()


@pytest.mark.parametrize("name", ["", "a/b", "a b", "a.b", "a__b", "x" * 60, "$a"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(BranchError):
        database_of("shop", name)


def test_a_branch_is_the_database_that_the_settings_choose() -> None:
    chosen = Settings(
        db_method="BRANCH", database_url_local="mongodb://h", database_name="shop", database_branch="feature-x"
    )

    assert database_of("shop", "feature-x") == chosen.effective_database_name


async def test_an_empty_base_is_told(client: Client) -> None:
    with pytest.raises(BranchError, match="is empty or does not exist"):
        await create_branch(client, f"e{uuid4().hex[:8]}", "one")
