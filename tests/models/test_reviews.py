"""Reviews: stars, votes' spellings, the events that move a rating, claims and refreshes."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from bson import ObjectId
from pydantic import ValidationError
from pymongo.asynchronous.database import AsyncDatabase

from docstore import Store
from docstore.documents import DocumentChanged, Event
from docstore.documents.events import add_event_handler, remove_event_handler
from docstore.errors import InvalidTransition, UniqueViolation
from docstore.models import (
    Account,
    ClaimedAccount,
    ClaimStatus,
    DataRefreshLog,
    Platform,
    RefreshStatus,
    Review,
    ReviewChanged,
    User,
    Vote,
    VoteType,
)


@pytest.fixture
def events() -> Iterator[list[Event]]:
    seen: list[Event] = []

    async def remember(events: Sequence[Event]) -> None:
        seen.extend(events)

    add_event_handler(remember)
    yield seen
    remove_event_handler(remember)


@pytest.fixture
async def account(store: Store) -> Account:
    return await Account(platform=Platform.YOUTUBE, account_id="UC1", name="Ada").insert()


@pytest.fixture
async def user(store: Store) -> User:
    return await User(email="ada@example.com").insert()


@pytest.mark.parametrize("stars", [0, 6, -1])
def test_stars_go_from_one_to_five(stars: int) -> None:
    with pytest.raises(ValidationError, match="from 1 to 5"):
        Review(title="t", stars=stars, author_id=ObjectId(), account_id=ObjectId(), platform=Platform.REDDIT)


@pytest.mark.parametrize("stars", [1, 5, 3.0])
def test_stars_within_bounds(stars: Any) -> None:
    review = Review(title="t", stars=stars, author_id=ObjectId(), account_id=ObjectId(), platform=Platform.REDDIT)
    assert review.stars == stars


@pytest.mark.parametrize(("old", "new"), [("UP", VoteType.UPVOTE), ("DOWN", VoteType.DOWNVOTE)])
async def test_old_votes_are_read_and_written_in_the_present_spelling(
    store: Store, database: AsyncDatabase[dict[str, Any]], old: str, new: VoteType
) -> None:
    ids = {"userId": ObjectId(), "reviewId": ObjectId()}
    vote_id = (await database["Vote"].insert_one({**ids, "type": old})).inserted_id
    vote = await Vote.get(vote_id)
    assert vote is not None
    assert vote.type is new
    await vote.save()
    stored = await database["Vote"].find_one({"_id": vote_id})
    assert stored is not None
    assert stored["type"] == new.value


def test_an_unknown_vote_is_refused() -> None:
    with pytest.raises(ValidationError, match="UPVOTE"):
        Vote(user_id=ObjectId(), review_id=ObjectId(), type="SIDEWAYS")


async def test_every_route_of_change_tells_that_the_rating_moves(
    account: Account, user: User, events: list[Event]
) -> None:
    given = {"author_id": user.id, "account_id": account.id, "platform": account.platform}
    review = await Review(title="Good", stars=4, **given).insert()
    await Review.find({"_id": review.id}).update({"$set": {"stars": 2}})
    await review.delete()
    await review.restore()
    told = [event for event in events if isinstance(event, ReviewChanged)]
    assert [event.rating for event in told] == [4, 2, 2, 2]
    assert {event.key() for event in told} == {"UC1"}
    assert {event.topic_name() for event in told} == {"new-review-calculate"}
    assert told[0].body() == {"accountId": "UC1", "platform": "YOUTUBE", "rating": 4}
    assert {event.aggregate_id for event in told} == {account.id}
    assert len([each for each in events if isinstance(each, DocumentChanged) and each.aggregate_id == review.id]) == 4


async def test_a_review_of_an_account_that_is_gone_tells_no_rating(
    store: Store, database: AsyncDatabase[dict[str, Any]], events: list[Event]
) -> None:
    await database["Review"].insert_one({"title": "t", "stars": 1, "accountId": ObjectId()})
    await Review.find({"title": "t"}).update({"$set": {"stars": 2}})
    assert not [event for event in events if isinstance(event, ReviewChanged)]
    assert [event for event in events if isinstance(event, DocumentChanged)]


async def test_an_account_is_unique_on_its_platform(account: Account) -> None:
    await Account(platform=Platform.TIKTOK, account_id="UC1").insert()
    with pytest.raises(UniqueViolation):
        await Account(platform=Platform.YOUTUBE, account_id="UC1").insert()


async def test_a_claim_is_decided_once(account: Account, user: User) -> None:
    assert account.id is not None
    assert user.id is not None
    claim = await ClaimedAccount(user_id=user.id, account_id=account.id, platform=account.platform).insert()
    await claim.verify("dns")
    stored = await ClaimedAccount.get(claim.id)
    assert stored is not None
    assert (stored.status, stored.verification_method) == (ClaimStatus.VERIFIED, "dns")
    assert stored.verified_at is not None
    with pytest.raises(InvalidTransition, match="VERIFIED"):
        await claim.reject()


async def test_a_refresh_runs_and_ends(account: Account) -> None:
    assert account.id is not None
    log = await DataRefreshLog(account_id=account.id, platform=account.platform).insert()
    with pytest.raises(InvalidTransition, match="PENDING"):
        await log.complete()
    await log.start()
    await log.complete({"followers": 3})
    stored = await DataRefreshLog.get(log.id)
    assert stored is not None
    assert (stored.status, stored.data_snapshot) == (RefreshStatus.COMPLETED, {"followers": 3})
    failed = await DataRefreshLog(account_id=account.id, platform=account.platform).insert()
    await failed.fail("no such channel")
    assert (failed.status, failed.error) == (RefreshStatus.FAILED, "no such channel")
