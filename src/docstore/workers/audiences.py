"""Who a newsletter goes to."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from docstore.documents import translated
from docstore.documents.filters import In
from docstore.models import Member, Newsletter, NewsletterAudience, Post, User

_LOOKED_UP_AT_ONCE: Final = 100

_log = logging.getLogger("docstore.workers")


async def recipients_of(post: Post) -> AsyncIterator[Member]:
    """The members a newsletter post goes to, in no order.

    Every member who has not unsubscribed; and where the post's newsletter (the Newsletter that bears the name of its
    `newsletter_type`, in any of the usual cases) has an audience, of those only who is a subscribed User of it, by
    e-mail. A member whose record does not fit its model is passed over, and told in the log.
    """
    audience = await _audience_of(post)
    # Read one by one: an old record that does not fit must not keep the newsletter from everybody else.
    with translated("Member"):
        async with Member.get_pymongo_collection().find({"unsubscribed": {"$in": [False, None]}}) as rows:
            async for row in rows:
                member = _readable(row)
                if member is not None and member.email and (audience is None or member.email.lower() in audience):
                    yield member


def _readable(row: Mapping[str, Any]) -> Member | None:
    try:
        return Member.model_validate(row)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)}))
    _log.warning("Member %s gets no newsletter: as stored it does not fit its model (%s).", row["_id"], fields)
    return None


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
