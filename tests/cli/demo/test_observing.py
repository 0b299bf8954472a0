"""The demo's independent counts."""

from typing import Any

from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from docstore.cli.demo.observing import KafkaWatch, expected_rating, expected_recipients, living

Database = AsyncDatabase[dict[str, Any]]


async def test_living_leaves_out_all_three_marks_of_deletion(database: Database) -> None:
    await database["Post"].insert_many(
        [{"n": 1}, {"n": 2, "deletedAt": 1}, {"n": 3, "isDeleted": True}, {"n": 4, "status": "DELETED"}]
    )

    assert [each["n"] for each in await living(database, "Post")] == [1]


async def test_recipients_are_the_subscribed_members(database: Database) -> None:
    await database["Member"].insert_many(
        [
            {"email": "A@example.com"},
            {"email": "b@example.com", "unsubscribed": True},
            {"email": "c@example.com", "unsubscribed": False},
            {"email": "d@example.com", "isDeleted": True},
        ]
    )

    assert await expected_recipients(database, "COMPANY") == {"a@example.com", "c@example.com"}


async def test_an_audience_limits_them(database: Database) -> None:
    letter, inside, outside = ObjectId(), ObjectId(), ObjectId()
    await database["Member"].insert_many([{"email": "in@example.com"}, {"email": "out@example.com"}])
    await database["User"].insert_many(
        [{"_id": inside, "email": "In@example.com"}, {"_id": outside, "email": "out@example.com"}]
    )
    await database["Newsletter"].insert_one({"_id": letter, "name": "Company"})
    await database["NewsletterAudience"].insert_many(
        [
            {"userId": inside, "newsletterId": letter, "subscribed": True},
            {"userId": outside, "newsletterId": letter, "subscribed": False},
        ]
    )

    assert await expected_recipients(database, "COMPANY") == {"in@example.com"}
    assert await expected_recipients(database, "PERSONAL") == {"in@example.com", "out@example.com"}


async def test_a_rating_is_the_mean_of_published_reviews(database: Database) -> None:
    account = ObjectId()
    published = {"accountId": account, "status": "PUBLISHED"}
    await database["Review"].insert_many(
        [
            {**published, "stars": 5},
            {**published, "stars": 4.0},
            {**published, "stars": 4},
            {**published, "stars": 1, "isDeleted": True},
            {"accountId": account, "status": "HIDDEN", "stars": 1},
        ]
    )

    assert await expected_rating(database, account) == (4.33, 3)
    assert await expected_rating(database, ObjectId()) == (None, 0)


async def test_messages_are_counted_by_topic_subject_and_fields() -> None:
    watch = KafkaWatch()
    watch._seen["topic", "a"] += [{"rating": 1, "reviewCount": 2}, {"rating": 2, "reviewCount": 3}]

    assert await watch.count("topic", "a") == 2
    assert await watch.count("topic", "a", rating=2) == 1
    assert await watch.count("topic", "b") == 0
