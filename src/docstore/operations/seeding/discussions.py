"""Comments below reviews, replies to them, and votes on both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from docstore.models import Comment, CommentVote, Review, User, VerificationStatus, Vote, VoteType
from docstore.operations.seeding.plan import Plot, Row, Step

_REMARKS: Final = (
    "I see it the same way, the last months above all.",
    "Have you watched the older episodes? They are a different thing.",
    "Thank you, this saved me an evening.",
    "I would have given one star more, for the patience alone.",
)
_REPLIES: Final = ("Good point, I had missed that.", "We may have to disagree here.", "Which one do you mean?")
_COMMENTS: Final = 60
_REPLIES_MADE: Final = 20


def _content(text: str) -> Row:
    return {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]}


def _comments(plot: Plot) -> Iterator[Row]:
    users, reviews = plot.ids(User), plot.ids(Review)
    for number in range(_COMMENTS):
        yield {
            "content": _content(_REMARKS[number % len(_REMARKS)]),
            "author_id": users[(number * 3 + 1) % len(users)],
            "review_id": reviews[number],
            "verification_status": VerificationStatus.VERIFIED,
            "created_at": plot.days_ago(60 - number),
        }


def _replies(plot: Plot) -> Iterator[Row]:
    users, reviews, comments = plot.ids(User), plot.ids(Review), plot.ids(Comment)
    for number in range(_REPLIES_MADE):
        yield {
            "content": _content(_REPLIES[number % len(_REPLIES)]),
            "author_id": users[(number * 3 + 2) % len(users)],
            "review_id": reviews[number],
            "reply_to_id": comments[number],
            "created_at": plot.days_ago(59.5 - number),
        }


def _votes(plot: Plot) -> Iterator[Row]:
    users = plot.ids(User)
    for number, review_id in enumerate(plot.ids(Review)):
        for voter in range(number % 3 + 1):
            up = (number + voter) % 4 != 0
            yield {
                "user_id": users[(number * 2 + voter * 5) % len(users)],
                "review_id": review_id,
                "type": VoteType.UPVOTE if up else VoteType.DOWNVOTE,
            }


def _comment_votes(plot: Plot) -> Iterator[Row]:
    users = plot.ids(User)
    for number, comment_id in enumerate(plot.ids(Comment)):
        yield {
            "user_id": users[(number * 7 + 3) % len(users)],
            "comment_id": comment_id,
            "type": VoteType.DOWNVOTE if number % 6 == 0 else VoteType.UPVOTE,
        }


DISCUSSION_STEPS: Final = (
    Step(Comment, ("review_id", "author_id", "reply_to_id"), _comments),
    Step(Comment, ("review_id", "author_id", "reply_to_id"), _replies),
    Step(Vote, ("user_id", "review_id"), _votes),
    Step(CommentVote, ("user_id", "comment_id"), _comment_votes),
)
