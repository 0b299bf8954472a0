"""Reindexes and live sync are killed at seeded moments while documents change: in the end the index is the database.

A process of its own does the work; it is killed with SIGKILL after a random time, and begun again.
`DOCSTORE_TEST_KILLS` says how many kills each test makes; few by default, so that the suite stays short.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from tests.databases import drop_database

from docstore.clients import SearchIndex
from docstore.models import Account, Author, Platform, Post, Tag, TagOnPost
from docstore.search import ACCOUNTS, POSTS, SearchReindex, push_settings, settings_differences, verify
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import OutboxChanges, SearchWatcher

pytestmark = pytest.mark.timeout(1800)

KILLS = int(os.environ.get("DOCSTORE_TEST_KILLS", "2"))

_PROGRAM = """
import asyncio, json, sys
from functools import partial
from docstore.errors import LeaseHeld, LeaseLost
from docstore.search import ACCOUNTS, POSTS, ReindexOptions, building, reindex
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import OutboxChanges, SearchWatcher

# A few documents are many chunks, each marked: a kill meets every stage.
building.rows_of = partial(building.rows_of, batch=40)
building._MARK_EVERY_S = 0.0

async def anew(store, record):
    options = ReindexOptions(readers=2, lease_s=1.0, force=True)
    while True:
        try:
            return await reindex(await store.search_index(), record, OutboxChanges(), store.database, options=options)
        except (LeaseHeld, LeaseLost):
            await asyncio.sleep(0.1)

async def main(kind, settings):
    async with Store(Settings(**settings)) as store:
        print("ready", flush=True)
        if kind == "watch":
            await SearchWatcher(await store.search_index(), OutboxChanges(), store.database).run(asyncio.Event())
        while True:
            for record in (POSTS, ACCOUNTS):
                await anew(store, record)
            if kind == "reindex once":
                return

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""


@pytest.fixture
def lonely(settings: Settings) -> Settings:
    """Settings with a database and indexes of the test's own, that another process can be given."""
    own = f"kills{uuid4().hex[:8]}"
    return settings.with_urls(database_name=own, algolia_index_prefix=f"{own}_")


def told(settings: Settings) -> str:
    return json.dumps(
        {
            "db_method": "LOCAL",
            "database_name": settings.database_name,
            "database_url_local": settings.mongo_uri.get_secret_value(),
            "algolia_app_id": settings.algolia_app_id,
            "algolia_hosts": ",".join(settings.algolia_host_urls),
            "algolia_index_prefix": settings.algolia_index_prefix,
            "algolia_write_api_key": "local-write-key",
            "algolia_search_api_key": "local-search-key",
        }
    )


