"""Indexes built anew: nothing lost that is written meanwhile, gone on with after any end, refused when too small."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from tests.search.engine import Killed, Meddled, own_engine

from docstore.clients import SearchIndex
from docstore.clients.leases import MongoLease
from docstore.errors import LeaseHeld, ReindexRefused
from docstore.models import Account, Author, Category, Platform, Post, Tag, TagOnPost
from docstore.search import (
    ACCOUNTS,
    CATEGORIES,
    POSTS,
    Progress,
    ReindexOptions,
    ReindexReport,
    SearchParked,
    SearchRecord,
    SearchReindex,
    apply_changes,
    push_settings,
    reindex,
    settings_differences,
    verify,
)
from docstore.search.scanning import expected_documents, rows_of
from docstore.store import Store
from docstore.workers import OutboxChanges

WRITES = ("save_objects", "delete_objects", "copy_configuration", "move", "settle", "delete_index", "set_settings")


async def run(
    store: Store, index: Any, record: SearchRecord = POSTS, on_progress: Any = None, **options: Any
) -> ReindexReport:
    chosen = ReindexOptions(**{"lease_s": 5.0, "patience_s": 5.0} | options)
    engine = cast("SearchIndex", index)
    return await reindex(engine, record, OutboxChanges(), store.database, options=chosen, on_progress=on_progress)


async def object_ids(index: SearchIndex, name: str) -> set[str]:
    return {str(hit["objectID"]) async for hit in index.browse(name)}


async def assert_equal(index: SearchIndex, record: SearchRecord) -> None:
    report = await verify(index, record)
    assert report.ok, report
    assert [each.name for each in await index.list_indexes() if "__reindex" in each.name] == []
    assert await SearchReindex.find_one({"_id": record.index}) is None


async def some_posts(author: Author, count: int) -> list[Post]:
    made = [
        Post(title=f"P{n}", content="…", post_url=f"p{n}", author_id=author.id, status="PUBLISHED")
        for n in range(count)
    ]
    await Post.insert_many(made)
    return made


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few documents are many chunks, each marked."""
    monkeypatch.setattr("docstore.search.building.rows_of", partial(rows_of, batch=20))
    monkeypatch.setattr("docstore.search.building._MARK_EVERY_S", 0.0)


async def test_a_first_reindex_makes_the_index_with_what_is_declared(store: Store, index: SearchIndex) -> None:
    await Account.insert_many(
        [Account(platform=Platform.YOUTUBE, account_id=f"UC{n}", follower_count=n) for n in range(3)]
    )
    report = await run(store, index, ACCOUNTS)
    assert (report.previous, report.records, report.counts.saved, report.resumed) == (0, 3, 3, False)
    page = await index.search("accounts_followed_desc")
    assert [hit["objectID"] for hit in page.hits] == ["UC2", "UC1", "UC0"]
    assert await index.get_synonyms("accounts")
    await assert_equal(index, ACCOUNTS)


async def test_settings_synonyms_rules_and_replicas_stay(store: Store, index: SearchIndex) -> None:
    await push_settings(index)
    await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    await index.set_settings("accounts", {"hitsPerPage": 7})
    await index.set_synonyms("accounts", [{"objectID": "s", "type": "synonym", "synonyms": ["a", "b"]}])
    rule = {"objectID": "r", "conditions": [], "consequence": {"params": {"query": "x"}}}
    await index.set_rules("accounts", [rule])
    before = await index.get_settings("accounts")
    changed: list[str] = []

    async def change(name: str) -> None:
        if name == "settle" and not changed:
            changed.append(name)
            await index.set_settings("accounts", {"maxValuesPerFacet": 50})

    await run(store, Meddled(index, change, "settle"), ACCOUNTS)
    held = await index.get_settings("accounts")
    assert held == {**before, "maxValuesPerFacet": 50}
    assert [each["objectID"] for each in await index.get_synonyms("accounts")] == ["s"]
    assert [each["objectID"] for each in await index.get_rules("accounts")] == ["r"]
    assert await index.count("accounts_rating_asc") == 1


async def test_what_is_written_meanwhile_is_not_lost(store: Store, author: Author, index: SearchIndex) -> None:
    tag = await Tag(slug="old").insert()
    posts = await some_posts(author, 40)
    await TagOnPost(post_id=posts[0].id, tag_id=tag.id).insert()
    await run(store, index)
    step = 0

    async def write(name: str) -> None:
        nonlocal step
        if len(posts) <= 20 and name != "move":
            return
        step += 1
        await Post(
            title=f"new {step}", content="…", post_url=f"new-{step}", author_id=author.id, status="PUBLISHED"
        ).insert()
        victim = posts.pop()
        match step % 4:
            case 0:
                await victim.delete()
            case 1:
                await victim.unpublish()
            case 2:
                await victim.purge(reason="test")
            case _:
                victim.title = f"changed {step}"
                await victim.save()
        tag.slug = f"tag-{step}"
        await tag.save()

    report = await run(store, Meddled(index, write, *WRITES))
    assert step > 4
    assert report.replayed[0] > 0
    assert report.replayed[1] > 0
    await assert_equal(index, POSTS)
    record = await index.get_object("posts", str(posts[0].id))
    assert record is not None
    assert record["tags"] == [f"tag-{step}"]


