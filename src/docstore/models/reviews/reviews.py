"""Reviews of accounts and the threads of comments below them."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from bson import ObjectId
from pydantic import AfterValidator, Field, JsonValue, ValidationInfo

from docstore.documents import (
    Change,
    ChangeKind,
    Document,
    DocumentId,
    Event,
    Index,
    Json,
    Many,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    ShardKey,
    UtcDateTime,
    belongs_to,
    has_many,
    heeds_context_alone,
    index,
    is_stored,
    shard_key,
    utc_now,
)
from docstore.documents.filters import In
from docstore.documents.parts import left_owners
from docstore.models.reviews.accounts import Account, Platform

if TYPE_CHECKING:
    from docstore.models.identity import User
    from docstore.models.reviews.reactions import CommentVote, Vote


class ReviewStatus(StrEnum):
    """Who sees a review. DELETED is read in old data, where it marks deletion; `delete()` is today's way."""

    PUBLISHED = "PUBLISHED"
    DRAFT = "DRAFT"
    DELETED = "DELETED"
    PENDING = "PENDING"
    HIDDEN = "HIDDEN"
    FLAGGED = "FLAGGED"


class CommentStatus(StrEnum):
    """Who sees a comment. DELETED is read in old data, where it marks deletion; `delete()` is today's way."""

    PUBLISHED = "PUBLISHED"
    DELETED = "DELETED"
    PENDING = "PENDING"
    HIDDEN = "HIDDEN"
    FLAGGED = "FLAGGED"


class VerificationStatus(StrEnum):
    """What moderation found out about a text and its author."""

    IN_PROGRESS = "IN_PROGRESS"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    NOT_VERIFIED = "NOT_VERIFIED"
    FLAGGED = "FLAGGED"
    SPAM = "SPAM"
    BOT = "BOT"


@heeds_context_alone
def _check_stars(value: int, info: ValidationInfo) -> int:
    if is_stored(info) or 1 <= value <= 5:
        return value
    raise ValueError("stars are a whole number from 1 to 5")


Stars = Annotated[int, AfterValidator(_check_stars), Field(json_schema_extra={"minimum": 1, "maximum": 5})]
"""A judgement from 1 (worst) to 5 (best)."""


class ReviewChanged(Event):
    """A review of an account was written, changed, deleted or restored: the account's rating is to be recomputed.

    The aggregate is the account, so that the events of one account keep their order. Topic, key and body are those
    that other services already read.
    """

    name: ClassVar[str] = "review.changed"
    collection: ClassVar[str] = "Account"
    topic: ClassVar[str] = "new-review-calculate"

    account_id: str
    platform: Platform
    rating: int | None

    def key(self) -> str:
        """The platform's own id of the account."""
        return self.account_id

    def body(self) -> dict[str, JsonValue]:
        """``{accountId, platform, rating}``, where rating is the stars of the review (null in a broken old one)."""
        return {"accountId": self.account_id, "platform": self.platform.value, "rating": self.rating}


