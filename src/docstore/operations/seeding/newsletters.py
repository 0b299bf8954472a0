"""Members, newsletters with their audiences, and what became of the newsletters sent so far."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from docstore.models import (
    EmailEvent,
    EmailRecipient,
    EmailSend,
    EmailSendStatus,
    Member,
    Newsletter,
    NewsletterAudience,
    Post,
    User,
)
from docstore.operations.seeding.identity import USERS, user_email
from docstore.operations.seeding.people import person, picture
from docstore.operations.seeding.plan import Plot, Row, Step

NEWSLETTER_POSTS: Final = 4
MEMBERS: Final = 240
_USERS_AMONG_THEM: Final = 48
_RECIPIENTS: Final = 30
_FROM: Final = "letters@example.com"


@dataclass(frozen=True)
class _Delivery:
    delivered: bool
    opened: bool
    clicked: bool


def member_email(number: int) -> str:
    """The address of a seeded member; the first ones are users too."""
    return user_email(number) if 0 < number <= _USERS_AMONG_THEM else person(USERS + number).email


def numbers_of(post: int) -> Row:
    """The counts a newsletter post carries, which agree with its seeded recipients."""
    outcomes = [_delivery(post, reader) for reader in range(_RECIPIENTS)]
    opened = sum(each.opened for each in outcomes)
    return {
        "emails_sent": len(outcomes),
        "emails_delivered": sum(each.delivered for each in outcomes),
        "emails_opened": opened,
        "unique_opens": opened,
    }


def _delivery(post: int, reader: int) -> _Delivery:
    delivered = (post * 7 + reader) % 15 != 0
    opened = delivered and (post + reader) % 3 != 0
    return _Delivery(delivered, opened, opened and (post + reader) % 4 == 0)


def _members(plot: Plot) -> Iterator[Row]:
    for number in range(MEMBERS):
        who = person(number if 0 < number <= _USERS_AMONG_THEM else USERS + number)
        outcomes = [_delivery(post, number) for post in range(NEWSLETTER_POSTS)] if number < _RECIPIENTS else []
        received = sum(each.delivered for each in outcomes)
        opened = sum(each.opened for each in outcomes)
        yield {
            "first_name": who.first,
            "last_name": who.last,
            "email": member_email(number),
            "unsubscribed": number % 12 == 11,
            "location": who.city,
            "image_url": picture("members", who.username) if number % 2 else None,
            "resend_contact_id": f"contact-seed-{number:05}",
            "total_emails_received": received,
            "total_emails_opened": opened,
            "total_emails_clicked": sum(each.clicked for each in outcomes),
            "open_rate": f"{100 * opened // received}%" if received else None,
            "engagement_score": round(opened / received, 2) if received else None,
            "created_at": plot.days_ago(plot.rng("member", number).uniform(1, 360)),
        }


# A newsletter bears the name of a newsletter type. One has an audience; the other goes to every subscribed member.


def _newsletters(plot: Plot) -> Iterator[Row]:
    yield {"name": "Personal", "audience_id": "audience-seed-personal"}
    yield {"name": "Company", "audience_id": "audience-seed-company"}


def _audiences(plot: Plot) -> Iterator[Row]:
    personal = plot.ids(Newsletter)[0]
    for number, user_id in enumerate(plot.ids(User)):
        if number % 4:
            yield {"user_id": user_id, "newsletter_id": personal, "subscribed": number % 8 != 7}


def _sends(plot: Plot) -> Iterator[Row]:
    for number in range(NEWSLETTER_POSTS):
        sent = plot.days_ago(number * 6 + 1.9)
        yield {
            "resend_email_id": f"email-seed-{number}",
            "broadcast_id": f"broadcast-seed-{number}",
            "post_id": plot.ids(Post)[number],
            "subject": f"Letter no. {NEWSLETTER_POSTS - number}",
            "from_email": _FROM,
            "sent_at": sent,
            "status": EmailSendStatus.OPENED,
            "delivered_at": sent,
            "opened_at": plot.days_ago(number * 6 + 1.5),
            "last_event_at": plot.days_ago(number * 6 + 1.2),
        }


def _recipients(plot: Plot) -> Iterator[Row]:
    for post, send_id in enumerate(plot.ids(EmailSend)):
        for reader in range(_RECIPIENTS):
            outcome = _delivery(post, reader)
            at = plot.days_ago(post * 6 + 1.5) if outcome.opened else None
            yield {
                "email_send_id": send_id,
                "member_id": plot.ids(Member)[reader],
                "email": member_email(reader),
                "delivered": outcome.delivered,
                "bounced": not outcome.delivered,
                "opened": outcome.opened,
                "clicked": outcome.clicked,
                "open_count": int(outcome.opened),
                "click_count": int(outcome.clicked),
                "first_opened_at": at,
                "last_opened_at": at,
            }


def _events(plot: Plot) -> Iterator[Row]:
    for post, send_id in enumerate(plot.ids(EmailSend)):
        for reader in range(_RECIPIENTS):
            kind = "email.delivered" if _delivery(post, reader).delivered else "email.bounced"
            payload = {"type": kind, "data": {"to": [member_email(reader)]}}
            yield {
                "email_send_id": send_id,
                "event_type": kind,
                "event_id": f"event-seed-{post}-{reader}",
                "recipient_email": member_email(reader),
                "raw_payload": json.dumps(payload),
                "processed_at": plot.days_ago(post * 6 + 1.8),
            }


NEWSLETTER_STEPS: Final = (
    Step(Member, ("email",), _members),
    Step(Newsletter, ("name",), _newsletters),
    Step(NewsletterAudience, ("newsletter_id", "user_id"), _audiences),
    Step(EmailSend, ("resend_email_id",), _sends),
    Step(EmailRecipient, ("email_send_id", "email"), _recipients),
    Step(EmailEvent, ("event_id",), _events),
)
