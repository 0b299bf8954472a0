"""Seeding a real database."""

from typing import Any

import pytest

from docstore.documents import references_of
from docstore.documents.filters import In, trusted
from docstore.errors import SettingsError
from docstore.models import ALL, Account, Author, Member, Post, PostStatus, Review, Session, Tag, TagOnPost, User
from docstore.operations import SeedProgress, seed
from docstore.store import Store

BY_NAME = {model.__name__: model for model in ALL}


async def counts() -> dict[str, int]:
    return {model.__name__: await model.count() for model in ALL}


async def test_every_collection_has_the_reported_documents(store: Store) -> None:
    report = await seed(store)

    assert report.counts == await counts()
    assert report.counts.keys() == BY_NAME.keys()
    assert min(report.counts.values()) > 0
    assert report.total == sum(report.counts.values())


async def test_a_second_time_changes_nothing(store: Store) -> None:
    await seed(store)
    database = store.database
    before = {name: [each async for each in database[name].find()] for name in BY_NAME}

    await seed(store)

    assert {name: [each async for each in database[name].find()] for name in BY_NAME} == before


async def test_every_reference_leads_somewhere(store: Store) -> None:
    await seed(store)

    for model in ALL:
        for reference in references_of(model):
            wanted = {each for each in await model.distinct(reference.field) if each is not None}
            there = set(await BY_NAME[reference.target].distinct("_id", trusted({"_id": {"$in": list(wanted)}})))
            assert wanted == there, f"{model.__name__}.{reference.attribute}"


async def test_derived_numbers_agree_with_what_they_are_derived_from(store: Store) -> None:
    await seed(store)

    async for account in Account.find_all():
        stars = [each.stars async for each in Review.find({"accountId": account.id})]
        assert account.review_count == len(stars)
        assert account.rating == pytest.approx(sum(stars) / len(stars), abs=0.005)


async def test_posts_are_in_every_state_and_the_administrator_is_there(store: Store) -> None:
    await seed(store)

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

    report = await seed(store, scale=1, only=["TagOnPost"], on_progress=seen.append)

    assert report.counts["Post"] == await Post.count() == 1_060
    assert report.counts["TagOnPost"] == await TagOnPost.count() == 3 * 1_060
    bar = [(each.done, each.total) for each in seen if each.collection == "Post" and each.total == 1_060]
    assert bar == [(560, 1_060), (1_060, 1_060)]


async def test_an_interrupted_scale_is_completed(store: Store) -> None:
    await seed(store, scale=1, only=["TagOnPost"])
    newest = await Post.find_all().sort("-_id").limit(3).to_list()
    links = TagOnPost.find(In(TagOnPost.post_id, [each.id for each in newest]))
    await links.purge(reason="as if the run had ended here")

    await seed(store, scale=1, only=["TagOnPost"])

    assert await TagOnPost.count() == 3 * 1_060


async def test_only_bound_models_are_seeded(settings: Any) -> None:
    async with Store(settings, models=(Tag,)) as small:
        assert (await seed(small)).counts.keys() == {"Tag"}
        with pytest.raises(SettingsError):
            await seed(small, only=["Post"])
        await small.client.drop_database(small.database.name)