class Review(Document):
    """A user's judgement of an account."""

    title: NonEmpty
    stars: Stars
    content: str | None = None
    content_url: str | None = None
    reddit_metadata: Json | None = None
    author_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.RESTRICT)]
    account_id: Annotated[DocumentId, Ref("Account", on_delete=OnDelete.CASCADE)]
    platform: Platform
    verification_status: VerificationStatus = VerificationStatus.IN_PROGRESS
    is_edited: bool = False
    edit_history: Json | None = None
    status: ReviewStatus = ReviewStatus.PUBLISHED
    report_count: int = 0
    view_count: int = 0
    last_activity_at: UtcDateTime = Field(default_factory=utc_now)

    author: ClassVar[One["User"]] = belongs_to("author_id")
    account: ClassVar[One[Account]] = belongs_to("account_id")
    comments: ClassVar[Many["Comment"]] = has_many("Comment", sort="created_at")
    votes: ClassVar[Many["Vote"]] = has_many("Vote")

    announces: ClassVar[bool] = True
    part_of: ClassVar[frozenset[str]] = frozenset({"account_id"})
    counters: ClassVar[frozenset[str]] = frozenset({"view_count", "report_count", "last_activity_at"})
    shard_key: ClassVar[ShardKey | None] = shard_key(
        "account_id", "id", reason="reviews grow without end, and are read account by account"
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("account_id", "status", "-created_at", serves="an account's reviews, newest first; its rating"),
        index("author_id", "-created_at", serves="a user's reviews, newest first"),
        index("status", "-created_at", serves="the feed of published reviews, newest first"),
        index("status", "-last_activity_at", serves="reviews with the latest activity first"),
        index("verification_status", "created_at", serves="the moderation queue, oldest first"),
    )

    @classmethod
    async def change_events(cls, change: Change) -> Sequence[Event]:
        """The usual events, and a ReviewChanged for each review whose account's rating may have moved."""
        usual = await super().change_events(change)
        if change.kind is ChangeKind.PURGE:
            # What was in the trash counted for nothing already.
            living = [each for each in change.before.values() if each.get("deletedAt") is None]
            rated = [each for each in living if isinstance(each.get("accountId"), ObjectId)]
            return [*usual, *await _ratings_moved([(each["accountId"], _stars(each)) for each in rated])]
        # With the deleted ones: a deletion moves the rating too, and a cascade deletes the account in the same breath.
        reviews = await cls.with_deleted.find(In(cls.id, change.ids)).to_list()
        moved = [(owner, _stars(change.before[review])) for review, owner in left_owners(change, "accountId")]
        return [*usual, *await _ratings_moved([*((each.account_id, each.stars) for each in reviews), *moved])]


async def _ratings_moved(reviews: Sequence[tuple[Any, int | None]]) -> list[ReviewChanged]:
    account_ids = list({account_id for account_id, _ in reviews})
    accounts = {each.id: each for each in await Account.with_deleted.find(In(Account.id, account_ids)).to_list()}
    return [
        ReviewChanged(aggregate_id=account_id, account_id=account.account_id, platform=account.platform, rating=stars)
        for account_id, stars in reviews
        # An account purged, or never there, has no rating to recompute.
        if (account := accounts.get(account_id)) is not None
    ]


def _stars(stored: Mapping[str, Any]) -> int | None:
    stars = stored.get("stars")
    return int(stars) if isinstance(stars, int | float) and math.isfinite(stars) else None


class Comment(Document):
    """A comment on a review, or a reply to one."""

    content: Json | None = None
    author_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.RESTRICT)]
    review_id: Annotated[DocumentId, Ref("Review", on_delete=OnDelete.CASCADE)]
    reply_to_id: Annotated[DocumentId | None, Ref("Comment", on_delete=OnDelete.CASCADE)] = None
    verification_status: VerificationStatus = VerificationStatus.IN_PROGRESS
    is_edited: bool = False
    edit_history: Json | None = None
    status: CommentStatus = CommentStatus.PUBLISHED
    report_count: int = 0

    author: ClassVar[One["User"]] = belongs_to("author_id")
    review: ClassVar[One[Review]] = belongs_to("review_id")
    reply_to: ClassVar[One["Comment"]] = belongs_to("reply_to_id")
    replies: ClassVar[Many["Comment"]] = has_many("Comment", by="reply_to_id", sort="created_at")
    votes: ClassVar[Many["CommentVote"]] = has_many("CommentVote")

    shard_key: ClassVar[ShardKey | None] = shard_key(
        "review_id", "id", reason="comments grow with reviews, and are read thread by thread"
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("review_id", "status", "created_at", serves="the thread of a review, oldest first"),
        index("author_id", "-created_at", serves="a user's comments, newest first"),
        index("reply_to_id", "created_at", serves="the replies to a comment, oldest first"),
        index("verification_status", "created_at", serves="the moderation queue, oldest first"),
    )
