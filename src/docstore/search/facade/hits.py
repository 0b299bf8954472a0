"""What a search finds: records as typed objects."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Hit = TypeVar("Hit")


class _Hit(BaseModel):
    """A record. What it does not know of a record it passes over; what a record does not have is None."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True)

    object_id: str = Field(alias="objectID")


class AccountHit(_Hit):
    """A record of the index `accounts`; `object_id` is the platform's own id."""

    platform: str | None = None
    handle: str | None = None
    name: str | None = None
    description: str | None = None
    keywords: str | None = None
    follower_count: int | None = Field(None, alias="followerCount")
    image_url: str | None = Field(None, alias="imageUrl")
    banner_url: str | None = Field(None, alias="bannerURL")
    country: str | None = None
    language_code: str | None = None
    rating: float | None = None
    review_count: int | None = Field(None, alias="reviewCount")
    made_for_kids: bool | None = Field(None, alias="madeForKids")
    video_count: int | None = Field(None, alias="videoCount")
    categories: list[str] = Field(default_factory=list)
    created_date: str | None = Field(None, alias="createdDate")


class PostHit(_Hit):
    """A record of the index `posts`; `object_id` is the post's id."""

    title: str | None = None
    excerpt: str | None = None
    tags: list[str] = Field(default_factory=list)
    author_name: str | None = Field(None, alias="authorName")
    post_url: str | None = Field(None, alias="postUrl")
    publish_date: str | None = Field(None, alias="publishDate")
    content_type: str | None = Field(None, alias="contentType")
    featured: bool = False


class CategoryHit(_Hit):
    """A record of the index `categories`; `object_id` is the category's id."""

    name: str | None = None
    slug: str | None = None
    short_description: str | None = Field(None, alias="shortDescription")
    long_description: str | None = Field(None, alias="longDescription")
    keywords: list[str] = Field(default_factory=list)
    parent_id: str | None = Field(None, alias="parentId")
    parent_category: str | None = Field(None, alias="parentCategory")
    popular: bool = False
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResults(Generic[Hit]):
    """One page of what was found.

    Attributes:
        hits: best first.
        total: how many there are, over all pages.
        page: this page's number, from 0.
        pages: how many pages can be reached.
        facets: how many of all that was found have each value, by attribute.
    """

    hits: list[Hit]
    total: int
    page: int
    pages: int
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
