"""Newsletters reach each member once, whatever fails in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from docstore.clients.mail import Mail
from docstore.errors import ServerUnavailable, ValidationFailed
from docstore.models import EmailRecipient, EmailSend, Member, Post
from docstore.store import Store
from docstore.workers import Message, NewsletterWorker, SenderWorker

Waiting = Callable[..., Awaitable[list[Message]]]


@dataclass
class RecordingMail:
    """A double of a mail provider; `fault` is asked first, what it returns is raised."""

    sent: list[Mail] = field(default_factory=list)
    fault: Callable[[Mail], Exception | None] = lambda mail: None

    async def send(self, mail: Mail) -> str:
        if error := self.fault(mail):
            raise error
        self.sent.append(mail)
        return mail.key

    @property
    def addresses(self) -> list[str]:
        return sorted(mail.to for mail in self.sent)


@pytest.fixture
async def batches(store: Store, members: list[Member], newsletter: Post, waiting: Waiting) -> list[Message]:
    (published,) = await waiting("post.published")
    await NewsletterWorker(from_email="news@example.com", batch=3).handle(published)
    return await waiting("newsletter.send")


def addresses(*numbers: int) -> list[str]:
    return [f"m{number}@example.com" for number in numbers]


async def test_each_subscribed_member_gets_one_also_when_batches_repeat(batches: list[Message]) -> None:
    provider = RecordingMail()
    worker = SenderWorker(provider, unsubscribe_url="https://example.com/u?e={email}")
    for message in (*batches, *batches):
        await worker.handle(message)
    assert provider.addresses == addresses(1, 2, 3, 4, 6, 7, 8, 9)
    mail = provider.sent[0]
    assert (mail.sender, mail.subject) == ("news@example.com", "News")
    assert mail.headers["List-Unsubscribe"].startswith("<https://example.com/u?e=m")
    assert "%40" in mail.html
    recipient = await EmailRecipient.get(mail.key)
    assert recipient is not None
    assert recipient.email == mail.to


async def test_who_unsubscribed_meanwhile_gets_nothing(batches: list[Message]) -> None:
    await Member.find(Member.email == "m3@example.com").update({"$set": {"unsubscribed": True}})
    await Member.find(Member.email == "m4@example.com").delete()
    provider = RecordingMail()
    for message in batches:
        await SenderWorker(provider).handle(message)
    assert "m3@example.com" not in provider.addresses


async def test_a_provider_that_is_away_loses_nobody_and_doubles_nobody(batches: list[Message]) -> None:
    provider = RecordingMail()
    provider.fault = lambda mail: ServerUnavailable("away") if mail.to == "m2@example.com" else None
    worker = SenderWorker(provider)

    async def handle_all() -> None:
        for message in batches:
            await worker.handle(message)

    with pytest.raises(ServerUnavailable):
        await handle_all()
    provider.fault = lambda mail: None
    await handle_all()
    assert provider.addresses == addresses(1, 2, 3, 4, 6, 7, 8, 9)


async def test_an_address_that_is_refused_for_good_keeps_nobody_else(batches: list[Message]) -> None:
    provider = RecordingMail()
    provider.fault = lambda mail: ValidationFailed("no such user") if mail.to == "m2@example.com" else None
    for message in (*batches, *batches):
        await SenderWorker(provider).handle(message)
    assert provider.addresses == addresses(1, 3, 4, 6, 7, 8, 9)
    refused = await EmailRecipient.find_one(EmailRecipient.email == "m2@example.com")
    member = await Member.find_one(Member.email == "m2@example.com")
    assert refused is not None
    assert member is not None
    assert refused.bounced
    assert member.total_bounces == 1


async def test_a_newsletter_whose_post_or_send_is_gone_is_not_sent(batches: list[Message]) -> None:
    send = await EmailSend.find_one()
    assert send is not None
    await send.delete()
    provider = RecordingMail()
    await SenderWorker(provider).handle(batches[0])
    assert provider.sent == []


async def test_what_is_no_batch_is_refused(foreign: Any) -> None:
    with pytest.raises(ValidationFailed):
        await SenderWorker(RecordingMail()).handle(foreign("newsletter.send", {"recipients": 1}))