async def test_a_count_that_takes_too_long_is_estimated(store: Store, author: Author) -> None:
    posts = await some_posts(author, 20)
    await posts[0].delete()
    assert await expected_documents(POSTS) == 19
    fault = {"failCommands": ["aggregate"], "errorCode": 50}
    await store.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": fault})
    assert await expected_documents(POSTS) == 20  # the deleted one as well: it is good for progress, and for no more


@pytest.mark.parametrize("readers", [1, 3])
async def test_a_killed_reindex_goes_on_wherever_it_was(
    store: Store, author: Author, index: SearchIndex, readers: int, small_chunks: None
) -> None:
    posts = await some_posts(author, 70)
    await run(store, index)
    await posts[0].delete()
    deaths = 0
    # Dies at its first call, then at its second, and so on, with changes in between, until one comes through.
    for limit in range(1, 60):
        calls = 0

        async def die(name: str, limit: int = limit) -> None:
            nonlocal calls
            calls += 1
            if calls == limit:
                raise Killed

        posts[limit].title = f"changed {limit}"
        await posts[limit].save()
        try:
            await run(store, Meddled(index, die, *WRITES), readers=readers)
        except (Killed, BaseExceptionGroup):
            deaths += 1
            continue
        break
    assert deaths > 3
    await assert_equal(index, POSTS)


async def test_a_move_that_was_carried_out_unheard_is_not_done_again(
    store: Store, author: Author, index: SearchIndex
) -> None:
    posts = await some_posts(author, 20)
    await run(store, index)

    class DiesAfterTheMove(Meddled):
        def __getattr__(self, name: str) -> Any:
            if name != "move":
                return getattr(index, name)

            async def move(*arguments: Any) -> None:
                await index.move(*arguments)
                raise Killed

            return move

    async def nothing(name: str) -> None: ...

    with pytest.raises(Killed):
        await run(store, DiesAfterTheMove(index, nothing))
    await posts[3].delete()
    report = await run(store, index)
    assert report.resumed
    assert report.counts.saved == 0
    await assert_equal(index, POSTS)


async def test_a_first_reindex_that_dies_wherever_it_is_ends_with_all_that_is_declared(
    store: Store, index: SearchIndex
) -> None:
    await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    names = (*WRITES, "set_synonyms", "set_rules")
    for limit in range(1, 100):
        calls = 0

        async def die(name: str, limit: int = limit) -> None:
            nonlocal calls
            calls += 1
            if calls == limit:
                raise Killed

        try:
            await run(store, Meddled(index, die, *names), ACCOUNTS)
        except (Killed, BaseExceptionGroup):
            continue
        break
    assert limit > 10
    assert await settings_differences(index, ["accounts"]) == []
    assert (await index.search("accounts_followed_desc")).total == 1
    await assert_equal(index, ACCOUNTS)


