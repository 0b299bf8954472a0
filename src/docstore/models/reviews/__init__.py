"""Reviews of creators: their accounts on platforms, how these are filed, what users say of them, who claims them."""

from docstore.models.reviews.accounts import Account, Platform
from docstore.models.reviews.categories import Category, CategoryMapping
from docstore.models.reviews.creators import (
    ClaimedAccount,
    ClaimStatus,
    DataRefreshLog,
    RefreshStatus,
    YouTubeVideo,
)
from docstore.models.reviews.reactions import CommentVote, SaveToMyList, Vote, VoteType
from docstore.models.reviews.reviews import (
    Comment,
    CommentStatus,
    Review,
    ReviewChanged,
    ReviewStatus,
    VerificationStatus,
)

__all__ = [
    "Account",
    "Category",
    "CategoryMapping",
    "ClaimStatus",
    "ClaimedAccount",
    "Comment",
    "CommentStatus",
    "CommentVote",
    "DataRefreshLog",
    "Platform",
    "RefreshStatus",
    "Review",
    "ReviewChanged",
    "ReviewStatus",
    "SaveToMyList",
    "VerificationStatus",
    "Vote",
    "VoteType",
    "YouTubeVideo",
]
