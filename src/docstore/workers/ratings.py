"""Ratings: when reviews of an account change, its mean, its count, its cache entry and its search record follow."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from docstore.cache.core import Cache
from docstore.cache.slots import Slots
from docstore.clients.protocols import KeyValue
from docstore.documents import Event, PydanticObjectId, emit, run_in_transaction
from docstore.errors import ValidationFailed
from docstore.models import Account, Platform, Review, ReviewChanged, ReviewStatus
from docstore.outbox import handle_once
from docstore.workers.messages import Message

_NAMESPACE: Final = "accounts"


class RatingChanged(Event):
    """An account's rating was recomputed. Topic, key and body are those that other services already read."""

    name: ClassVar[str] = "rating.changed"
    collection: ClassVar[str] = "Account"
    topic: ClassVar[str] = "new-review-algolia-update"

    account_id: str
    rating: float | None
    review_count: int

    def key(self) -> str:
        """The platform's own id of the account."""
        return self.account_id

    def body(self) -> dict[str, JsonValue]:
        """``{objectID, rating, reviewCount}``."""
        return {"objectID": self.account_id, "rating": self.rating, "reviewCount": self.review_count}


class RatingsWorker:
    """Consumes ``new-review-calculate``, from whichever service it comes.

    Rating and count are computed from the reviews as they are now, so a repeat changes nothing and the order of
    messages does not matter.

    Args:
        key_value: where accounts are cached under ``accounts-<platform>-<account id>``.
    """

    group: ClassVar[str] = "docstore-ratings"
    topics: ClassVar[tuple[str, ...]] = (ReviewChanged.topic,)

    def __init__(self, key_value: KeyValue) -> None:
        self._cached = Slots(Cache(key_value), _NAMESPACE)

    async def handle(self, message: Message) -> None:
        """Recompute the account's rating, tell of it, and drop its cache entry.

        Raises:
            ValidationFailed: the message names no account and platform.
        """
        platform, account_id = _account_in(message)

        async def recompute() -> None:
            await _recompute(platform, account_id)

        if message.event_id:
            await handle_once(self.group, message.event_id, recompute)
        else:
            await run_in_transaction(recompute)
        # After the commit, and for a repeat too: the one before may have died in between. As the cache itself drops
        # entries: who read the account before the commit and stores it after this would keep the old rating.
        await self._cached.drop([cache_key(platform, account_id)])


def cache_key(platform: Platform, account_id: str) -> str:
    """The key under which services cache an account."""
    return f"{_NAMESPACE}-{platform.value.lower()}-{account_id}"


def mean_of(stars: dict[int, int]) -> float | None:
    """The mean of counted stars, two places, halves up; None without any."""
    count = sum(stars.values())
    if not count:
        return None
    total = sum(value * times for value, times in stars.items())
    return float((Decimal(total) / count).quantize(Decimal("0.01"), ROUND_HALF_UP))


async def _recompute(platform: Platform, account_id: str) -> None:
    account = await Account.find_one({"platform": platform.value, "accountId": account_id})
    if account is None:
        return  # deleted meanwhile
    stars = await _stars_of(account.id)
    rating, count = mean_of(stars), sum(stars.values())
    await Account.get_pymongo_collection().update_one(
        {"_id": account.id}, {"$set": {"rating": rating, "reviewCount": count}}
    )
    await emit(
        RatingChanged(
            aggregate_id=PydanticObjectId(account.id), account_id=account_id, rating=rating, review_count=count
        )
    )


async def _stars_of(account_id: Any) -> dict[int, int]:
    """How often each number of stars was given to an account in published reviews."""
    cursor = await Review.get_pymongo_collection().aggregate(
        [
            {"$match": {"accountId": account_id, "status": ReviewStatus.PUBLISHED.value}},
            {"$group": {"_id": "$stars", "times": {"$sum": 1}}},
        ]
    )
    # Old records may lack their stars; doubles are what Node's driver stores.
    return {int(row["_id"]): row["times"] async for row in cursor if isinstance(row["_id"], int | float)}


def _account_in(message: Message) -> tuple[Platform, str]:
    value = message.json()
    account_id, platform = value.get("accountId"), value.get("platform")
    if not isinstance(account_id, str) or not account_id or platform not in list(Platform):
        raise ValidationFailed(
            f"a message of topic {message.topic} needs accountId, a string, and platform.",
            hint=f"Platforms are {', '.join(Platform)}.",
            field="accountId" if not isinstance(account_id, str) or not account_id else "platform",
        )
    return Platform(platform), account_id
