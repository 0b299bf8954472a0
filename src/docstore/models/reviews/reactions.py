"""What users do about reviews, comments and accounts short of writing: votes and saved accounts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import BeforeValidator

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    OnDelete,
    One,
    Ref,
    Retention,
    ShardKey,
    belongs_to,
    index,
    shard_key,
    unique,
)

if TYPE_CHECKING:
    from docstore.models.identity import User
    from docstore.models.reviews.accounts import Account
    from docstore.models.reviews.reviews import Comment, Review


class VoteType(StrEnum):
    """For or against."""

    UPVOTE = "UPVOTE"
    DOWNVOTE = "DOWNVOTE"


_OLD_SPELLINGS: Final[Mapping[str, VoteType]] = {"UP": VoteType.UPVOTE, "DOWN": VoteType.DOWNVOTE}


def _present_spelling(value: object) -> object:
    return _OLD_SPELLINGS.get(value, value) if isinstance(value, str) else value


_AnyVoteType = Annotated[VoteType, BeforeValidator(_present_spelling)]


class Vote(Document):
    """A user's vote on a review; one each."""

    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    review_id: Annotated[DocumentId, Ref("Review", on_delete=OnDelete.CASCADE)]
    type: _AnyVoteType

    user: ClassVar[One["User"]] = belongs_to("user_id")
    review: ClassVar[One["Review"]] = belongs_to("review_id")

    shard_key: ClassVar[ShardKey | None] = shard_key(
        "user_id", "review_id", reason="the most numerous of all; the key is what must be unique"
    )
    retention: ClassVar[Retention | None] = Retention(deleted=timedelta(days=90))
    indexes: ClassVar[Sequence[Index]] = (
        unique("user_id", "review_id", serves="a user's vote on a review"),
        index("review_id", "type", serves="counting the votes on a review"),
    )


class CommentVote(Document):
    """A user's vote on a comment; one each."""

    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    comment_id: Annotated[DocumentId, Ref("Comment", on_delete=OnDelete.CASCADE)]
    type: _AnyVoteType

    user: ClassVar[One["User"]] = belongs_to("user_id")
    comment: ClassVar[One["Comment"]] = belongs_to("comment_id")

    shard_key: ClassVar[ShardKey | None] = shard_key(
        "user_id", "comment_id", reason="as votes on reviews; the key is what must be unique"
    )
    retention: ClassVar[Retention | None] = Retention(deleted=timedelta(days=90))
    indexes: ClassVar[Sequence[Index]] = (
        unique("user_id", "comment_id", serves="a user's vote on a comment"),
        index("comment_id", "type", serves="counting the votes on a comment"),
    )


class SaveToMyList(Document):
    """That a user keeps an account on a personal list; at most once."""

    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    account_id: Annotated[DocumentId, Ref("Account", on_delete=OnDelete.CASCADE)]

    user: ClassVar[One["User"]] = belongs_to("user_id")
    account: ClassVar[One["Account"]] = belongs_to("account_id")

    retention: ClassVar[Retention | None] = Retention(deleted=timedelta(days=90))
    indexes: ClassVar[Sequence[Index]] = (
        unique("user_id", "account_id", serves="whether a user saved an account"),
        index("user_id", "-created_at", serves="a user's list, newest first"),
    )
