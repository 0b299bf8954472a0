"""The sender: hands the deliveries of newsletters to a mail provider, each once as far as that can be."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from docstore.clients.leases import MongoLease
from docstore.clients.mail import MailProvider
from docstore.documents import DocumentId, emit, server_now, translated, utc_now
from docstore.documents.filters import In
from docstore.errors import ValidationFailed
from docstore.models import EmailSend, Member, Post
from docstore.outbox import InboxEntry, handle_once
from docstore.workers.deliveries import Delivery, DeliveryKind, apply_deliveries
from docstore.workers.events import event_in
from docstore.workers.mails import check_unsubscribe_url, newsletter_mail
from docstore.workers.messages import Message
from docstore.workers.newsletter import NewsletterBatch
from docstore.workers.sending_round import Recipient, SendingRound

PUT_OFF_FOR: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
"""After how long an e-mail that the provider does not take yet is tried again, the first time, the second, …"""

_GROUP: Final = "docstore-sender"
_LEASE_S: Final = 30.0
_SLICE: Final = 50

_log = logging.getLogger("docstore.workers")


class SenderWorker:
    """Consumes ``newsletter.send``.

    Who unsubscribed or was deleted meanwhile gets nothing. The batches of a newsletter are sent one after the other,
    however many of these workers there are. What was sent is written down right after the provider took it, so a batch
    that comes again sends what is missing; an e-mail that was on its way when a worker died may be sent twice, under
    the same key. An address that the provider refuses for good counts as bounced. One that it takes later (as mail
    servers that greylist do) is tried again after `PUT_OFF_FOR`, by a message of its own; neither keeps anybody else.

    Args:
        provider: sends e-mails; one that is a context manager is left with the worker.
        unsubscribe_url: where a reader can unsubscribe, ``{email}`` and ``{member}`` filled in; None leaves the link
            and the ``List-Unsubscribe`` header out.

    Raises:
        SettingsError: `unsubscribe_url` cannot be filled in.
    """

    group: ClassVar[str] = _GROUP
    topics: ClassVar[tuple[str, ...]] = (NewsletterBatch.name,)

    def __init__(self, provider: MailProvider, *, unsubscribe_url: str | None = None) -> None:
        check_unsubscribe_url(unsubscribe_url)
        self._provider = provider
        self._unsubscribe_url = unsubscribe_url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the provider's connection, where it is a context manager."""
        if isinstance(self._provider, AbstractAsyncContextManager):
            await self._provider.__aexit__(kind, error, trace)

    async def handle(self, message: Message) -> None:
        """Send what of a batch is not sent yet.

        Raises:
            ValidationFailed: the message is no newsletter.send, or holds e-mails that were put off too often.
            ServerUnavailable, OperationTimeout, AccessDenied: the provider takes nothing now.
        """
        batch = event_in(message, NewsletterBatch)
        # When its partition moves, a batch may be in two workers' hands; the second has to see what the first sent.
        async with MongoLease(_database(), f"newsletter {batch.aggregate_id}", ttl=_LEASE_S, waiting=None):
            put_off = await self._send_all(batch)
        if put_off:
            await _try_later(message, batch, put_off)

    async def _send_all(self, batch: NewsletterBatch) -> list[Recipient]:
        """Send in slices, each to who is to get it by then; who is put off."""
        put_off: list[Recipient] = []
        for start in range(0, len(batch.recipients), _SLICE):
            post, send = await Post.get(batch.post_id), await EmailSend.get(batch.aggregate_id)
            if post is None or send is None:
                _log.info("The post or the send %s is gone; nothing is sent.", batch.aggregate_id)
                return []
            sending = SendingRound(partial(self._send, post, send))
            await sending.run(await _waiting(batch.recipients[start : start + _SLICE]))
            put_off += sending.put_off
        return put_off

    async def _send(self, post: Post, send: EmailSend, recipient: Recipient) -> None:
        try:
            await self._provider.send(newsletter_mail(post, send, recipient, self._unsubscribe_url))
        except ValidationFailed as error:
            _log.warning("The provider refused the e-mail of recipient %s: %s", recipient["recipientId"], error)
            await apply_deliveries([_failed(send, recipient)])
        await InboxEntry(id=_sent_id(recipient), consumer=_GROUP, event_id=str(recipient["recipientId"])).insert()


async def _waiting(recipients: Sequence[Recipient]) -> list[Recipient]:
    """The recipients who were not sent to, are still members, and have not unsubscribed."""
    sent = {row.id async for row in InboxEntry.find(In(InboxEntry.id, [_sent_id(each) for each in recipients]))}
    members = {str(each["memberId"]) for each in recipients if DocumentId.is_valid(str(each["memberId"]))}
    ids = [DocumentId(each) for each in members]
    wanted = {"_id": {"$in": ids}, "unsubscribed": {"$in": [False, None]}}
    with translated("Member"):
        subscribed = {str(row["_id"]) async for row in Member.get_pymongo_collection().find(wanted, {"_id": 1})}
    gone = members - subscribed
    return [each for each in recipients if _sent_id(each) not in sent and str(each["memberId"]) not in gone]


async def _try_later(message: Message, batch: NewsletterBatch, recipients: Sequence[Recipient]) -> None:
    """Have the e-mails that the provider takes later tried again, by a message of their own."""
    if batch.tries >= len(PUT_OFF_FOR):
        raise ValidationFailed(
            f"the mail provider put {len(recipients)} e-mails off {len(PUT_OFF_FOR) + 1} times.",
            hint="`docstore dead-letters retry` sends them when it takes them.",
        )
    due = await server_now(EmailSend) + PUT_OFF_FOR[batch.tries]
    later = batch.model_copy(update={"recipients": tuple(recipients), "tries": batch.tries + 1, "due": due})
    _log.warning("The provider takes %d e-mails of send %s later.", len(recipients), batch.aggregate_id)
    if message.event_id:
        await handle_once(_GROUP, f"{message.event_id}/later", partial(emit, later))
    else:
        await emit(later)


def _database() -> Any:
    return EmailSend.get_pymongo_collection().database


def _sent_id(recipient: Mapping[str, Any]) -> str:
    return f"{_GROUP}/{recipient['recipientId']}"


def _failed(send: EmailSend, recipient: Mapping[str, Any]) -> Delivery:
    assert send.id is not None
    return Delivery(
        event_id=f"refused:{recipient['recipientId']}",
        kind=DeliveryKind.FAILED,
        email_send_id=DocumentId(send.id),
        email=str(recipient["email"]),
        at=utc_now(),
    )
