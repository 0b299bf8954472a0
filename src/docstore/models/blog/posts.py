"""Posts and their way from draft to publication."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self, cast

from pydantic import AliasChoices, Field

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    Many,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    Slug,
    StateMachine,
    StrList,
    UtcDateTime,
    belongs_to,
    emit,
    has_many,
    index,
    run_in_transaction,
    transactional,
    unique,
    utc_now,
)
from docstore.documents.queries import FindManyDocuments
from docstore.errors import InvalidTransition, ValidationFailed
from docstore.models.blog.authors import Author
from docstore.models.blog.publication import POST_STEPS, ContentType, NewsletterType, PostPublished, PostStatus
from docstore.models.blog.tags import Tag

_NOT_DELETED: Final = [*(status.value for status in PostStatus if status is not PostStatus.DELETED), None]


class Post(Document):
    """A text on the blog, sent as a newsletter too when `is_newsletter` says so.

    draft → scheduled → published → archived, or straight from draft to published. Back to draft leads `unschedule`,
    `unpublish` and `unarchive`; what is archived goes online again by way of draft. The `metadata_*` fields are for
    search engines and link previews. Reads `featured` and `metadata_canonical_url` also from their old names.
    """

    title: NonEmpty
    content: str
    feature_image: str | None = None
    post_url: Slug
    publish_date: UtcDateTime | None = None
    excerpt: str | None = None
    author_id: Annotated[DocumentId, Ref("Author", on_delete=OnDelete.RESTRICT)]
    content_type: ContentType = ContentType.BLOG
    content_platform: str | None = None
    featured: bool = Field(default=False, alias="featured", validation_alias=AliasChoices("featured", "isFeatured"))
    status: PostStatus = PostStatus.DRAFT
    metadata_title: str | None = None
    metadata_description: str | None = None
    metadata_image_url: str | None = None
    metadata_keywords: str | None = None
    metadata_author_name: str | None = None
    metadata_canonical_url: str | None = Field(
        default=None,
        alias="metadataCanonicalUrl",
        validation_alias=AliasChoices("metadataCanonicalUrl", "canonicalUrl"),
    )
    metadata_og_title: str | None = None
    metadata_og_description: str | None = None
    metadata_og_image: str | None = None
    metadata_twitter_card: str | None = None
    metadata_twitter_title: str | None = None
    metadata_twitter_description: str | None = None
    metadata_twitter_image: str | None = None
    is_newsletter: bool = False
    newsletter_type: NewsletterType | None = None
    view_count: int = 0
    emails_sent: int = 0
    emails_delivered: int = 0
    emails_opened: int = 0
    unique_opens: int = 0
    broadcast_ids: StrList = Field(default_factory=list)

    author: ClassVar[One[Author]] = belongs_to("author_id")
    tags: ClassVar[Many[Tag]] = has_many("Tag", through="TagOnPost", sort="slug")

    announces: ClassVar[bool] = True
    counters: ClassVar[frozenset[str]] = frozenset(
        {"view_count", "emails_sent", "emails_delivered", "emails_opened", "unique_opens"}
    )
    states: ClassVar[StateMachine | None] = POST_STEPS
    indexes: ClassVar[Sequence[Index]] = (
        # An old post that is deleted by its status alone must not hold its address for ever.
        unique("post_url", where={"status": {"$in": _NOT_DELETED}}),
        # The server cannot prove the rule's condition from a look-up's filter, so look-ups need an index without one.
        index("post_url", serves="a post by its address"),
        # With the tie-break of pages, so that a page is read from the index in order.
        index("status", "content_type", "-publish_date", "-id", serves="published posts of a type, newest first"),
        index("status", "-publish_date", "-id", serves="published posts, newest first; scheduled posts that are due"),
        index("-publish_date", serves="all posts by date of publication"),
        index("featured", "-publish_date", serves="featured posts, newest first"),
        index("author_id", "-created_at", serves="an author's posts, newest first"),
        index("title", serves="posts in alphabetical order"),
        index("-created_at", serves="all posts, newest first"),
        index("-updated_at", serves="all posts, last changed first"),
    )

    @classmethod
    def published(cls, content_type: ContentType | None = None) -> FindManyDocuments[Self]:
        """The query of published posts, newest first; of one type when given."""
        wanted: dict[str, Any] = {"status": PostStatus.PUBLISHED.value}
        if content_type is not None:
            wanted["contentType"] = content_type.value
        return cls.find(wanted).sort("-publishDate", "-_id")

    @transactional
    async def publish(self) -> Self:
        """Put the post online now; PostPublished is told in the same transaction.

        A publish date in the past is kept, one that is missing or still to come becomes now.

        Raises:
            InvalidTransition: the post is neither draft nor scheduled.
        """
        now = utc_now()
        since = self.publish_date if self.publish_date and self.publish_date <= now else now
        await self.move_to(PostStatus.PUBLISHED, publish_date=since)
        await emit(
            PostPublished(
                aggregate_id=cast("DocumentId", self.id),
                title=self.title,
                post_url=self.post_url,
                content_type=self.content_type,
                is_newsletter=self.is_newsletter,
                newsletter_type=self.newsletter_type,
                author_id=self.author_id,
            )
        )
        return self

    async def schedule(self, at: datetime) -> Self:
        """Have the post published at an instant to come; a scheduled post is rescheduled.

        Args:
            at: the instant; a naive datetime is taken as UTC.

        Raises:
            ValidationFailed: the instant is not in the future.
            InvalidTransition: the post is neither draft nor scheduled.
        """
        moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if moment <= utc_now():
            raise ValidationFailed(
                "a post is scheduled for an instant in the future; the one given has passed.",
                hint="Give a later one, with its time zone (a naive datetime is UTC), or publish() at once.",
                collection="Post",
                field="publish_date",
                value_type="datetime",
            )
        return await self.move_to(PostStatus.SCHEDULED, publish_date=moment)

    async def archive(self) -> Self:
        """Take a published post off the listings; it keeps its address and its date.

        Raises:
            InvalidTransition: the post is not published.
        """
        return await self.move_to(PostStatus.ARCHIVED)

    async def unschedule(self) -> Self:
        """Back to draft from the schedule; the planned date is cleared.

        Raises:
            InvalidTransition: the post is not scheduled (any more).
        """
        return await self._back_to_draft(PostStatus.SCHEDULED, publish_date=None)

    async def unpublish(self) -> Self:
        """Back to draft from publication; the date is kept for the next time.

        Raises:
            InvalidTransition: the post is not published.
        """
        return await self._back_to_draft(PostStatus.PUBLISHED)

    async def unarchive(self) -> Self:
        """Back to draft from the archive, to be reworked and published again.

        Raises:
            InvalidTransition: the post is not archived.
        """
        return await self._back_to_draft(PostStatus.ARCHIVED)

    async def _back_to_draft(self, origin: PostStatus, **changes: Any) -> Self:
        # Three ways lead back to draft, and `move_to` takes any of them: to unschedule a post that went online
        # a moment ago would take it offline. So the origin is checked in the same transaction.
        async def step() -> Self:
            present = await type(self).get(self.id)
            if present is not None and present.status is not origin:
                raise InvalidTransition(
                    f"only a post that is {origin.value} can go back to draft this way; this one is "
                    f"{present.status.value}.",
                    hint="unschedule(), unpublish() and unarchive() are for the one state each.",
                    collection="Post",
                    field="status",
                )
            return await self.move_to(PostStatus.DRAFT, **changes)

        return await run_in_transaction(step)
