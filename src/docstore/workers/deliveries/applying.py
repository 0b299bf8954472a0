"""Applying reports: those of one e-mail together, in one transaction with what remembers them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from pymongo import UpdateOne

from docstore.documents import run_in_transaction
from docstore.documents.filters import In
from docstore.errors import ValidationFailed
from docstore.models import EmailEvent, EmailRecipient, EmailSend, Member, Post
from docstore.outbox import InboxEntry
from docstore.workers.deliveries.following import LEAVING, Tally, follow, furthest
from docstore.workers.deliveries.reports import TOPIC, Delivery, DeliveryKind
from docstore.workers.messages import Message

_GROUP: Final = "docstore-deliveries"
_AT_ONCE: Final = 200


class DeliveriesWorker:
    """Consumes ``email.events``. Repeats do nothing."""

    group: ClassVar[str] = _GROUP
    topics: ClassVar[tuple[str, ...]] = (TOPIC,)

    async def handle(self, message: Message) -> None:
        """Let records follow a report.

        Raises:
            ValidationFailed: the message is no report, or of an e-mail nobody sent.
        """
        await self.handle_many([message])

    async def handle_many(self, messages: Sequence[Message]) -> None:
        """As `handle`, in one transaction for each e-mail."""
        await apply_deliveries([Delivery.from_message(message) for message in messages])


async def apply_deliveries(deliveries: Iterable[Delivery]) -> int:
    """Let sends, recipients, members and posts follow reports; how many were new.

    Raises:
        ValidationFailed: a report is of an e-mail nobody sent; those of others are applied, or not yet.
    """
    by_send: defaultdict[Any, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        by_send[await _send_id_of(delivery)].append(delivery)
    applied = 0
    for send_id, reports in by_send.items():
        for start in range(0, len(reports), _AT_ONCE):
            part = reports[start : start + _AT_ONCE]
            applied += await run_in_transaction(partial(_apply, send_id, part))
    return applied


async def _send_id_of(delivery: Delivery) -> Any:
    for name, value in (
        ("_id", delivery.email_send_id),
        ("resendEmailId", delivery.resend_email_id),
        ("broadcastId", delivery.broadcast_id),
    ):
        if value is not None:
            send = await EmailSend.get_pymongo_collection().find_one({name: value}, {"_id": 1})
            if send is not None:
                return send["_id"]
    raise ValidationFailed(
        "a report of a delivery names no e-mail that was sent.",
        hint="It needs emailSendId, emailId (EmailSend.resendEmailId) or broadcastId of a living EmailSend.",
        field="emailSendId",
    )


async def _apply(send_id: Any, reports: Sequence[Delivery]) -> int:
    fresh = await _unseen(reports)
    if not fresh:
        return 0
    await InboxEntry.insert_many(
        [InboxEntry(id=f"{_GROUP}/{each.event_id}", consumer=_GROUP, event_id=each.event_id) for each in fresh]
    )
    await EmailEvent.insert_many(
        [
            EmailEvent(
                email_send_id=send_id,
                event_type=each.kind.value,
                event_id=each.event_id,
                recipient_email=each.email,
                link_url=each.link_url,
                raw_payload=each.raw,
            )
            for each in fresh
        ]
    )
    tally = await _follow_recipients(send_id, fresh)
    post_id = await _follow_send(send_id, fresh)
    await _follow_post(post_id, tally)
    await _follow_members(tally)
    return len(fresh)


async def _unseen(reports: Sequence[Delivery]) -> list[Delivery]:
    first = {each.event_id: each for each in reversed(reports)}
    keys = [f"{_GROUP}/{event_id}" for event_id in first]
    seen = {row.event_id async for row in InboxEntry.find(In(InboxEntry.id, keys))}
    return [each for event_id, each in reversed(first.items()) if event_id not in seen]


async def _follow_recipients(send_id: Any, reports: Sequence[Delivery]) -> Tally:
    emails = sorted({each.email for each in reports if each.email})
    rows = EmailRecipient.find(EmailRecipient.email_send_id == send_id, In(EmailRecipient.email, emails))
    recipients = {row.email: row async for row in rows}
    tally = Tally()
    changed: dict[str, dict[str, Any]] = defaultdict(dict)
    for report in reports:
        recipient = recipients.get(report.email or "")
        if report.kind in LEAVING and report.email and (recipient is None or recipient.member_id is None):
            # E-mails that are no newsletters have no such rows, and their readers leave as well.
            tally.unsubscribed_addresses.add(report.email)
        if recipient is not None:
            changed[recipient.email] |= follow(recipient, report, tally)
    writes = [UpdateOne({"_id": recipients[email].id}, {"$set": each}) for email, each in changed.items() if each]
    if writes:
        await EmailRecipient.get_pymongo_collection().bulk_write(writes)
    return tally


async def _follow_send(send_id: Any, reports: Sequence[Delivery]) -> Any:
    """Let the send follow; the id of its post."""
    send = await EmailSend.get(send_id)
    if send is None:
        return None
    alone = await EmailRecipient.find({"emailSendId": send_id}).count() <= 1
    for report in reports:
        send.status = furthest(send.status, report.kind, alone=alone)
        send.last_event_at = max(report.at, send.last_event_at or report.at)
        name = _INSTANTS.get(report.kind)
        if name is not None:
            setattr(send, name, min(report.at, getattr(send, name) or report.at))
    await send.save()
    return send.post_id


_INSTANTS: Final = {
    DeliveryKind.DELIVERED: "delivered_at",
    DeliveryKind.OPENED: "opened_at",
    DeliveryKind.CLICKED: "clicked_at",
    DeliveryKind.BOUNCED: "bounced_at",
}


async def _follow_post(post_id: Any, tally: Tally) -> None:
    more = {"emailsDelivered": tally.delivered, "emailsOpened": tally.opens, "uniqueOpens": tally.unique_opens}
    if post_id is not None and any(more.values()):
        await Post.get_pymongo_collection().update_one({"_id": post_id}, {"$inc": more})


async def _follow_members(tally: Tally) -> None:
    writes: list[UpdateOne] = []
    for member, counts in tally.members.items():
        update: dict[str, Any] = {}
        if counts:
            update["$inc"] = dict(counts)
        if member in tally.unsubscribed:
            update["$set"] = {"unsubscribed": True}
        if member is not None and update:
            writes.append(UpdateOne({"_id": member}, update))
        if member is not None and member in tally.opened_at:
            # `$max` takes a null for less than any date.
            writes.append(UpdateOne({"_id": member}, {"$max": {"lastEmailOpenedAt": tally.opened_at[member]}}))
    if tally.unsubscribed_addresses:
        left = {"email": {"$in": sorted(tally.unsubscribed_addresses)}}
        await Member.get_pymongo_collection().update_many(left, {"$set": {"unsubscribed": True}})
    if writes:
        await Member.get_pymongo_collection().bulk_write(writes)