@asynccontextmanager
async def working(kind: str, settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process at work; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, kind, told(settings), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Writer:
    """Changes documents in every way that means something to the indexes, in a seeded order."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._posts: list[Post] = []
        self._accounts: list[Account] = []
        self._tags: list[Tag] = []
        self._made = 0

    async def fill(self, documents: int) -> None:
        """What is there in the beginning."""
        self._author = await Author(clerk_id="c1", name="Ada", email="ada@example.com").insert()
        self._tags = [await Tag(slug=f"t{number}").insert() for number in range(4)]
        self._posts = [self._post() for _ in range(documents)]
        tagged = [self._post() for _ in range(40)]  # the others may be purged
        await Post.insert_many([*self._posts, *tagged])
        await TagOnPost.insert_many([TagOnPost(post_id=each.id, tag_id=self._tags[0].id) for each in tagged])
        self._accounts = [
            Account(platform=Platform.YOUTUBE, account_id=f"UC{self._number()}") for _ in range(documents)
        ]
        await Account.insert_many(self._accounts)

    async def run(self, stop: asyncio.Event) -> None:
        """Change one after the other until `stop` is set."""
        changes: list[Callable[[], Awaitable[object]]] = [
            self._write_post,
            self._change_post,
            self._remove_post,
            self._rename_tag,
            self._tag_post,
            self._write_account,
            self._change_account,
            self._remove_account,
        ]
        while not stop.is_set():
            await self._chance.choice(changes)()
            await asyncio.sleep(0.005)

    def _number(self) -> int:
        self._made += 1
        return self._made

    def _post(self) -> Post:
        number = self._number()
        return Post(
            title=f"P{number}", content="…", post_url=f"p{number}", author_id=self._author.id, status="PUBLISHED"
        )

    async def _write_post(self) -> None:
        self._posts.append(await self._post().insert())

    async def _change_post(self) -> None:
        post = self._chance.choice(self._posts)
        post.title = f"changed {self._number()}"
        await post.save()

    async def _remove_post(self) -> None:
        post = self._posts.pop(self._chance.randrange(len(self._posts)))
        match self._chance.randrange(3):
            case 0:
                await post.delete()
            case 1:
                await post.unpublish()
            case _:
                await post.purge(reason="test")
        self._posts.append(await self._post().insert())

    async def _rename_tag(self) -> None:
        tag = self._chance.choice(self._tags)
        tag.slug = f"t{self._number()}"
        await tag.save()

    async def _tag_post(self) -> None:
        link = await TagOnPost(
            post_id=(await self._post().insert()).id, tag_id=self._chance.choice(self._tags).id
        ).insert()
        if self._chance.random() < 0.5:
            await link.delete()

    async def _write_account(self) -> None:
        self._accounts.append(await Account(platform=Platform.TWITCH, account_id=f"UC{self._number()}").insert())

    async def _change_account(self) -> None:
        account = self._chance.choice(self._accounts)
        account.account_id = f"UC{self._number()}"
        await account.save()

    async def _remove_account(self) -> None:
        account = self._accounts.pop(self._chance.randrange(len(self._accounts)))
        await (account.purge(reason="test") if self._chance.random() < 0.5 else account.delete())
        await self._write_account()


@asynccontextmanager
async def followed(store: Store, index: SearchIndex) -> AsyncIterator[None]:
    """Live sync in this process; nobody kills it."""
    stop = asyncio.Event()
    task = asyncio.create_task(SearchWatcher(index, OutboxChanges(), store.database, sweep_s=1.0).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


@asynccontextmanager
async def written(writer: Writer) -> AsyncIterator[None]:
    """Documents change inside the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(writer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def kill(kind: str, settings: Settings, seed: int, longest_s: float) -> None:
    """Begin the work and kill it, again and again."""
    chance = random.Random(seed)
    for _ in range(KILLS):
        async with working(kind, settings) as process:
            await asyncio.sleep(chance.uniform(0.0, longest_s))
            assert process.returncode is None


async def assert_equal(index: SearchIndex, seconds: float) -> None:
    """What changed last may be on its way for so long; then nothing differs, and nothing is left behind."""
    reports = []
    async with asyncio.timeout(seconds + 60):
        for _ in range(round(seconds)):
            reports = [await verify(index, record, grace_s=1.0) for record in (POSTS, ACCOUNTS)]
            if all(each.ok for each in reports):
                break
    assert all(each.ok for each in reports), reports
    assert all(each.compared > 100 for each in reports)


async def test_killed_reindexes_end_with_what_the_database_says(lonely: Settings) -> None:
    async with Store(lonely) as store:
        index, writer = await store.search_index(), Writer(7)
        await writer.fill(150)
        async with followed(store, index), written(writer):
            await kill("reindex", lonely, 7, 1.5)
            async with working("reindex once", lonely) as process, asyncio.timeout(120):
                assert await process.wait() == 0
        async with followed(store, index):
            await assert_equal(index, 20)
        assert [each.name for each in await index.list_indexes() if "__reindex" in each.name] == []
        assert await SearchReindex.count() == 0
        assert await settings_differences(index, ["posts", "accounts"]) == []
        await drop_database(store.client, lonely.effective_database_name)


async def test_killed_live_sync_ends_with_what_the_database_says(lonely: Settings) -> None:
    async with Store(lonely) as store:
        index, writer = await store.search_index(), Writer(8)
        await push_settings(index)
        async with working("watch", lonely):  # from here on changes are followed
            await writer.fill(150)
        async with written(writer):
            await kill("watch", lonely, 8, 1.5)
        async with working("watch", lonely):
            await assert_equal(index, 40)
        await drop_database(store.client, lonely.effective_database_name)
