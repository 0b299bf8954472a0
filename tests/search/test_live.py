"""Changes as they come: what is gone is found, what fails comes again, and two at once end with what is true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.search.engine import Meddled, changes_since, next_second, own_engine

from docstore.clients import SearchIndex
from docstore.clients.algolia import close_search_clients, get_write_client
from docstore.embedded.algolia import Limits, LocalAlgolia
from docstore.errors import ServerUnavailable
from docstore.models import Account, Category, CategoryMapping, Platform, Post, Tag, TagOnPost
from docstore.search import (
    ACCOUNTS,
    POSTS,
    LoggedChange,
    Replay,
    SearchObject,
    SearchParked,
    SearchWatch,
    apply_changes,
    full_sync,
    settings_differences,
    sync_index,
    verify,
)
from docstore.search.records import build
from docstore.search.writing import RecordWriter
from docstore.store import Store
from docstore.workers import OutboxChanges, SearchWatcher


async def test_an_account_that_is_purged_while_living_loses_its_record(store: Store, index: SearchIndex) -> None:
    account = await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    await apply_changes(index, [("Account", account.id)])
    await account.purge(reason="test")
    await apply_changes(index, [("Account", account.id)])
    assert await index.get_object("accounts", "UC1") is None
    assert await SearchObject.count() == 0


async def test_an_account_that_gets_another_id_leaves_no_record_behind(store: Store, index: SearchIndex) -> None:
    account = await Account(platform=Platform.YOUTUBE, account_id="old").insert()
    await apply_changes(index, [("Account", account.id)])
    account.account_id = "new"
    await account.save()
    await apply_changes(index, [("Account", account.id)])
    assert {str(hit["objectID"]) async for hit in index.browse("accounts")} == {"new"}
    row = await SearchObject.find_one()
    assert row is not None
    assert row.object_ids == ["new"]


@pytest.mark.parametrize(
    ("collection", "stored"),
    [
        ("Post", {"_id": 5, "status": "PUBLISHED", "postUrl": "odd"}),
        ("Post", {"_id": "507f1f77bcf86cd799439011", "status": "PUBLISHED", "postUrl": "odd"}),
        ("TagOnPost", {"postId": 7}),
        ("TagOnPost", {}),
        ("CategoryMapping", {"accountId": "no id"}),
        ("Category", {"name": 5, "slug": "odd"}),
    ],
)
async def test_one_that_breaks_its_model_keeps_no_change_of_what_it_refers_to_from_the_records(
    store: Store, post: Post, index: SearchIndex, collection: str, stored: dict[str, Any]
) -> None:
    tag = await Tag.find_one({"slug": "a"})
    account = await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    category = await Category(name="Tech", slug="tech").insert()
    await CategoryMapping(account_id=account.id, category_id=category.id).insert()
    assert tag is not None
    both = {"tagId": tag.id, "categoryId": category.id, "authorId": post.author_id, "parentId": category.id}
    await store.database[collection].insert_one(both | stored)

    changes = [("Author", post.author_id), ("Tag", tag.id), ("Category", category.id)]
    report = await apply_changes(index, changes)
    assert (report.saved["posts"], report.saved["accounts"]) == (1, 1)
    assert await index.get_object("categories", str(category.id)) is not None


@pytest.mark.parametrize("way", ["purge", "with the tag", "of many", "sooner than it is followed"])
async def test_a_link_that_is_gone_for_good_leaves_the_records_of_what_it_linked(
    store: Store, post: Post, index: SearchIndex, way: str
) -> None:
    tag = await Tag.find_one({"slug": "a"})
    assert tag is not None
    link = await TagOnPost.find_one({"tagId": tag.id})
    assert link is not None
    account = await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    category = await Category(name="Tech", slug="tech").insert()
    mapping = await CategoryMapping(account_id=account.id, category_id=category.id).insert()
    await apply_changes(index, [("Post", post.id), ("Account", account.id)])
    begun = await next_second()

    await mapping.purge(reason="test")
    match way:
        case "purge":
            await link.purge(reason="test")
        case "with the tag":
            await tag.delete()
            await Tag.deleted.purge(reason="test")
        case "of many":
            await TagOnPost.find({"tagId": tag.id}).purge(reason="test")
        case _:
            await link.delete()
            await TagOnPost.deleted.purge(reason="test")

    await apply_changes(index, await changes_since(begun))
    assert (await index.get_object("posts", str(post.id)) or {})["tags"] == ["b"]
    assert (await index.get_object("accounts", "UC1") or {})["categories"] == []


async def test_a_link_that_links_nothing_can_be_removed(store: Store) -> None:
    links = store.database["TagOnPost"]
    await links.insert_many([{"postId": 7, "tagId": 1}, {"postId": None, "tagId": 2}, {"tagId": 3}, {"postId": [1]}])
    assert await TagOnPost.find_all().purge(reason="test") == 4


async def test_who_looked_earlier_and_writes_later_writes_what_is_true(post: Post, index: SearchIndex) -> None:
    overtaken = False

    async def overtake(name: str) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            await post.archive()
            await apply_changes(index, [("Post", post.id)])

    slow: Any = Meddled(index, overtake, "save_objects")
    await apply_changes(slow, [("Post", post.id)])
    assert overtaken
    assert await index.get_object("posts", str(post.id)) is None


async def test_a_document_that_breaks_its_model_keeps_no_other_from_the_index(store: Store, post: Post) -> None:
    index = await store.search_index()
    other = await Post(title="O", content="…", post_url="o", author_id=post.author_id, status="PUBLISHED").insert()
    await store.database["Post"].update_one({"_id": post.id}, {"$set": {"title": 5}}, bypass_document_validation=True)
    report = await apply_changes(index, [("Post", post.id), ("Post", other.id)])
    assert (report.saved, report.parked) == ({"posts": 1}, {"posts": 1})
    assert await index.get_object("posts", str(other.id)) is not None
    (parked,) = await SearchParked.find().to_list()
    assert (parked.object_id, "title" in parked.reason) == (str(post.id), True)
    compared = await verify(index, POSTS)
    assert (compared.ok, compared.unfit) == (True, 1)
    await store.database["Post"].update_one({"_id": post.id}, {"$set": {"title": "Mended"}})
    assert (await sync_index(index, POSTS)).saved == {"posts": 1}
    assert await SearchParked.count() == 0


async def test_an_account_that_breaks_its_model_keeps_no_other_from_the_index(store: Store, index: SearchIndex) -> None:
    broken = await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    other = await Account(platform=Platform.YOUTUBE, account_id="UC2").insert()
    wrong = {"$set": {"followerCount": "many"}}
    await store.database["Account"].update_one({"_id": broken.id}, wrong, bypass_document_validation=True)
    report = await apply_changes(index, [("Account", broken.id), ("Account", other.id)])
    assert (report.saved, report.parked) == ({"accounts": 1}, {"accounts": 1})
    assert (await full_sync(index, records=[ACCOUNTS])).parked == {"accounts": 1}
    await broken.delete()
    await apply_changes(index, [("Account", broken.id)])
    assert await SearchParked.count() == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 0},
        {"status": 500},
        {"status": 503, "after": True},
        {"refuse": True},
    ],
)
async def test_an_engine_that_fails_for_a_while_is_waited_for(
    post: Post, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.search.patience._FIRST_PAUSE_S", 0.01)
    async with own_engine(connect_attempts=1) as (server, index):
        assert server.faults is not None
        server.faults.add({**fault, "path": "batch|task", "count": 5})
        report = await apply_changes(index, [("Post", post.id)], patience_s=60)
        assert report.saved == {"posts": 1}
        assert (await verify(index, POSTS)).ok


async def test_answers_that_come_too_late_are_asked_for_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docstore.search.patience._FIRST_PAUSE_S", 0.01)
    async with own_engine(connect_attempts=1) as (server, index):
        get_write_client(index._settings)._config.write_timeout = 100
        assert server.faults is not None
        server.faults.add({"path": "batch", "delay": 0.5, "after": True, "count": 4})
        report = await apply_changes(index, [("Post", post.id)], patience_s=60)
        assert server.faults.listed() == []
        assert report.saved == {"posts": 1}
        assert (await verify(index, POSTS)).ok


async def test_an_engine_that_is_down_is_waited_for(post: Post, tmp_path: Path) -> None:
    kept = tmp_path / "engine.json"
    async with own_engine(state=kept) as (server, index):
        await apply_changes(index, [("Post", post.id)])
    await post.archive()
    down = asyncio.create_task(apply_changes(index, [("Post", post.id)], patience_s=60))
    await asyncio.sleep(0.3)
    assert not down.done()
    async with LocalAlgolia(port=server.port, state=kept):
        assert (await down).deleted == {"posts": 1}
        await close_search_clients(index._settings)


async def test_without_patience_the_failure_is_the_callers(post: Post) -> None:
    async with own_engine() as (server, index):
        assert server.faults is not None
        server.faults.add({"status": 500, "path": "batch"})
        with pytest.raises(ServerUnavailable):
            await apply_changes(index, [("Post", post.id)])
        server.faults.clear()
        await apply_changes(index, [("Post", post.id)])
        assert (await verify(index, POSTS)).ok


async def test_half_a_batch_is_made_whole(store: Store, post: Post) -> None:
    posts = [
        Post(
            title=f"P{n}", content="…", post_url=f"p{n}", author_id=post.author_id, status="PUBLISHED", excerpt="é" * 90
        )
        for n in range(30)
    ]
    await Post.insert_many(posts)
    async with own_engine() as (server, index):
        built = await build(POSTS, [str(each.id) for each in posts])
        prepared = RecordWriter(index, POSTS).prepare(built)
        halves = list(prepared.save.values())
        await index.save_objects("posts", halves[:15])
        assert server.faults is not None
        server.faults.add({"status": 500, "path": "batch", "count": 3})
        await apply_changes(index, [("Post", each.id) for each in [post, *posts]], patience_s=30)
        assert (await verify(index, POSTS)).ok


async def test_the_one_record_that_the_engine_refuses_is_found_and_parked(store: Store, post: Post) -> None:
    posts = [
        Post(
            title="x" * (9_000 if n == 5 else 10),
            content="…",
            post_url=f"p{n}",
            author_id=post.author_id,
            status="PUBLISHED",
        )
        for n in range(9)
    ]
    await Post.insert_many(posts)
    async with own_engine(Limits(record_bytes=2_000)) as (_, index):
        report = await apply_changes(index, [("Post", each.id) for each in posts])
        assert (report.saved, report.parked) == ({"posts": 8}, {"posts": 1})
        (row,) = await SearchParked.find().to_list()
        assert row.object_id == str(posts[5].id)
        assert await index.count("posts") == 8


@pytest.mark.parametrize("with_stream", [True, False])
async def test_watching_follows_every_change_and_goes_on_where_it_was(
    store: Store, post: Post, index: SearchIndex, with_stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_stream:

        async def refuse(self: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("docstore.workers.search_watch._Stream._watch", refuse)

    async def until(holds: Any) -> None:
        async with asyncio.timeout(30):
            while not await holds():
                await asyncio.sleep(0.05)

    async def title_is(wanted: str | None) -> bool:
        record = await index.get_object("posts", str(post.id))
        return (record["title"] if record else None) == wanted

    async def watching() -> tuple[asyncio.Event, asyncio.Task[None]]:
        stop = asyncio.Event()
        watcher = SearchWatcher(index, OutboxChanges(), store.database)
        return stop, asyncio.create_task(watcher.run(stop))

    stop, task = await watching()
    await until(lambda: title_is("Hello"))  # from the minutes before it began
    post.title = "Second"
    await post.save()
    await until(lambda: title_is("Second"))
    if with_stream:  # by a program that knows nothing of docstore
        await store.database["Post"].update_one({"_id": post.id}, {"$set": {"title": "Foreign"}})
        await until(lambda: title_is("Foreign"))
    stop.set()
    await asyncio.wait_for(task, 20)
    await post.delete()
    stop, task = await watching()
    await until(lambda: title_is(None))
    stop.set()
    await asyncio.wait_for(task, 20)


async def test_the_log_is_told_once_and_with_an_overlap(store: Store, post: Post) -> None:
    log = OutboxChanges()
    replay = Replay(log, await log.now())
    told: list[tuple[str, str]] = []

    async def note(changes: Any) -> None:
        told.extend(changes)

    assert await replay.catch_up(note) > 0
    assert ("Post", str(post.id)) in told
    assert await replay.catch_up(note) == 0
    await post.archive()
    assert await replay.catch_up(note) == 1
    assert await log.waiting() > 0


async def test_what_could_not_be_applied_is_told_again(store: Store, post: Post) -> None:
    log = OutboxChanges()
    replay = Replay(log, await log.now())
    told: list[tuple[str, str]] = []

    async def fail(changes: Any) -> None:
        raise ServerUnavailable("away", hint="wait")

    async def note(changes: Any) -> None:
        told.extend(changes)

    with pytest.raises(ServerUnavailable):
        await replay.catch_up(fail)
    await replay.catch_up(note)
    assert ("Post", str(post.id)) in told


@pytest.mark.parametrize("fails", [False, True])
async def test_a_change_that_comes_while_another_of_its_document_is_written_is_not_lost(
    store: Store, post: Post, index: SearchIndex, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is looked at in the beginning alone: the stream has to do."""
    armed, changed = False, asyncio.Event()
    monkeypatch.setattr("docstore.workers.search_watch._LONGEST_PAUSE_S", 0.1)

    async def late(*arguments: Any, **options: Any) -> Any:
        report = await apply_changes(*arguments, **options)
        if armed and not changed.is_set():
            changed.set()
            post.title = "Late"
            await post.save()
            await asyncio.sleep(0.5)  # the stream tells of it before this one is over
            if fails:
                raise ServerUnavailable("away", hint="wait")
        return report

    async def until_title(wanted: str) -> None:
        async with asyncio.timeout(30):
            while True:
                record = await index.get_object("posts", str(post.id))
                if record is not None and record["title"] == wanted:
                    return
                await asyncio.sleep(0.05)

    monkeypatch.setattr("docstore.workers.search_watch.apply_changes", late)
    stop = asyncio.Event()
    watcher = SearchWatcher(index, OutboxChanges(), store.database, sweep_s=3600)
    task = asyncio.create_task(watcher.run(stop))
    await until_title("Hello")
    armed = True
    await store.database["Post"].update_one({"_id": post.id}, {"$set": {"excerpt": "Foreign"}})
    await asyncio.wait_for(changed.wait(), 30)
    await until_title("Late")
    stop.set()
    await asyncio.wait_for(task, 20)


