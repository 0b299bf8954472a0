"""Who a newsletter goes to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from docstore.documents.filters import In
from docstore.models import Member, Newsletter, NewsletterAudience, Post, User

_LOOKED_UP_AT_ONCE: Final = 100


async def recipients_of(post: Post) -> AsyncIterator[Member]:
    """The members a newsletter post goes to, in no order.

    Every member who has not unsubscribed; and where the post's newsletter (the Newsletter that bears the name of its
    `newsletter_type`, in any of the usual cases) has an audience, of those only who is a subscribed User of it, by
    e-mail.
    """
    audience = await _audience_of(post)
    async for member in Member.find(In(Member.unsubscribed, [False, None])):
        if member.email and (audience is None or member.email.lower() in audience):
            yield member


async def _audience_of(post: Post) -> frozenset[str] | None:
    """The e-mail addresses a newsletter is limited to; None when it has no audience."""
    if post.newsletter_type is None:
        return None
    kind = post.newsletter_type.value
    newsletter = await Newsletter.find_one(In(Newsletter.name, [kind, kind.lower(), kind.capitalize()]))
    if newsletter is None:
        return None
    emails: set[str] = set()
    subscribed: list[Any] = []
    limited = False
    # Of hundreds of thousands of subscribers the addresses alone are kept.
    shown = {"userId": 1, "subscribed": 1}
    async with NewsletterAudience.get_pymongo_collection().find({"newsletterId": newsletter.id}, shown) as rows:
        async for row in rows:
            limited = True
            if row.get("subscribed", True):
                subscribed.append(row["userId"])
            if len(subscribed) == _LOOKED_UP_AT_ONCE:
                emails |= await _emails_of(subscribed)
                subscribed = []
    emails |= await _emails_of(subscribed)
    return frozenset(emails) if limited else None


async def _emails_of(users: Sequence[Any]) -> set[str]:
    return {user.email.lower() async for user in User.find(In(User.id, users)) if user.email} if users else set()
