"""The post that everybody stores: 28 fields beside the id, two kilobytes of content."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from bson import ObjectId


class ContentType(StrEnum):
    BLOG = "BLOG"
    NEWSLETTER = "NEWSLETTER"


class Status(StrEnum):
    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"


_CONTENT = "Two kilobytes of plain words, as a short post has them. " * 37
_START = datetime(2026, 1, 1, tzinfo=UTC)


def post(number: int) -> dict[str, Any]:
    """The stored form of a post, without its id; the values in it are those of every contender."""
    moment = _START + timedelta(minutes=number)
    return {
        "title": f"The title of post {number}",
        "content": f"{number}: {_CONTENT}",
        "excerpt": "A sentence or two that tell what the post is about.",
        "featureImage": f"https://images.example.com/{number}.png",
        "postUrl": f"the-title-of-post-{number}",
        "publishDate": moment,
        "authorId": ObjectId("65f000000000000000000001"),
        "contentType": "BLOG",
        "status": "PUBLISHED",
        "featured": False,
        "isNewsletter": number % 2 == 0,
        "viewCount": number,
        "emailsSent": 120,
        "emailsOpened": 60,
        "rating": 4.5,
        "tags": ["python", "mongodb"],
        "metadataTitle": f"Post {number}",
        "metadataDescription": "What a search engine shows below the title.",
        "metadataKeywords": None,
        "metadataImageUrl": None,
        "metadataOgTitle": None,
        "metadataOgDescription": None,
        "metadataAuthorName": "Ada",
        "createdAt": moment,
        "updatedAt": moment,
        "deletedAt": None,
        "isDeleted": False,
        "deletedBy": None,
    }


FIELDS = len(post(0))
