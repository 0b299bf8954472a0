"""What reports mean: for a recipient, for the e-mail, and added up for the post and the members."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from docstore.models import EmailRecipient, EmailSendStatus
from docstore.workers.deliveries.reports import Delivery, DeliveryKind

_LADDER: Final = (
    EmailSendStatus.SENT,
    EmailSendStatus.DELIVERED,
    EmailSendStatus.OPENED,
    EmailSendStatus.CLICKED,
)

LEAVING: Final = frozenset({DeliveryKind.UNSUBSCRIBED, DeliveryKind.COMPLAINED})
"""Whose reader wants no more e-mails."""


@dataclass
class Tally:
    """What some reports add up to."""

    delivered: int = 0
    opens: int = 0
    unique_opens: int = 0
    members: defaultdict[Any, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    opened_at: dict[Any, datetime] = field(default_factory=dict)
    unsubscribed: set[Any] = field(default_factory=set)
    unsubscribed_addresses: set[str] = field(default_factory=set)


def follow(recipient: EmailRecipient, report: Delivery, tally: Tally) -> dict[str, Any]:
    """Let a recipient follow a report, and add up what it means for others; the stored fields that changed.

    Who opened or clicked an e-mail has it, though the report of its delivery is still on its way.
    """
    before = recipient.model_dump(by_alias=True, mode="python")
    member, counts = recipient.member_id, tally.members[recipient.member_id]
    if report.kind in (DeliveryKind.DELIVERED, DeliveryKind.OPENED, DeliveryKind.CLICKED) and not recipient.delivered:
        recipient.delivered = True
        tally.delivered += 1
        counts["totalEmailsReceived"] += 1
    if report.kind is DeliveryKind.OPENED:
        tally.opens += 1
        tally.unique_opens += not recipient.opened
        counts["totalEmailsOpened"] += 1
        recipient.opened, recipient.open_count = True, recipient.open_count + 1
        recipient.first_opened_at = min(report.at, recipient.first_opened_at or report.at)
        recipient.last_opened_at = max(report.at, recipient.last_opened_at or report.at)
        tally.opened_at[member] = max(report.at, tally.opened_at.get(member, report.at))
    if report.kind is DeliveryKind.CLICKED:
        recipient.clicked, recipient.click_count = True, recipient.click_count + 1
        counts["totalEmailsClicked"] += 1
    if report.kind in (DeliveryKind.BOUNCED, DeliveryKind.FAILED) and not recipient.bounced:
        recipient.bounced = True
        counts["totalBounces"] += 1
    if report.kind in LEAVING:
        tally.unsubscribed.add(member)
    after = recipient.model_dump(by_alias=True, mode="python")
    return {name: value for name, value in after.items() if before[name] != value}


def furthest(status: EmailSendStatus, kind: DeliveryKind, *, alone: bool) -> EmailSendStatus:
    """The furthest an e-mail got. That one of many recipients could not be reached does not make it bounced."""
    negative = {
        DeliveryKind.BOUNCED: EmailSendStatus.BOUNCED,
        DeliveryKind.COMPLAINED: EmailSendStatus.COMPLAINED,
        DeliveryKind.FAILED: EmailSendStatus.FAILED,
    }
    if kind in negative:
        worst = list(EmailSendStatus)
        return max(status, negative[kind], key=worst.index) if alone else status
    positive = {
        DeliveryKind.DELIVERED: EmailSendStatus.DELIVERED,
        DeliveryKind.OPENED: EmailSendStatus.OPENED,
        DeliveryKind.CLICKED: EmailSendStatus.CLICKED,
    }
    if kind not in positive or status not in _LADDER:
        return status
    return max(status, positive[kind], key=_LADDER.index)
