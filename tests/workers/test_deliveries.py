"""Reports in any order, however often they come, leave the same counts."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docstore.errors import ValidationFailed
from docstore.models import Author, EmailEvent, EmailRecipient, EmailSend, EmailSendStatus, Member, Post
from docstore.store import Store
from docstore.workers import DeliveriesWorker, Delivery, DeliveryKind, Message, apply_deliveries

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def make_send(*emails: str) -> EmailSend:
    author = await Author(clerk_id="c1", name="Ada", email="a@example.com").insert()
    post = await Post(title="P", content="…", post_url="p", author_id=author.id).insert()
    send: EmailSend = EmailSend(post_id=post.id, subject="P", from_email="n@example.com", resend_email_id="re_1")
    await send.insert()
    for email in emails:
        member = await Member(email=email).insert()
        await EmailRecipient(email_send_id=send.id, member_id=member.id, email=email).insert()
    return send


def report(send: EmailSend, number: int, kind: str, email: str = "m@example.com", minute: int = 0) -> Delivery:
    return Delivery(
        event_id=f"e{number}",
        kind=DeliveryKind(kind),
        email_send_id=send.id,
        email=email,
        at=NOON + timedelta(minutes=minute),
    )


async def standing() -> dict[str, Any]:
    """Everything that reports count."""
    send, post = await EmailSend.find_one(), await Post.find_one()
    assert send is not None
    assert post is not None
    recipients = {
        row.email: (
            *(row.delivered, row.opened, row.clicked, row.bounced, row.open_count, row.click_count),
            *(row.first_opened_at, row.last_opened_at),
        )
        async for row in EmailRecipient.find()
    }
    members = {
        row.email: (
            *(row.total_emails_received, row.total_emails_opened, row.total_emails_clicked, row.total_bounces),
            *(row.last_email_opened_at, row.unsubscribed),
        )
        async for row in Member.find()
    }
    return {
        "send": (send.status, send.delivered_at, send.opened_at, send.clicked_at, send.last_event_at),
        "post": (post.emails_delivered, post.emails_opened, post.unique_opens),
        "recipients": recipients,
        "members": members,
        "events": await EmailEvent.find().count(),
    }


@pytest.mark.parametrize("seed", range(4))
async def test_order_and_repeats_make_no_difference(store: Store, seed: int) -> None:
    send = await make_send("m@example.com", "x@example.com")
    reports = [
        report(send, 0, "sent"),
        report(send, 1, "delivered", minute=1),
        report(send, 2, "opened", minute=5),
        report(send, 3, "opened", minute=3),
        report(send, 4, "clicked", minute=6),
        report(send, 5, "bounced", "x@example.com", minute=2),
        report(send, 6, "unsubscribed", "x@example.com", minute=2),
        report(send, 7, "delivered", "X@EXAMPLE.com", minute=9),
        report(send, 8, "opened", "stranger@example.com", minute=4),
    ]
    shuffled = [*reports, *reports[:4]]
    random.Random(seed).shuffle(shuffled)
    while shuffled:
        size = min(len(shuffled), 1 + seed)
        await apply_deliveries(shuffled[:size])
        shuffled = shuffled[size:]
    found = await standing()
    assert found["send"] == (
        EmailSendStatus.CLICKED,
        NOON + timedelta(minutes=1),
        NOON + timedelta(minutes=3),
        NOON + timedelta(minutes=6),
        NOON + timedelta(minutes=9),
    )
    assert found["post"] == (2, 2, 1)
    minute3, minute5 = NOON + timedelta(minutes=3), NOON + timedelta(minutes=5)
    assert found["recipients"] == {
        "m@example.com": (True, True, True, False, 2, 1, minute3, minute5),
        "x@example.com": (True, False, False, True, 0, 0, None, None),
    }
    assert found["members"] == {
        "m@example.com": (1, 2, 1, 0, minute5, False),
        "x@example.com": (1, 0, 0, 1, None, True),
    }
    assert found["events"] == 9


@pytest.mark.parametrize(
    ("kinds", "emails", "status"),
    [
        (["bounced"], 1, EmailSendStatus.BOUNCED),
        (["bounced"], 2, EmailSendStatus.SENT),
        (["opened", "delivered"], 2, EmailSendStatus.OPENED),
        (["delivered", "complained"], 1, EmailSendStatus.COMPLAINED),
    ],
)
async def test_the_furthest_an_email_got(store: Store, kinds: list[str], emails: int, status: EmailSendStatus) -> None:
    send = await make_send(*(f"m{number}@example.com" for number in range(emails)))
    assert await apply_deliveries(report(send, number, kind) for number, kind in enumerate(kinds)) == len(kinds)
    found = await EmailSend.get(send.id)
    assert found is not None
    assert found.status is status


async def test_a_webhook_is_read_as_it_came(store: Store) -> None:
    await make_send("m@example.com")
    hook = {
        "type": "email.clicked",
        "created_at": "2026-03-01T12:05:00.000Z",
        "data": {"email_id": "re_1", "to": ["m@example.com"], "click": {"link": "https://example.com/x"}},
    }
    message = Message("email.events", json.dumps(hook).encode(), headers={"svix-id": "msg_1"})
    for _ in range(2):
        await DeliveriesWorker().handle(message)
    (event,) = await EmailEvent.find().to_list()
    assert (event.event_id, event.event_type, event.link_url) == ("msg_1", "clicked", "https://example.com/x")
    assert json.loads(event.raw_payload) == hook
    assert (await standing())["recipients"]["m@example.com"][:3] == (True, False, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"eventId": "e", "type": "eaten", "emailId": "re_1", "at": "2026-03-01T12:00:00Z"}, "type"),
        ({"type": "opened", "emailId": "re_1", "at": "2026-03-01T12:00:00Z"}, "eventId"),
        ({"eventId": "e", "type": "opened", "emailId": "nothing", "at": "2026-03-01T12:00:00Z"}, "emailSendId"),
        ({"eventId": "e", "type": "opened", "at": "2026-03-01T12:00:00Z"}, "emailSendId"),
    ],
)
async def test_what_is_no_report_names_the_field_and_writes_nothing(
    store: Store, body: dict[str, Any], field: str
) -> None:
    await make_send("m@example.com")
    with pytest.raises(ValidationFailed) as caught:
        await DeliveriesWorker().handle(Message("email.events", json.dumps(body).encode()))
    assert caught.value.field == field
    assert await EmailEvent.find().count() == 0


def webhook(kind: str, to: str, **data: Any) -> Message:
    body = {"id": f"{kind} {to}", "type": kind, "created_at": NOON.isoformat(), "data": {"to": [to], **data}}
    return Message("email.events", json.dumps(body).encode())


@pytest.mark.parametrize("kind", ["delivery_delayed", "scheduled", "suppressed"])
async def test_what_says_nothing_yet_is_kept_and_changes_nothing(store: Store, kind: str) -> None:
    await make_send("m@example.com")
    before = await standing()
    await DeliveriesWorker().handle(webhook(f"email.{kind}", "m@example.com", email_id="re_1"))
    after = await standing()
    assert (after.pop("events"), before.pop("events")) == (1, 0)
    assert (after["recipients"], after["members"], after["post"]) == (
        before["recipients"],
        before["members"],
        before["post"],
    )
    assert after["send"][0] is EmailSendStatus.SENT


@pytest.mark.parametrize("kind", ["complained", "unsubscribed"])
async def test_who_leaves_after_an_email_without_recipients_leaves_too(store: Store, kind: str) -> None:
    await make_send()
    await Member(email="m@example.com").insert()
    await DeliveriesWorker().handle(webhook(f"email.{kind}", "Ada <M@Example.com>", email_id="re_1"))
    member = await Member.find_one()
    assert member is not None
    assert member.unsubscribed


async def test_a_click_without_a_link_is_a_click(store: Store) -> None:
    await make_send("m@example.com")
    await DeliveriesWorker().handle(webhook("email.clicked", "m@example.com", email_id="re_1", click="?"))
    recipient = await EmailRecipient.find_one()
    assert recipient is not None
    assert recipient.clicked
