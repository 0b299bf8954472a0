"""Documents by the thousand, linked among each other, for trying out what size does.

Each document follows from the seed's number, the day and its own number alone, its id too: so they can be made in any
order and by several at once, and are the same whoever made them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from docstore.documents import Document
from docstore.models import (
    Account,
    Comment,
    Member,
    Post,
    Review,
    Tag,
    TagOnPost,
    User,
    VerificationStatus,
    Vote,
    VoteType,
)
from docstore.operations.seeding.blog import post_row, topics_of
from docstore.operations.seeding.creators import creator, platform_data
from docstore.operations.seeding.people import person, picture
from docstore.operations.seeding.plan import Plot, Row
from docstore.operations.seeding.prose import TOPICS, paragraph, slug
from docstore.operations.seeding.reviews import PLATFORMS, VERDICTS

_REMARKS: Final = ("I see it the same way.", "Have you watched the older ones?", "Thank you, this saved me an evening.")


@dataclass(frozen=True)
class Load:
    """What a thousand posts bring along: `each` documents of `model` for every thousand, made by `row`."""

    model: type[Document]
    each: int
    row: Callable[[Plot, int, int], Row]
    """Of the plot, the document's number, and how many thousands there are."""


def _user(plot: Plot, number: int, thousands: int) -> Row:
    who, rng = person(number), plot.rng("load-user", number)
    name = f"{who.username}_{number:07}"
    return {
        "email": f"{name}@example.com",
        "clerk_id": f"user_load_{number:07}",
        "first_name": who.first,
        "last_name": who.last,
        "name": who.name,
        "username": name,
        "avatar": picture("avatars", name),
        "email_verified": number % 5 != 0,
        "created_at": plot.days_ago(rng.uniform(1, 700)),
    }


def _member(plot: Plot, number: int, thousands: int) -> Row:
    who, rng = person(number), plot.rng("load-member", number)
    received = rng.randrange(60)
    opened = rng.randint(0, received)
    return {
        "first_name": who.first,
        "last_name": who.last,
        "email": f"{who.username}.{number:07}@example.net",
        "unsubscribed": number % 12 == 11,
        "location": who.city,
        "resend_contact_id": f"contact-load-{number:07}",
        "total_emails_received": received,
        "total_emails_opened": opened,
        "open_rate": f"{100 * opened // received}%" if received else None,
        "engagement_score": round(opened / received, 2) if received else None,
        "created_at": plot.days_ago(rng.uniform(1, 700)),
    }


def _post(plot: Plot, number: int, thousands: int) -> Row:
    topics = topics_of(plot, "scale", number)
    address = f"{topics[0]}-and-{topics[1]}-{number:06}"
    return post_row(plot, topics, address, number, plot.days_ago(400 + number * 0.01))


def _tag_on_post(plot: Plot, number: int, thousands: int) -> Row:
    post, place = divmod(number, 3)
    topic = topics_of(plot, "scale", post)[place]
    tags = dict(zip(TOPICS, plot.ids(Tag), strict=True))
    return {"post_id": plot.load_id(Post, post), "tag_id": tags[topic], "created_at": plot.days_ago(400 + post * 0.01)}


def _account(plot: Plot, number: int, thousands: int) -> Row:
    who, platform = creator(number), PLATFORMS[number % len(PLATFORMS)]
    rng = plot.rng("load-account", number)
    followers = int(10 ** rng.uniform(2, 7))
    stars = [_stars(plot, number + place * _accounts(thousands)) for place in range(_REVIEWS_EACH)]
    return {
        "platform": platform,
        "account_id": f"load-{platform.value.lower()}-{number:07}",
        "handle": f"{who.handle}-load",
        "name": who.name,
        "name_en": who.name_en,
        "follower_count": followers,
        "image_url": picture("accounts", slug(who.handle)),
        "country": who.country,
        "description": who.description,
        "keywords": who.subject,
        "language_code": who.language,
        "rating": round(sum(stars) / len(stars), 2),
        "review_count": len(stars),
        "last_data_refresh": plot.days_ago(rng.uniform(0, 30)),
        "created_at": plot.days_ago(701 + number % 300),
        **platform_data(platform, who, followers, plot.days_ago(1000 + number % 900)),
    }


def _review(plot: Plot, number: int, thousands: int) -> Row:
    account, stars = number % _accounts(thousands), _stars(plot, number)
    return {
        "title": f"{VERDICTS[stars - 1]}: {creator(account).name}",
        "stars": stars,
        "content": paragraph(plot.rng("load-review", number), [creator(account).subject], sentences=2),
        "author_id": plot.load_id(User, _author(number, thousands)),
        "account_id": plot.load_id(Account, account),
        "platform": PLATFORMS[account % len(PLATFORMS)],
        "verification_status": VerificationStatus.VERIFIED if number % 3 else VerificationStatus.IN_PROGRESS,
        "view_count": number * 7 % 900,
        "last_activity_at": _reviewed(plot, number),
        "created_at": _reviewed(plot, number),
    }


def _comment(plot: Plot, number: int, thousands: int) -> Row:
    text = _REMARKS[number % len(_REMARKS)]
    review = number * 2 % (1_000 * thousands)
    return {
        "content": {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]},
        "author_id": plot.load_id(User, (number * 3 + 1) % _users(thousands)),
        "review_id": plot.load_id(Review, review),
        "verification_status": VerificationStatus.VERIFIED,
        "created_at": _reviewed(plot, review),
    }


def _vote(plot: Plot, number: int, thousands: int) -> Row:
    review, place = divmod(number, 2)
    return {
        "user_id": plot.load_id(User, (_author(review, thousands) + 1 + place) % _users(thousands)),
        "review_id": plot.load_id(Review, review),
        "type": VoteType.DOWNVOTE if number % 4 == 0 else VoteType.UPVOTE,
        "created_at": _reviewed(plot, review),
    }


def _users(thousands: int) -> int:
    return 200 * thousands


def _accounts(thousands: int) -> int:
    return 100 * thousands


_REVIEWS_EACH: Final = 10
"""Reviews of one account."""


def _author(review: int, thousands: int) -> int:
    """Each round of reviews over the accounts is written by others, so that nobody judges an account twice."""
    turn, account = divmod(review, _accounts(thousands))
    return (account * 2 + turn * 7) % _users(thousands)


def _stars(plot: Plot, review: int) -> int:
    return plot.rng("load-stars", review).choice((1, 2, 3, 4, 4, 5, 5))


def _reviewed(plot: Plot, review: int) -> datetime:
    return plot.days_ago(1 + review * 0.013 % 690)


LOADS: Final = (
    Load(User, 200, _user),
    Load(Member, 1_000, _member),
    Load(Post, 1_000, _post),
    Load(TagOnPost, 3_000, _tag_on_post),
    Load(Account, 100, _account),
    Load(Review, 1_000, _review),
    Load(Comment, 500, _comment),
    Load(Vote, 2_000, _vote),
)
"""In an order in which what is referred to comes first."""