async def test_the_first_record_finds_the_settings_that_are_declared(post: Post, index: SearchIndex) -> None:
    await apply_changes(index, [("Post", post.id)])
    assert await settings_differences(index, ["posts"]) == []
    await index.set_settings("posts", {"hitsPerPage": 7})
    await apply_changes(index, [("Post", post.id)])
    assert (await index.get_settings("posts"))["hitsPerPage"] == 7


async def test_what_the_stream_tells_does_not_wait_for_a_look_at_the_log(
    store: Store, post: Post, index: SearchIndex
) -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()

    class SlowLog(OutboxChanges):
        async def since(self, moment: datetime) -> AsyncIterator[LoggedChange]:
            reading.set()
            await go_on.wait()
            async for change in super().since(moment):
                yield change

    stop = asyncio.Event()
    task = asyncio.create_task(SearchWatcher(index, SlowLog(), store.database).run(stop))
    await asyncio.wait_for(reading.wait(), 30)
    async with asyncio.timeout(30):
        while await index.get_object("posts", str(post.id)) is None:
            await store.database["Post"].update_one({"_id": post.id}, {"$inc": {"emailsSent": 1}})
            await asyncio.sleep(0.1)
    assert not go_on.is_set()
    go_on.set()
    stop.set()
    await asyncio.wait_for(task, 20)


async def test_an_absent_record_is_not_deleted_over_and_over(post: Post, index: SearchIndex) -> None:
    await post.archive()
    asked: list[str] = []

    async def note(name: str) -> None:
        asked.append(name)

    engine: Any = Meddled(index, note, "delete_objects", "save_objects")
    report = await apply_changes(engine, [("Post", post.id)])
    assert (asked, report.deleted) == ([], {})


async def test_watching_says_when_it_cannot_go_on_where_it_was(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    now = await OutboxChanges().now()
    await SearchWatch.reach(now - timedelta(days=9))
    assert await SearchWatch.reached(now) == now
    assert "docstore search sync" in caplog.text


async def test_accounts_follow_their_trash(store: Store, index: SearchIndex) -> None:
    account = await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    change = [("Account", account.id)]
    await apply_changes(index, change)
    await account.delete()
    await apply_changes(index, change)
    assert await index.count("accounts") == 0
    await account.restore()
    await apply_changes(index, change)
    assert (await verify(index, ACCOUNTS)).compared == 1