async def test_a_restart_that_dies_is_not_taken_for_a_move_that_was_carried_out(
    store: Store, author: Author, index: SearchIndex
) -> None:
    await some_posts(author, 5)
    await run(store, index)

    async def die(name: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        await run(store, Meddled(index, die, "move"))
    await index.delete_objects("posts", list(await object_ids(index, "posts")))
    with pytest.raises(Killed):
        await run(store, Meddled(index, die, "copy_configuration"), restart=True)
    report = await run(store, index)
    assert (report.resumed, report.records) == (False, 5)
    await assert_equal(index, POSTS)


async def test_replicas_come_back_though_whoever_moved_died(store: Store, index: SearchIndex) -> None:
    await push_settings(index, ["accounts"])
    await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    before = (await index.get_settings("accounts"))["replicas"]

    class LosesReplicas(Meddled):
        """An engine whose move takes the replicas with it; the process dies of it."""

        def __getattr__(self, name: str) -> Any:
            if name != "move":
                return getattr(index, name)

            async def move(*arguments: Any) -> None:
                await index.move(*arguments)
                await index.set_settings("accounts", {"replicas": []})
                raise Killed

            return move

    async def nothing(name: str) -> None: ...

    with pytest.raises(Killed):
        await run(store, LosesReplicas(index, nothing), ACCOUNTS)
    await run(store, index, ACCOUNTS)
    assert (await index.get_settings("accounts"))["replicas"] == before
    assert (await index.search("accounts_rating_asc")).total == 1


# As often as the driver tries by itself.
@pytest.mark.parametrize("fault", [{"status": 500, "count": 3}, {"refuse": True, "count": 1}])
async def test_an_engine_that_fails_at_any_call_is_waited_for(
    store: Store, author: Author, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.search.patience._FIRST_PAUSE_S", 0.01)
    await some_posts(author, 30)
    async with own_engine(connect_attempts=1) as (server, index):
        assert server.faults is not None
        faults, failed = server.faults, 0

        async def fail(name: str) -> None:
            nonlocal failed
            failed += 1
            if failed % 2:  # the next call is this one again
                faults.add(fault)

        everything = [
            name for name in vars(SearchIndex) if not name.startswith("_") and name not in ("prepare", "browse")
        ]
        for _ in range(2):
            await run(store, Meddled(index, fail, *everything), patience_s=30.0)
            await assert_equal(index, POSTS)
        assert failed > 30


async def test_an_empty_or_much_smaller_index_is_refused(store: Store, author: Author, index: SearchIndex) -> None:
    posts = await some_posts(author, 10)
    await run(store, index)
    for post in posts[:6]:
        await post.delete()
    with pytest.raises(ReindexRefused, match="4 records; the one in use has 10"):
        await run(store, index)
    assert await index.count("posts") == 10
    looked = await run(store, index, dry_run=True)
    assert looked.refusal is not None
    assert "10" in looked.refusal
    assert (await run(store, index, dry_run=True, force=True)).refusal is None
    report = await run(store, index, force=True)
    assert (report.resumed, report.records) == (True, 4)
    for post in posts[6:]:
        await post.delete()
    with pytest.raises(ReindexRefused):
        await run(store, index)
    await run(store, index, force=True, restart=True)
    await assert_equal(index, POSTS)


async def test_a_dry_run_writes_nothing(store: Store, post: Post, index: SearchIndex) -> None:
    await Post(title="x" * 100_001, content="…", post_url="l", author_id=post.author_id, status="PUBLISHED").insert()
    report = await run(store, index, dry_run=True)
    assert (report.records, report.counts.parked) == (1, 1)
    assert await index.list_indexes() == []
    assert await SearchParked.count() == 0


async def test_one_at_a_time(store: Store, post: Post, index: SearchIndex) -> None:
    async with MongoLease(store.database, "search reindex posts"):
        with pytest.raises(LeaseHeld, match="reindex posts"):
            await run(store, index)


async def test_what_others_left_behind_is_swept_once_it_is_old(
    store: Store, post: Post, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("posts__reindex", "posts_tmp_123", "posts_tmp_mine", "categories_tmp_1"):
        await index.save_objects(name, [{"objectID": "x"}])
    report = await run(store, index)
    assert list(report.swept) == ["posts__reindex"]
    monkeypatch.setattr("docstore.search.temporaries.ABANDONED_AFTER", timedelta(0))
    report = await run(store, index)
    assert list(report.swept) == ["posts_tmp_123"]
    assert {each.name for each in await index.list_indexes()} == {"posts", "posts_tmp_mine", "categories_tmp_1"}


async def test_progress_reaches_the_end(store: Store, author: Author, index: SearchIndex, small_chunks: None) -> None:
    await some_posts(author, 70)
    seen: list[Progress] = []
    await run(store, index, on_progress=seen.append, readers=2)
    built = [each for each in seen if each.stage == "building"]
    assert (built[-1].done, built[-1].total) == (70, 70)
    assert [each.done for each in built] == sorted(each.done for each in built)


async def test_accounts_with_one_id_on_two_platforms_have_one_record(store: Store, index: SearchIndex) -> None:
    first = await Account(platform=Platform.TWITCH, account_id="same").insert()
    await Account(platform=Platform.YOUTUBE, account_id="same").insert()
    await run(store, index, ACCOUNTS)
    record = await index.get_object("accounts", "same")
    assert record is not None
    assert record["platform"] == "TWITCH"
    await first.purge(reason="test")
    await run(store, index, ACCOUNTS)
    record = await index.get_object("accounts", "same")
    assert record is not None
    assert record["platform"] == "YOUTUBE"
    await assert_equal(index, ACCOUNTS)


async def test_an_account_that_goes_meanwhile_leaves_no_record(store: Store, index: SearchIndex) -> None:
    kept = await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()
    gone = await Account(platform=Platform.YOUTUBE, account_id="UC2").insert()
    await run(store, index, ACCOUNTS)
    done = False

    async def purge(name: str) -> None:
        nonlocal done
        if not done:  # the new index holds it by now; live sync is faster than the replay
            done = True
            await gone.purge(reason="test")
            kept.account_id = "UC3"
            await kept.save()
            await apply_changes(index, [("Account", gone.id), ("Account", kept.id)])

    await run(store, Meddled(index, purge, "settle"), ACCOUNTS)
    assert done
    assert await object_ids(index, "accounts") == {"UC3"}
    await assert_equal(index, ACCOUNTS)


async def test_categories(store: Store, index: SearchIndex) -> None:
    root = await Category(name="Tech", slug="tech").insert()
    await Category(name="Phones", slug="phones", parent_id=root.id, depth=1).insert()
    report = await run(store, index, CATEGORIES)
    assert report.records == 2
    await assert_equal(index, CATEGORIES)


def test_the_names_of_methods_are_those_of_an_index() -> None:
    names: Sequence[str] = WRITES
    assert all(hasattr(SearchIndex, name) for name in names)
