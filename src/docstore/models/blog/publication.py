"""The states of a post, the steps between them, and the event that it went online."""

from enum import StrEnum
from typing import ClassVar, Final

from docstore.documents import DocumentId, Event, StateMachine


class PostStatus(StrEnum):
    """Where a post stands. DELETED is read in old data, where it marks deletion; `delete()` is today's way."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    SCHEDULED = "SCHEDULED"
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"


class NewsletterType(StrEnum):
    """In whose name a newsletter speaks."""

    PERSONAL = "PERSONAL"
    COMPANY = "COMPANY"


class ContentType(StrEnum):
    """What a post is."""

    BLOG = "BLOG"
    GLOSSARY = "GLOSSARY"
    NEWSLETTER = "NEWSLETTER"
    LEGAL = "LEGAL"


class PostPublished(Event):
    """A post went online."""

    name: ClassVar[str] = "post.published"
    collection: ClassVar[str] = "Post"

    title: str
    post_url: str
    content_type: ContentType
    is_newsletter: bool
    newsletter_type: NewsletterType | None
    author_id: DocumentId


POST_STEPS: Final = StateMachine(
    "status",
    {
        PostStatus.DRAFT: frozenset({PostStatus.SCHEDULED, PostStatus.PUBLISHED}),
        PostStatus.SCHEDULED: frozenset({PostStatus.SCHEDULED, PostStatus.PUBLISHED, PostStatus.DRAFT}),
        PostStatus.PUBLISHED: frozenset({PostStatus.ARCHIVED, PostStatus.DRAFT}),
        PostStatus.ARCHIVED: frozenset({PostStatus.DRAFT}),
        PostStatus.DELETED: frozenset(),
    },
)
