"""Newsletters: a published newsletter post becomes one delivery to each subscribed member.

Deliveries are written in batches, each in one transaction with the ``newsletter.send`` event that hands it to the
sender. Who was written before is left out, so a worker that died half-way goes on where it was.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from email.utils import parseaddr
from functools import partial
from typing import Any, ClassVar, Final

from pydantic import JsonValue, ValidationError

from docstore.documents import DocumentId, Event, PydanticObjectId, UtcDateTime, emit, run_in_transaction, utc_now
from docstore.documents.filters import In
from docstore.errors import SettingsError, UniqueViolation
from docstore.models import EmailRecipient, EmailSend, Member, Post, PostPublished, PostStatus
from docstore.outbox import handle_once, was_handled
from docstore.workers.audiences import recipients_of
from docstore.workers.events import event_in
from docstore.workers.messages import Message

BATCH: Final = 500
_IDS_AT_ONCE: Final = 100
"""Members asked for in one question: not every server takes long lists lightly."""
_READ_AT_ONCE: Final = 20
"""Members come from the driver's buffer, and reading them would let nothing else have its turn."""
DEFAULT_SENDER: Final = "newsletter@localhost"

_log = logging.getLogger("docstore.workers")


class NewsletterBatch(Event):
    """Deliveries that are to be sent, some of one newsletter's. The aggregate is the EmailSend.

    `tries` counts how often the provider put them off, `due` is until when it did so last.
    """

    name: ClassVar[str] = "newsletter.send"
    collection: ClassVar[str] = "EmailSend"

    post_id: DocumentId
    subject: str
    from_email: str
    recipients: tuple[dict[str, JsonValue], ...]
    tries: int = 0
    due: UtcDateTime | None = None

    def key(self) -> str:
        """The send's id; of what was put off a key of its own, so that nothing waits with it."""
        return f"{self.aggregate_id}/{self.tries}/{self.recipients[0]['recipientId']}" if self.tries else super().key()

    def not_before(self) -> datetime | None:
        """When the provider may take it."""
        return self.due


class NewsletterWorker:
    """Consumes ``post.published``.

    A post is sent once, however often it is published. One that is no newsletter, is gone, or is not published any
    more when its turn comes is passed over. Deleting the EmailSend calls a newsletter off.

    Args:
        from_email: the sender's address, as recorded and as handed to the sender.
        batch: deliveries in one transaction and one message.

    Raises:
        SettingsError: `from_email` is no e-mail address.
    """

    group: ClassVar[str] = "docstore-newsletter"
    topics: ClassVar[tuple[str, ...]] = (PostPublished.name,)

    def __init__(self, *, from_email: str = DEFAULT_SENDER, batch: int = BATCH) -> None:
        if "@" not in parseaddr(from_email)[1]:
            raise SettingsError(
                "the sender of newsletters is no e-mail address.",
                hint='Examples: news@example.com, "Ada, Inc." <news@example.com>; a comma needs the quotes.',
                field="NEWSLETTER_FROM",
            )
        self._from_email = from_email
        self._batch = batch

    async def handle(self, message: Message) -> None:
        """Write the deliveries of the post that was published.

        Raises:
            ValidationFailed: the message is no post.published.
        """
        event = event_in(message, PostPublished)
        if not event.is_newsletter or (message.event_id and await was_handled(self.group, message.event_id)):
            return
        post = await Post.get(event.aggregate_id)
        if post is None or post.status is not PostStatus.PUBLISHED:
            _log.info("Post %s is not published any more; its newsletter is not sent.", event.aggregate_id)
            return
        send = await self._open_send(post)
        if send.is_deleted:
            _log.info("The newsletter of post %s was called off.", post.id)
            return
        if send.sent_at is None:
            await self._deliver(post, send)

        async def finish() -> None:
            await _finish(post, send)

        if message.event_id:
            await handle_once(self.group, message.event_id, finish)
        else:
            await run_in_transaction(finish)

    async def _open_send(self, post: Post) -> EmailSend:
        # The id follows from the post, so whoever comes second finds the first one's.
        send_id = _id_of(f"newsletter of post {post.id}")
        known = await _send_with(send_id)
        if known is not None:
            return known
        send: EmailSend = EmailSend(id=send_id, post_id=post.id, subject=post.title, from_email=self._from_email)
        try:
            await send.insert()
        except UniqueViolation:
            known = await _send_with(send_id)
            if known is None:
                raise
            return known
        return send

    async def _deliver(self, post: Post, send: EmailSend) -> None:
        writing: asyncio.Task[None] | None = None
        try:
            async for members in self._batches(post):
                # The next batch is read and made while this one is written, and no further: memory stays what it is.
                deliveries = _deliveries(send, members)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(_write_deliveries(post, send, members, deliveries))
            if writing is not None:
                await writing
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _batches(self, post: Post) -> AsyncIterator[list[Member]]:
        batch: list[Member] = []
        async for member in recipients_of(post):
            batch.append(member)
            if len(batch) % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            if len(batch) >= self._batch:
                yield batch
                batch = []
        if batch:
            yield batch


