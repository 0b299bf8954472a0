"""Seeding a real database."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from tests.databases import drop_database

from docstore.documents import references_of
from docstore.documents.filters import In, trusted
from docstore.errors import SettingsError, UniqueViolation
from docstore.jobs import JobQueue
from docstore.models import (
    ALL,
    Account,
    Author,
    Comment,
    CrawlerJob,
    Member,
    Post,
    PostStatus,
    Review,
    Session,
    Tag,
    TagOnPost,
    User,
    Vote,
)
from docstore.operations import SeedProgress, seed
from docstore.outbox import OutboxEntry
from docstore.settings import Settings
from docstore.store import Store

BY_NAME = {model.__name__: model for model in ALL}


async def counts() -> dict[str, int]:
    return {model.__name__: await model.count() for model in ALL}


async def test_every_collection_has_the_reported_documents_and_they_fit_together(store: Store) -> None:
    report = await seed(store)

    assert report.counts == await counts()
    assert report.counts.keys() == BY_NAME.keys()
    assert min(report.counts.values()) > 0
    assert report.total == sum(report.counts.values())
    page = (Path(__file__).parents[2] / "docs" / "seeds.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+)", page, re.M)
    assert {name: int(count.replace(",", "")) for name, count in rows} == report.counts
    await expect_every_reference_to_lead_somewhere()
    await expect_derived_numbers_to_agree()
    await expect_posts_in_every_state_and_the_administrator()


async def test_no_seeded_job_is_worked_on(store: Store) -> None:
    await seed(store, only=("CrawlerJob",))
    queue = JobQueue(CrawlerJob)
    status = await queue.status()
    assert (status.due, status.abandoned, set(status.counts)) == (0, 0, {"COMPLETED", "FAILED"})
    assert await queue.recover() == 0
    assert await queue.claim("crawler") is None


async def test_a_second_time_changes_nothing(store: Store) -> None:
    await seed(store)
    database = store.database
    before = {name: [each async for each in database[name].find()] for name in BY_NAME}

    await seed(store)

    assert {name: [each async for each in database[name].find()] for name in BY_NAME} == before


async def expect_every_reference_to_lead_somewhere() -> None:
    for model in ALL:
        for reference in references_of(model):
            wanted = {each for each in await model.distinct(reference.field) if each is not None}
            there = set(await BY_NAME[reference.target].distinct("_id", trusted({"_id": {"$in": list(wanted)}})))
            assert wanted == there, f"{model.__name__}.{reference.attribute}"


async def expect_derived_numbers_to_agree() -> None:
    async for account in Account.find_all():
        stars = [each.stars async for each in Review.find({"accountId": account.id})]
        assert account.review_count == len(stars)
        assert account.rating == pytest.approx(sum(stars) / len(stars), abs=0.005)


async def expect_posts_in_every_state_and_the_administrator() -> None:
    assert set(await Post.distinct("status")) == {each.value for each in PostStatus if each is not PostStatus.DELETED}
    admin = await User.find_one({"email": "admin@example.com"})
    assert admin is not None
    assert "ADMIN" in admin.role


async def test_tokens_are_not_the_same_in_two_databases(store: Store) -> None:
    await seed(store, only=["Session"])
    first = set(await Session.distinct("accessToken"))
    await Session.find_all().delete()
    await seed(store, only=["Session"])

    assert first.isdisjoint(await Session.distinct("accessToken"))


async def test_what_is_there_is_linked_to_and_left_as_it_is(store: Store) -> None:
    tag = await Tag(slug="mongodb", description="Mine").insert()

    await seed(store, only=["TagOnPost"])

    mine = await Tag.get(tag.id)
    assert mine is not None
    assert mine.description == "Mine"
    assert await TagOnPost.find({"tagId": tag.id}).count() > 0


async def test_a_deleted_document_of_the_seed_comes_back_as_a_new_one(store: Store) -> None:
    await seed(store, only=["Tag"])
    gone = await Tag.find_one({"slug": "kafka"})
    assert gone is not None
    await gone.delete()

    report = await seed(store, only=["Tag"])

    assert report.counts["Tag"] == await Tag.count()
    assert await Tag.with_deleted.find({"slug": "kafka"}).count() == 2


async def test_only_brings_what_it_refers_to_along(store: Store) -> None:
    report = await seed(store, only=["TagOnPost"])

    assert report.counts.keys() == {"Author", "Tag", "Post", "TagOnPost"}
    assert await Member.count() == 0


@pytest.mark.parametrize("name", ["Nope", "post", "OutboxEntry"])
async def test_an_unknown_name_is_refused_before_anything_is_written(store: Store, name: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        await seed(store, only=["Tag", name])

    assert "Post" in (caught.value.hint or "")
    assert await Tag.count() == 0


async def test_the_same_number_gives_the_same_content_and_another_gives_other(store: Store) -> None:
    async def titles(rng_seed: int) -> list[Any]:
        await seed(store, only=["Post"], rng_seed=rng_seed)
        found = sorted(await Post.distinct("title"))
        for model in (Post, Author):
            await model.find_all().purge(reason="the next one starts afresh")
        return found

    first, second, other = await titles(1), await titles(1), await titles(2)

    assert first == second
    assert first != other


async def test_scale_adds_thousands_with_tags_and_tells_how_far_it_is(store: Store) -> None:
    seen: list[SeedProgress] = []

    report = await seed(store, scale=1, only=["TagOnPost"], parallel=1, on_progress=seen.append)

    assert report.counts["Post"] == await Post.count() == 1_060
    assert report.counts["TagOnPost"] == await TagOnPost.count() == 3 * 1_060
    bar = [(each.done, each.total) for each in seen if each.collection == "Post" and each.total == 1_060]
    assert bar == [(560, 1_060), (1_060, 1_060)]


async def test_an_interrupted_scale_is_completed(store: Store) -> None:
    await seed(store, scale=1, only=["TagOnPost"])
    newest = await Post.find_all().sort("-_id").limit(3).to_list()
    links = TagOnPost.find(In(TagOnPost.post_id, [each.id for each in newest]))
    assert await links.purge(reason="as if the run had ended here") == 9

    await seed(store, scale=1, only=["TagOnPost"])

    assert await TagOnPost.count() == 3 * 1_060


async def test_only_bound_models_are_seeded(settings: Any) -> None:
    async with Store(settings, models=(Tag,)) as small:
        assert (await seed(small)).counts.keys() == {"Tag"}
        with pytest.raises(SettingsError):
            await seed(small, only=["Post"])
        await drop_database(small.client, small.database.name)


async def dump(store: Store, names: Sequence[str]) -> dict[str, list[bytes]]:
    raw = store.database.codec_options.with_options(document_class=RawBSONDocument)
    return {
        name: [each.raw async for each in store.database.get_collection(name, raw).find().sort("_id", 1)]
        for name in names
    }


LOADED = ("User", "Post", "TagOnPost", "Account", "Review", "Vote")


async def test_the_same_seed_is_the_same_bytes_whatever_the_parallelism(settings: Settings) -> None:
    dumps = []
    for parallel in (1, 5):
        own = settings.with_urls(database_name=f"{settings.database_name}_{parallel}")
        async with Store(own) as store:
            await seed(store, scale=1, only=["TagOnPost", "Vote"], parallel=parallel, today=date(2026, 5, 1))
            dumps.append(await dump(store, LOADED))
            await drop_database(store.client, own.database_name)

    assert [name for name in LOADED if dumps[0][name] != dumps[1][name]] == []
    assert len(dumps[0]["Vote"]) == 2_282


async def test_the_whole_seed_is_the_same_but_for_tokens(settings: Settings) -> None:
    dumps = []
    names = [name for name in BY_NAME if name not in ("OAuthAccount", "Session", "MagicLink", "VerificationToken")]
    for turn in range(2):
        own = settings.with_urls(database_name=f"{settings.database_name}_{turn}")
        async with Store(own) as store:
            await seed(store, today=date(2026, 5, 1))
            dumps.append(await dump(store, names))
            await drop_database(store.client, own.database_name)

    assert [name for name in names if dumps[0][name] != dumps[1][name]] == []


async def test_a_load_is_linked_counts_and_agrees_with_itself(store: Store) -> None:
    report = await seed(store, scale=1, only=["Vote", "Comment", "Member"])

    for model in (Account, Review, Comment, Vote, Member, User):
        assert report.counts[model.__name__] == await model.count(), model
    for model in (Review, Comment, Vote):
        for reference in references_of(model):
            wanted = {each for each in await model.distinct(reference.field) if each is not None}
            there = set(await BY_NAME[reference.target].distinct("_id", trusted({"_id": {"$in": list(wanted)}})))
            assert wanted == there, f"{model.__name__}.{reference.attribute}"
    async for account in Account.find(Account.review_count == 10):
        stars = [each.stars async for each in Review.find({"accountId": account.id})]
        assert (len(stars), account.rating) == (10, pytest.approx(sum(stars) / 10, abs=0.005))
    assert await OutboxEntry.find({"name": "document.changed"}).count() < 1_000


async def test_a_load_is_there_once(store: Store) -> None:
    await seed(store, scale=1, only=["Review"])
    before = await dump(store, ["Review", "Account"])

    again = await seed(store, scale=1, only=["Review"])

    assert await dump(store, ["Review", "Account"]) == before
    assert again.counts["Review"] == len(before["Review"])


async def test_an_announced_load_has_its_events(store: Store) -> None:
    await seed(store, scale=1, only=["TagOnPost"], scaled=["Post"], announce=True)

    assert await OutboxEntry.find({"source": "docstore/Post"}).count() >= 1_060
    assert await TagOnPost.count() == 180


async def test_a_load_that_meets_anothers_unique_value_is_refused_by_name(store: Store) -> None:
    await seed(store, scale=1, only=["User"])
    row = await store.database.User.find_one({"clerkId": "user_load_0000008"})
    assert row is not None
    await store.database.User.delete_one({"_id": row["_id"]})
    await store.database.User.insert_one({**row, "_id": ObjectId()})

    with pytest.raises(UniqueViolation, match="unique clerkId"):
        await seed(store, scale=1, only=["User"])
