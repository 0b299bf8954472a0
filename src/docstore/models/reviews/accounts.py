"""Creators' accounts on platforms: what is reviewed."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from docstore.documents import (
    Document,
    Index,
    Json,
    Many,
    NonEmpty,
    UtcDateTime,
    has_many,
    index,
    unique,
)

if TYPE_CHECKING:
    from docstore.models.reviews.categories import Category
    from docstore.models.reviews.creators import YouTubeVideo
    from docstore.models.reviews.reviews import Review


class Platform(StrEnum):
    """Where a creator publishes."""

    YOUTUBE = "YOUTUBE"
    TWITTER = "TWITTER"
    INSTAGRAM = "INSTAGRAM"
    REDDIT = "REDDIT"
    TIKTOK = "TIKTOK"
    TWITCH = "TWITCH"


class Account(Document):
    """A creator's profile on a platform. `account_id` is the platform's own id.

    `rating` (mean stars, two places) and `review_count` are derived from the published reviews.
    Free text is searched in the search index, so no database index is kept for it.
    """

    platform: Platform
    account_id: NonEmpty
    handle: str | None = None
    name: str | None = None
    name_en: str | None = Field(default=None, alias="name_en")
    follower_count: int | None = None
    image_url: str | None = None
    banner_url: str | None = None
    country: str | None = None
    description: str | None = None
    description_en: str | None = Field(default=None, alias="description_en")
    keywords: str | None = None
    keywords_en: str | None = Field(default=None, alias="keywords_en")
    yt_data: Json | None = None
    reddit_data: Json | None = None
    x_data: Json | None = None
    tiktok_data: Json | None = None
    twitch_data: Json | None = None
    instagram_data: Json | None = None
    is_seeded: bool = False
    is_suspended: bool = False
    ranking: Json | None = None
    language_code: str | None = Field(default=None, alias="language_code")
    lang_confidence_score: float | None = Field(default=None, alias="lang_confidence_score")
    rating: float | None = None
    review_count: int | None = None
    is_sub_category_failed: bool | None = False
    is_category_failed: bool | None = False
    is_translation_failed: bool | None = False
    last_indexed_at: UtcDateTime | None = None
    video_fetch: bool | None = None
    last_data_refresh: UtcDateTime | None = None

    categories: ClassVar[Many["Category"]] = has_many("Category", through="CategoryMapping", sort="name")
    reviews: ClassVar[Many["Review"]] = has_many("Review", sort="-created_at", limit=20)
    videos: ClassVar[Many["YouTubeVideo"]] = has_many("YouTubeVideo", sort="-published_at", limit=20)

    announces: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = (
        unique("platform", "account_id", serves="an account by the platform's own id, as messages name it"),
        index("platform", "handle", serves="an account by its handle"),
        index("platform", "-follower_count", serves="the most followed accounts of a platform"),
        index("platform", "-rating", "-review_count", serves="the best rated accounts of a platform"),
        index("platform", "-review_count", serves="the most reviewed accounts of a platform"),
        index("platform", "last_data_refresh", serves="the refresh worker: longest not refreshed first"),
        index("last_indexed_at", serves="the search check: longest not indexed first"),
    )
