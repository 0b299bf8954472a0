"""Newsletters: members, audiences, and what became of each e-mail that was sent.

Owns the records alone. Sending and reading a mail provider's events is work for workers.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from docstore.documents import (
    Document,
    DocumentId,
    Email,
    Index,
    Many,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    ShardKey,
    UtcDateTime,
    belongs_to,
    has_many,
    index,
    shard_key,
    unique,
    utc_now,
)

if TYPE_CHECKING:
    from docstore.models.blog.posts import Post
    from docstore.models.identity import User


class EmailSendStatus(StrEnum):
    """The furthest an e-mail got. A mail provider's events arrive in any order, so no state machine binds it."""

    SENT = "SENT"
    DELIVERED = "DELIVERED"
    OPENED = "OPENED"
    CLICKED = "CLICKED"
    BOUNCED = "BOUNCED"
    COMPLAINED = "COMPLAINED"
    FAILED = "FAILED"


class Member(Document):
    """A reader who receives newsletters, with counts of what the reader did with them."""

    first_name: str | None = None
    last_name: str | None = None
    email: Email
    note: str | None = None
    unsubscribed: bool = False
    open_rate: str | None = None
    location: str | None = None
    image_url: str | None = None
    resend_contact_id: str | None = None
    total_emails_received: int = 0
    total_emails_opened: int = 0
    total_emails_clicked: int = 0
    total_bounces: int = 0
    last_email_opened_at: UtcDateTime | None = None
    engagement_score: float | None = None

    indexes: ClassVar[Sequence[Index]] = (
        unique("email"),
        unique("resend_contact_id", when_set=["resend_contact_id"]),
        index("unsubscribed", "id", serves="the subscribed, walked in batches when a newsletter is sent"),
        index("first_name", serves="members by first name"),
        index("last_name", serves="members by last name"),
        index("-created_at", serves="members, newest first"),
        index("-updated_at", serves="members by last change"),
        index("-engagement_score", serves="the most engaged members"),
    )


class Newsletter(Document):
    """A newsletter, and the audience it has at the mail provider."""

    name: NonEmpty
    audience_id: NonEmpty

    indexes: ClassVar[Sequence[Index]] = (
        unique("name"),
        index("audience_id", serves="the newsletter of an audience at the mail provider"),
    )


class NewsletterAudience(Document):
    """Whether a user subscribes to a newsletter."""

    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    newsletter_id: Annotated[DocumentId, Ref("Newsletter", on_delete=OnDelete.CASCADE)]
    subscribed: bool = True

    user: ClassVar[One["User"]] = belongs_to("user_id")
    newsletter: ClassVar[One[Newsletter]] = belongs_to("newsletter_id")

    indexes: ClassVar[Sequence[Index]] = (
        unique("user_id", "newsletter_id", serves="a user's subscriptions"),
        index("newsletter_id", "subscribed", serves="the subscribers of a newsletter"),
        index("subscribed", serves="how many subscriptions stand"),
    )


class EmailSend(Document):
    """One e-mail handed to the mail provider, for one post or none."""

    resend_email_id: str | None = None
    broadcast_id: str | None = None
    post_id: Annotated[DocumentId | None, Ref("Post", on_delete=OnDelete.SET_NULL)] = None
    subject: NonEmpty
    from_email: NonEmpty
    sent_at: UtcDateTime | None = None
    status: EmailSendStatus = EmailSendStatus.SENT
    delivered_at: UtcDateTime | None = None
    opened_at: UtcDateTime | None = None
    clicked_at: UtcDateTime | None = None
    bounced_at: UtcDateTime | None = None
    last_event_at: UtcDateTime | None = None

    post: ClassVar[One["Post"]] = belongs_to("post_id")
    recipients: ClassVar[Many["EmailRecipient"]] = has_many("EmailRecipient", sort="email")
    events: ClassVar[Many["EmailEvent"]] = has_many("EmailEvent", sort="processed_at")

    indexes: ClassVar[Sequence[Index]] = (
        unique("resend_email_id", when_set=["resend_email_id"]),
        index("post_id", "-sent_at", serves="what was sent for a post, newest first"),
        index("status", "-sent_at", serves="e-mails of a status, such as the bounced, newest first"),
        index("-sent_at", serves="all e-mails, newest first"),
        index("broadcast_id", serves="the e-mails of a broadcast"),
    )


class EmailRecipient(Document):
    """One address of an e-mail, and what its reader did with it. `member_id` is null for who is no member."""

    email_send_id: Annotated[DocumentId, Ref("EmailSend", on_delete=OnDelete.CASCADE)]
    member_id: Annotated[DocumentId | None, Ref("Member", on_delete=OnDelete.SET_NULL)] = None
    email: Email
    delivered: bool = False
    opened: bool = False
    clicked: bool = False
    bounced: bool = False
    open_count: int = 0
    click_count: int = 0
    first_opened_at: UtcDateTime | None = None
    last_opened_at: UtcDateTime | None = None

    email_send: ClassVar[One[EmailSend]] = belongs_to("email_send_id")
    member: ClassVar[One[Member]] = belongs_to("member_id")

    shard_key: ClassVar[ShardKey | None] = shard_key(
        "email_send_id", "email", reason="a row for each member and e-mail; the key is what must be unique"
    )
    indexes: ClassVar[Sequence[Index]] = (
        unique("email_send_id", "email", serves="the recipients of an e-mail, one by address"),
        index("member_id", "-created_at", serves="what a member received, newest first"),
        index("email", serves="what an address received"),
    )


class EmailEvent(Document):
    """An event as the mail provider reported it; `event_id` makes a repeated report harmless."""

    email_send_id: Annotated[DocumentId, Ref("EmailSend", on_delete=OnDelete.CASCADE)]
    event_type: NonEmpty
    event_id: NonEmpty
    recipient_email: str | None = None
    link_url: str | None = None
    raw_payload: str
    processed_at: UtcDateTime = Field(default_factory=utc_now)

    email_send: ClassVar[One[EmailSend]] = belongs_to("email_send_id")

    sensitive: ClassVar[frozenset[str]] = frozenset({"raw_payload"})
    shard_key: ClassVar[ShardKey | None] = shard_key(
        "event_id", reason="several for each e-mail and member; a repeated event must meet the first one"
    )
    indexes: ClassVar[Sequence[Index]] = (
        unique("event_id"),
        index("email_send_id", "processed_at", serves="the story of an e-mail, in order"),
        index("event_type", "-processed_at", serves="events of a type, newest first"),
    )
