"""Account records, under the platform's own id."""

from __future__ import annotations

from typing import Any

import pytest

from docstore.clients import SearchIndex
from docstore.models import Account, Category, CategoryMapping, Platform
from docstore.search import ACCOUNTS, apply_changes, build_records


async def account(**fields: Any) -> Account:
    return await Account(**{"platform": Platform.YOUTUBE, "account_id": "UC1", "name": "Name"} | fields).insert()


async def test_the_record_is_the_one_other_services_read(index: SearchIndex) -> None:
    made = await account(
        handle="@h",
        name_en="English name",
        description="Deutsch",
        keywords="eins",
        keywords_en="one",
        follower_count=12,
        image_url="i",
        banner_url="b",
        country="DE",
        language_code="de",
        rating=4.5,
        review_count=2,
        yt_data={
            "status": {"madeForKids": False},
            "statistics": {"videoCount": "31"},
            "snippet": {"publishedAt": "2015-05-05T00:00:00Z"},
        },
    )
    category = await Category(name="Tech", slug="tech").insert()
    await CategoryMapping(account_id=made.id, category_id=category.id).insert()
    ((record,), delete) = await build_records(ACCOUNTS, [made.id])
    assert delete == []
    assert record == {
        "objectID": "UC1",
        "platform": "YOUTUBE",
        "handle": "@h",
        "name": "English name",
        "description": "Deutsch",
        "keywords": "one",
        "followerCount": 12,
        "imageUrl": "i",
        "bannerURL": "b",
        "country": "DE",
        "language_code": "de",
        "rating": 4.5,
        "reviewCount": 2,
        "madeForKids": False,
        "videoCount": 31,
        "categories": ["tech"],
        "createdDate": "2015-05-05T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, (None, None)),
        ({"madeForKids": True, "videoCount": 3}, (True, 3)),
        ({"status": "broken", "statistics": {"videoCount": "many"}}, (None, None)),
        (["no", "object"], (None, None)),
    ],
)
async def test_platform_data_of_any_shape(index: SearchIndex, data: Any, expected: Any) -> None:
    made = await account(yt_data=data)
    ((record,), _) = await build_records(ACCOUNTS, [made.id])
    assert (record["madeForKids"], record["videoCount"]) == expected


async def test_a_deleted_account_leaves_the_index(index: SearchIndex) -> None:
    made = await account()
    await apply_changes(index, [("Account", made.id)])
    assert await index.get_object("accounts", "UC1") is not None
    await made.delete()
    await apply_changes(index, [("Account", made.id)])
    assert await index.get_object("accounts", "UC1") is None


async def test_a_record_of_the_same_id_on_another_platform_stays(index: SearchIndex) -> None:
    gone = await account(platform=Platform.TWITCH)
    living = await account()
    await gone.delete()
    await apply_changes(index, [("Account", living.id)])
    await apply_changes(index, [("Account", gone.id)])
    record = await index.get_object("accounts", "UC1")
    assert record is not None
    assert record["platform"] == "YOUTUBE"


async def test_records_follow_categories_and_their_mappings(index: SearchIndex) -> None:
    made = await account()
    category = await Category(name="Tech", slug="tech").insert()
    mapping = await CategoryMapping(account_id=made.id, category_id=category.id).insert()

    async def categories() -> Any:
        record = await index.get_object("accounts", "UC1")
        assert record is not None
        return record["categories"]

    await apply_changes(index, [("CategoryMapping", mapping.id)])
    assert await categories() == ["tech"]
    category.slug = "technology"
    await category.save()
    await apply_changes(index, [("Category", category.id)])
    assert await categories() == ["technology"]
    await mapping.delete()
    await apply_changes(index, [("CategoryMapping", mapping.id)])
    assert await categories() == []