async def _send_with(send_id: PydanticObjectId) -> EmailSend | None:
    found: EmailSend | None = await EmailSend.with_deleted.get(send_id)
    return found


async def _write_deliveries(
    post: Post, send: EmailSend, members: Sequence[Member], wanted: Mapping[str, EmailRecipient]
) -> None:
    """Write the deliveries to members that are not there yet, with the event that hands them on."""
    while wanted:
        try:
            await run_in_transaction(partial(_write, post, send, list(wanted.values())))
        except UniqueViolation:
            # Somebody was here before, this worker before it died, or is here now: another one.
            there = await _written(send, wanted)
            if not there:
                raise
            # Made anew: those that were to be inserted are not what they were.
            left = wanted.keys() - there
            wanted = {email: each for email, each in _deliveries(send, members).items() if email in left}
        else:
            return


async def _write(post: Post, send: EmailSend, deliveries: Sequence[EmailRecipient]) -> None:
    for start in range(0, len(deliveries), _IDS_AT_ONCE):
        await EmailRecipient.insert_many(list(deliveries[start : start + _IDS_AT_ONCE]))
    await emit(_batch_of(post, send, deliveries))


async def _written(send: EmailSend, deliveries: Mapping[str, EmailRecipient]) -> set[str]:
    """The addresses whose deliveries are there: under their own id, deleted ones included, or under another one."""
    there: set[str] = set()
    emails = list(deliveries)
    for start in range(0, len(emails), _IDS_AT_ONCE):
        part = emails[start : start + _IDS_AT_ONCE]
        by_id = {deliveries[email].id: email for email in part}
        there |= {by_id[row.id] async for row in EmailRecipient.with_deleted.find(In(EmailRecipient.id, list(by_id)))}
        same = EmailRecipient.find(EmailRecipient.email_send_id == send.id, In(EmailRecipient.email, part))
        there |= {row.email async for row in same}
    return there


def _batch_of(post: Post, send: EmailSend, deliveries: Sequence[EmailRecipient]) -> NewsletterBatch:
    return NewsletterBatch(
        aggregate_id=_stored_id(send),
        post_id=_stored_id(post),
        subject=send.subject,
        from_email=send.from_email,
        recipients=tuple(
            {"recipientId": str(each.id), "email": each.email, "memberId": str(each.member_id)} for each in deliveries
        ),
    )


def _deliveries(send: EmailSend, members: Sequence[Member]) -> dict[str, EmailRecipient]:
    deliveries: dict[str, EmailRecipient] = {}
    for member in members:
        try:
            delivery = EmailRecipient(email_send_id=_stored_id(send), member_id=member.id, email=member.email)
        except ValidationError:
            # An old record; one bad address must not keep the newsletter from everybody else.
            _log.warning("Member %s has no valid e-mail address, and gets no newsletter.", member.id)
            continue
        # The id follows from the e-mail and the address, so that nobody is written twice whatever indexes there are.
        delivery.id = _id_of(f"{send.id} to {delivery.email}")
        deliveries.setdefault(delivery.email, delivery)
    return deliveries


async def _finish(post: Post, send: EmailSend) -> None:
    """Say that everybody is written; the first to say so counts them on the post."""
    now = utc_now()
    done = await EmailSend.get_pymongo_collection().update_one(
        {"_id": send.id, "sentAt": None}, {"$set": {"sentAt": now}}
    )
    if done.modified_count:
        total = await EmailRecipient.find({"emailSendId": send.id}).count()
        await Post.get_pymongo_collection().update_one({"_id": post.id}, {"$set": {"emailsSent": total}})


def _stored_id(document: Any) -> PydanticObjectId:
    assert document.id is not None
    return PydanticObjectId(document.id)


def _id_of(what: str) -> DocumentId:
    return DocumentId(hashlib.sha256(what.encode()).digest()[:12])
