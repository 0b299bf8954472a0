"""A review: the account's rating, its search record and its cache entry follow."""

from __future__ import annotations

from functools import partial
from typing import Any

from docstore.cli.demo.observing import expected_rating
from docstore.cli.demo.scene import Scene
from docstore.models import Account, Review, ReviewChanged, User
from docstore.workers import RatingChanged
from docstore.workers.ratings import cache_key

_STARS = 1
_Rating = tuple[float | None, int | None]


async def review_account(scene: Scene) -> None:
    """Write a review, and wait until everything that shows the account's rating shows the new one."""
    scene.narrator.chapter(
        "A review arrives",
        "A user judges an account. Its mean is computed anew, written down, and everything that shows it follows.",
    )
    ledger, watch, database = scene.ledger, scene.watch, scene.store.database
    account = await Account.find_one({"isSeeded": True, "platform": "YOUTUBE"})
    assert account is not None
    assert account.id is not None
    before = await expected_rating(database, account.id)
    cached = cache_key(account.platform, account.account_id)
    await (await scene.store.cache("accounts")).set(cached.removeprefix("accounts-"), {"rating": before[0]})
    ledger.check("the account has a cache entry", 1, int(await scene.key_value.exists(cached)))

    await _write_review(scene, account)
    expected: _Rating = await expected_rating(database, account.id)
    scene.narrator.table(
        "account",
        "rating before",
        "reviews",
        "rating to be",
        "reviews to be",
        rows=[(account.name_en or account.name or "", *map(str, before), *map(str, expected))],
        right=["rating before", "reviews", "rating to be", "reviews to be"],
    )
    subject = str(account.id)
    await ledger.wait(
        "message for the ratings worker", 1, partial(watch.count, ReviewChanged.topic, subject, rating=_STARS)
    )
    await ledger.wait("rating and reviews of the account", expected, partial(_stored, scene, account.id))
    told = partial(watch.count, RatingChanged.topic, subject, rating=expected[0], reviewCount=expected[1])
    await ledger.wait("message for the search worker", 1, told)
    await ledger.wait("rating and reviews in search", expected, partial(_searched, scene, account.account_id))
    await ledger.wait("cache entries with the old rating", 0, partial(_cached, scene, cached))


async def _write_review(scene: Scene, account: Account) -> None:
    user = await User(
        email=f"reader-{scene.run}@example.com", username=f"reader_{scene.run}", name="A reader of the demo"
    ).insert()
    assert user.id is not None
    assert account.id is not None
    await Review(
        title="One star, to see the mean move",
        stars=_STARS,
        content="It is a demonstration.",
        author_id=user.id,
        account_id=account.id,
        platform=account.platform,
    ).insert()


async def _stored(scene: Scene, account_id: Any) -> _Rating:
    found = await scene.store.database["Account"].find_one({"_id": account_id})
    return (found.get("rating"), found.get("reviewCount")) if found else (None, None)


async def _searched(scene: Scene, account_id: str) -> _Rating:
    record: dict[str, Any] = await scene.search.get_object("accounts", account_id) or {}
    return record.get("rating"), record.get("reviewCount")


async def _cached(scene: Scene, key: str) -> int:
    return int(await scene.key_value.exists(key))
