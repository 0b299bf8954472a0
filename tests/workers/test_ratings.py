"""Rating and count follow the reviews; the cache entry goes; the search engine is told."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from docstore.clients import KeyValue
from docstore.errors import ServerUnavailable, ValidationFailed
from docstore.models import Account, Platform, Review, ReviewStatus, User
from docstore.store import Store
from docstore.workers import RatingsWorker
from docstore.workers.ratings import cache_key, mean_of

Fixture = Any


@pytest_asyncio.fixture
async def key_value(store: Store) -> KeyValue:
    return await store.key_value()


@pytest_asyncio.fixture
async def account(store: Store) -> Account:
    return await Account(platform=Platform.YOUTUBE, account_id=f"UC{uuid4().hex}").insert()


@pytest_asyncio.fixture
async def user(store: Store) -> User:
    return await User(email="u@example.com").insert()


async def review(account: Account, user: User, stars: int, **fields: Any) -> Review:
    return await Review(
        title="r", stars=stars, author_id=user.id, account_id=account.id, platform=account.platform, **fields
    ).insert()


async def rated(account: Account) -> tuple[float | None, int | None]:
    found = await Account.get(account.id)
    assert found is not None
    return found.rating, found.review_count


async def test_the_mean_of_published_reviews(
    account: Account, user: User, key_value: KeyValue, waiting: Fixture
) -> None:
    for stars in (5, 4, 4):
        await review(account, user, stars)
    await review(account, user, 1, status=ReviewStatus.HIDDEN)
    await (await review(account, user, 1)).delete()
    messages = await waiting("new-review-calculate")
    assert {message.key for message in messages} == {account.account_id.encode()}
    assert messages[0].json() == {"accountId": account.account_id, "platform": "YOUTUBE", "rating": 5}

    await RatingsWorker(key_value).handle(messages[0])
    assert await rated(account) == (4.33, 3)
    (told,) = await waiting("new-review-algolia-update")
    assert told.json() == {"objectID": account.account_id, "rating": 4.33, "reviewCount": 3}
    assert told.key == account.account_id.encode()


async def test_a_review_that_comes_to_belong_to_another_account_counts_for_it_alone(
    account: Account, user: User, key_value: KeyValue, waiting: Fixture
) -> None:
    other = await Account(platform=Platform.TWITCH, account_id=f"TW{uuid4().hex}").insert()
    await review(account, user, 5)
    moved = await review(account, user, 1)
    worker = RatingsWorker(key_value)
    for message in await waiting("new-review-calculate"):
        await worker.handle(message)
    assert await rated(account) == (3.0, 2)

    seen = len(await waiting("new-review-calculate"))
    moved.account_id = other.id
    await moved.save()
    for message in (await waiting("new-review-calculate"))[seen:]:
        await worker.handle(message)
    assert (await rated(account), await rated(other)) == ((5.0, 1), (1.0, 1))


async def test_the_cache_entry_goes(account: Account, user: User, key_value: KeyValue, waiting: Fixture) -> None:
    key = cache_key(Platform.YOUTUBE, account.account_id)
    assert key == f"accounts-youtube-{account.account_id}"
    await review(account, user, 5)
    (message,) = await waiting("new-review-calculate")
    await key_value.set(key, b"old", ttl=60)
    await RatingsWorker(key_value).handle(message)
    assert not await key_value.exists(key)


async def test_who_read_the_account_before_stores_no_old_rating_after(
    store: Store, account: Account, user: User, key_value: KeyValue, waiting: Fixture
) -> None:
    await review(account, user, 5)
    (message,) = await waiting("new-review-calculate")
    accounts = await store.cache("accounts")

    async def read() -> float | None:
        found = await Account.get(account.id)
        assert found is not None
        await RatingsWorker(key_value).handle(message)
        return found.rating

    key = f"youtube-{account.account_id}"
    assert await accounts.get_or_set(key, read) is None, "what was read before the commit"
    assert not await accounts.exists(key)


async def test_a_review_that_is_purged_while_living_moves_the_rating(
    account: Account, user: User, key_value: KeyValue, waiting: Fixture
) -> None:
    await review(account, user, 5)
    bad = await review(account, user, 1)
    trashed = await review(account, user, 3)
    await trashed.delete()
    before = len(await waiting("new-review-calculate"))
    await trashed.purge(reason="test")
    assert len(await waiting("new-review-calculate")) == before, "it counted for nothing already"
    await bad.purge(reason="test")
    *_, last = await waiting("new-review-calculate")
    assert last.json() == {"accountId": account.account_id, "platform": "YOUTUBE", "rating": 1}
    await RatingsWorker(key_value).handle(last)
    assert await rated(account) == (5.0, 1)


async def test_a_repeat_tells_nobody_but_still_drops_the_cache_entry(
    account: Account, user: User, key_value: KeyValue, waiting: Fixture
) -> None:
    class Away:
        """A cache that is away when the first delivery comes to it."""

        async def set_many(self, values: Any, **options: Any) -> None:
            raise ServerUnavailable("away")

    await review(account, user, 5)
    (message,) = await waiting("new-review-calculate")
    key = cache_key(Platform.YOUTUBE, account.account_id)
    await key_value.set(key, b"old", ttl=60)
    with pytest.raises(ServerUnavailable):
        await RatingsWorker(Away()).handle(message)  # type: ignore[arg-type]  # of KeyValue only what is used
    assert await rated(account) == (5.0, 1)
    await RatingsWorker(key_value).handle(message)
    assert not await key_value.exists(key)
    assert len(await waiting("new-review-algolia-update")) == 1


async def test_the_last_review_gone_means_no_rating(
    account: Account, user: User, key_value: KeyValue, waiting: Fixture
) -> None:
    only = await review(account, user, 5)
    await only.delete()
    worker = RatingsWorker(key_value)
    for message in await waiting("new-review-calculate"):
        await worker.handle(message)
    assert await rated(account) == (None, 0)


async def test_messages_of_other_services_count_too(
    store: Store, account: Account, user: User, key_value: KeyValue, foreign: Fixture
) -> None:
    # As Node's driver stores it, and with an old record that lacks its stars.
    common = {"accountId": account.id, "status": "PUBLISHED", "title": "r", "authorId": user.id}
    await store.database["Review"].insert_many([{**common, "stars": 3.0}, {**common, "stars": 4}, dict(common)])
    message = foreign("new-review-calculate", {"accountId": account.account_id, "platform": "YOUTUBE", "rating": 4})
    await RatingsWorker(key_value).handle(message)
    assert await rated(account) == (3.5, 2)
    await RatingsWorker(key_value).handle(message)
    assert await rated(account) == (3.5, 2)


async def test_an_account_that_is_gone_is_passed_over(
    account: Account, user: User, key_value: KeyValue, waiting: Fixture
) -> None:
    await review(account, user, 5)
    await account.delete()
    await RatingsWorker(key_value).handle((await waiting("new-review-calculate"))[0])
    assert await waiting("new-review-algolia-update") == []


@pytest.mark.parametrize(
    "value", [{}, {"accountId": 5, "platform": "YOUTUBE"}, {"accountId": "a", "platform": "MYSPACE"}, {"accountId": ""}]
)
async def test_a_message_that_names_no_account_is_refused(
    key_value: KeyValue, foreign: Fixture, value: dict[str, Any]
) -> None:
    with pytest.raises(ValidationFailed, match="accountId"):
        await RatingsWorker(key_value).handle(foreign("new-review-calculate", value))


@pytest.mark.parametrize(
    ("stars", "mean"),
    [({}, None), ({5: 2}, 5.0), ({5: 1, 4: 2}, 4.33), ({3: 7, 4: 1}, 3.13), ({1: 199, 2: 1}, 1.01)],
)
def test_means_have_two_places_halves_up(stars: dict[int, int], mean: float | None) -> None:
    assert mean_of(stars) == mean
