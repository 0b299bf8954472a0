"""The sender: hands the deliveries of newsletters to a mail provider, each once as far as that can be."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from docstore.clients.leases import MongoLease
from docstore.clients.mail import Mail, MailProvider
from docstore.documents import DocumentId, utc_now
from docstore.documents.filters import In
from docstore.errors import ValidationFailed
from docstore.models import EmailSend, Member, Post
from docstore.outbox import InboxEntry
from docstore.workers.deliveries import Delivery, DeliveryKind, apply_deliveries
from docstore.workers.events import event_in
from docstore.workers.messages import Message
from docstore.workers.newsletter import NewsletterBatch

AT_ONCE: Final = 10
"""E-mails on their way to the provider at the same time."""

_GROUP: Final = "docstore-sender"
_LEASE_S: Final = 30.0
_TAG: Final = re.compile(r"<[^>]+>")

_log = logging.getLogger("docstore.workers")


class SenderWorker:
    """Consumes ``newsletter.send``.

    Who unsubscribed meanwhile gets nothing. The batches of a newsletter are sent one after the other, however many of
    these workers there are. What was sent is written down right after the provider took it, so a batch
    that comes again sends what is missing; an e-mail that was on its way when a worker died may be sent twice, under
    the same key. An address that the provider refuses for good counts as failed, and keeps nobody else.

    Args:
        provider: sends e-mails.
        unsubscribe_url: where a reader can unsubscribe, ``{email}`` and ``{member}`` filled in; None leaves the link
            and the ``List-Unsubscribe`` header out.
    """

    group: ClassVar[str] = _GROUP
    topics: ClassVar[tuple[str, ...]] = (NewsletterBatch.name,)

    def __init__(self, provider: MailProvider, *, unsubscribe_url: str | None = None) -> None:
        self._provider = provider
        self._unsubscribe_url = unsubscribe_url

    async def handle(self, message: Message) -> None:
        """Send what of a batch is not sent yet.

        Raises:
            ValidationFailed: the message is no newsletter.send.
            ServerUnavailable, OperationTimeout, ServiceError: the provider takes nothing now.
        """
        batch = event_in(message, NewsletterBatch)
        post = await Post.get(batch.post_id)
        send = await EmailSend.get(batch.aggregate_id)
        if post is None or send is None:
            _log.info("The post or the send %s is gone; nothing is sent.", batch.aggregate_id)
            return
        # When its partition moves, a batch may be in two workers' hands; the second has to see what the first sent.
        async with MongoLease(_database(), f"newsletter {send.id}", ttl=_LEASE_S, waiting=None):
            await self._send_all(post, send, await self._waiting(batch.recipients))

    async def _send_all(self, post: Post, send: EmailSend, waiting: Sequence[Mapping[str, Any]]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(recipient: Mapping[str, Any]) -> None:
            async with gate:
                await self._send(post, send, recipient)

        outcomes = await asyncio.gather(*(one(each) for each in waiting), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _waiting(self, recipients: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The recipients who were not sent to, and have not unsubscribed."""
        keys = [_sent_id(each) for each in recipients]
        sent = {row.id async for row in InboxEntry.find(In(InboxEntry.id, keys))}
        members = [DocumentId(each["memberId"]) for each in recipients if DocumentId.is_valid(str(each["memberId"]))]
        left = Member.find(In(Member.id, members), {"unsubscribed": True})
        unsubscribed = {str(member.id) async for member in left}
        return [each for each in recipients if _sent_id(each) not in sent and str(each["memberId"]) not in unsubscribed]

    async def _send(self, post: Post, send: EmailSend, recipient: Mapping[str, Any]) -> None:
        mail = self._mail(post, send, recipient)
        try:
            await self._provider.send(mail)
        except ValidationFailed as error:
            _log.warning("The provider refused the e-mail of recipient %s: %s", recipient["recipientId"], error)
            await apply_deliveries([_failed(send, recipient)])
        await InboxEntry(id=_sent_id(recipient), consumer=_GROUP, event_id=str(recipient["recipientId"])).insert()

    def _mail(self, post: Post, send: EmailSend, recipient: Mapping[str, Any]) -> Mail:
        address, headers, footer = str(recipient["email"]), dict[str, str](), ""
        if self._unsubscribe_url is not None:
            url = self._unsubscribe_url.format(email=quote(address), member=quote(str(recipient["memberId"])))
            headers = {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
            footer = url
        body = post.content or ""
        link = f'<p><a href="{html.escape(footer)}">Unsubscribe</a></p>' if footer else ""
        return Mail(
            to=address,
            sender=send.from_email,
            subject=send.subject,
            html=f"<h1>{html.escape(post.title)}</h1>\n{body}\n{link}",
            text="\n\n".join(part for part in (post.title, html.unescape(_TAG.sub("", body)), footer) if part),
            key=str(recipient["recipientId"]),
            headers={"X-Entity-Ref-ID": str(send.id), **headers},
        )


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
