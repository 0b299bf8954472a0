"""Content: what creators and organisations offer, and when it may be seen."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    Slug,
    StateMachine,
    Trigger,
    UtcDateTime,
    assign_fields,
    became_null,
    belongs_to,
    heeds_context_alone,
    index,
    is_stored,
    unique,
    utc_now,
)
from docstore.models.content.media import MediaItem
from docstore.models.content.organizations import Organization

if TYPE_CHECKING:
    from docstore.models.identity import User


class ContentKind(StrEnum):
    """What a piece of content is."""

    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    WRITTEN = "WRITTEN"


class ContentStatus(StrEnum):
    """Whether a piece of content may be seen."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    ARCHIVED = "ARCHIVED"


@heeds_context_alone
def _check_price(value: int, info: ValidationInfo) -> int:
    if is_stored(info) or value >= 0:
        return value
    raise ValueError("a price is a whole number of cents, 0 or more")


Cents = Annotated[int, AfterValidator(_check_price), Field(json_schema_extra={"minimum": 0})]
"""A price in hundredths of the currency; never negative."""


unpublish_content_on_org_delete: Final = Trigger(
    name="unpublish_content_on_org_delete",
    collection="Content",
    condition=became_null("organization_id"),
    action=assign_fields(status=ContentStatus.DRAFT, published_at=None),
    description="When a piece of content loses its organisation, it becomes a draft and loses its date of publication.",
    reason="What was published on an organisation's page must not show up on its creator's personal page by itself.",
)


class Content(Document):
    """A piece offered on an organisation's page or, without one, on its creator's.

    Its slug is unique within the organisation or, without one, within the creator.
    """

    creator_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.RESTRICT)]
    organization_id: Annotated[DocumentId | None, Ref("Organization", on_delete=OnDelete.SET_NULL)] = None
    media_item_id: Annotated[DocumentId | None, Ref("MediaItem", on_delete=OnDelete.SET_NULL)] = None
    title: NonEmpty
    slug: Slug
    description: str | None = None
    content_type: ContentKind
    status: ContentStatus = ContentStatus.DRAFT
    published_at: UtcDateTime | None = None
    featured: bool = False
    category: str | None = None
    price_cents: Cents | None = None
    view_count: int = 0
    purchase_count: int = 0

    creator: ClassVar[One["User"]] = belongs_to("creator_id")
    organization: ClassVar[One[Organization]] = belongs_to("organization_id")
    media_item: ClassVar[One[MediaItem]] = belongs_to("media_item_id")

    counters: ClassVar[frozenset[str]] = frozenset({"view_count", "purchase_count"})
    triggers: ClassVar[Sequence[Trigger]] = (unpublish_content_on_org_delete,)
    states: ClassVar[StateMachine | None] = StateMachine(
        "status",
        {
            ContentStatus.DRAFT: frozenset({ContentStatus.PUBLISHED}),
            ContentStatus.PUBLISHED: frozenset({ContentStatus.DRAFT, ContentStatus.ARCHIVED}),
            ContentStatus.ARCHIVED: frozenset({ContentStatus.DRAFT}),
        },
    )
    indexes: ClassVar[Sequence[Index]] = (
        unique("slug", "organization_id", when_set=["organization_id"], serves="a piece on an organisation's page"),
        unique("slug", "creator_id", where={"organizationId": None}, serves="a piece on a creator's own page"),
        index("organization_id", "status", "-published_at", serves="an organisation's page, newest first"),
        index("creator_id", "status", "-published_at", serves="a creator's page, newest first"),
        index("media_item_id", serves="where an upload is used"),
        index("status", "-published_at", serves="all published content, newest first"),
        index("-published_at", serves="all content by date of publication"),
    )

    async def publish(self) -> Self:
        """Show it; its date of publication is now.

        Raises:
            InvalidTransition: it is not a draft.
        """
        return await self.move_to(ContentStatus.PUBLISHED, published_at=utc_now())

    async def unpublish(self) -> Self:
        """Back to draft, from publication or from the archive; its date of publication is cleared.

        Raises:
            InvalidTransition: it is a draft.
        """
        return await self.move_to(ContentStatus.DRAFT, published_at=None)

    async def archive(self) -> Self:
        """Take it off the pages, keeping its date.

        Raises:
            InvalidTransition: it is not published.
        """
        return await self.move_to(ContentStatus.ARCHIVED)
