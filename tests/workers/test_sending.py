"""Newsletters reach each member once, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from docstore.clients.mail import Mail
from docstore.documents import utc_now
from docstore.errors import AccessDenied, ServerUnavailable, ServiceError, SettingsError, ValidationFailed
from docstore.models import EmailRecipient, EmailSend, Member, Post
from docstore.outbox import OutboxEntry
from docstore.store import Store
from docstore.workers import Message, NewsletterWorker, SenderWorker, sending

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


async def test_who_was_deleted_meanwhile_gets_nothing(batches: list[Message]) -> None:
    gone = await Member.find_one(Member.email == "m4@example.com")
    assert gone is not None
    await gone.delete()
    provider = RecordingMail()
    for message in batches:
        await SenderWorker(provider).handle(message)
    assert provider.addresses == addresses(1, 2, 3, 6, 7, 8, 9)


async def test_who_unsubscribes_while_a_batch_is_sent_gets_nothing(
    batches: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_SLICE", 1)
    provider = RecordingMail()
    send = provider.send

    async def unsubscribing(mail: Mail) -> str:
        await Member.find_all().update({"$set": {"unsubscribed": True}})
        return await send(mail)

    monkeypatch.setattr(provider, "send", unsubscribing)
    await SenderWorker(provider).handle(batches[0])
    assert len(provider.sent) == 1


async def test_what_the_provider_takes_later_is_tried_later_and_holds_up_nobody(
    batches: list[Message], waiting: Waiting
) -> None:
    provider = RecordingMail()
    provider.fault = lambda mail: ServiceError("greylisted") if mail.to == "m2@example.com" else None
    worker = SenderWorker(provider)
    for message in (*batches, *batches):
        await worker.handle(message)
    assert provider.addresses == addresses(1, 3, 4, 6, 7, 8, 9)
    row = await OutboxEntry.find_one({"topic": "newsletter.send", "payload.tries": 1})
    assert row is not None
    assert 50 < (row.next_attempt_at - utc_now()).total_seconds() < 70
    assert row.key != row.aggregate_id
    (later,) = await waiting("newsletter.send", **{"payload.tries": 1})
    provider.fault = lambda mail: None
    await worker.handle(later)
    await worker.handle(later)
    assert provider.addresses == addresses(1, 2, 3, 4, 6, 7, 8, 9)


async def test_what_is_put_off_too_often_is_given_up(batches: list[Message], waiting: Waiting) -> None:
    provider = RecordingMail()
    provider.fault = lambda mail: ServiceError("later") if mail.to == "m2@example.com" else None
    message = next(each for each in batches if b"m2@" in each.value)
    for tries in range(1, len(sending.PUT_OFF_FOR) + 1):
        await SenderWorker(provider).handle(message)
        (message,) = await waiting("newsletter.send", **{"payload.tries": tries})
    with pytest.raises(ValidationFailed, match="put 1 e-mails off"):
        await SenderWorker(provider).handle(message)
    assert await EmailRecipient.find({"bounced": True}).count() == 0


@pytest.mark.parametrize(
    ("fault", "raised", "asked"),
    [
        (ServerUnavailable("away"), ServerUnavailable, 3),
        (AccessDenied("who are you"), AccessDenied, 1),
        (ServiceError("slow down"), ServerUnavailable, 20),
    ],
)
async def test_a_provider_that_takes_nothing_is_not_asked_for_everybody(
    store: Store, newsletter: Post, waiting: Waiting, fault: Exception, raised: type[Exception], asked: int
) -> None:
    await Member.insert_many([Member(email=f"many{number}@example.com") for number in range(40)])
    await NewsletterWorker().handle((await waiting("post.published"))[0])
    (message,) = await waiting("newsletter.send")
    tried: list[str] = []

    def refuse(mail: Mail) -> Exception:
        tried.append(mail.to)
        return fault

    with pytest.raises(raised):
        await SenderWorker(RecordingMail(fault=refuse)).handle(message)
    assert len(tried) == asked


async def test_what_is_on_its_way_when_a_worker_is_told_to_end_is_written_down(batches: list[Message]) -> None:
    provider, taken, answer = RecordingMail(), asyncio.Event(), asyncio.Event()
    send = provider.send

    async def slowly(mail: Mail) -> str:
        told = await send(mail)
        taken.set()
        await answer.wait()
        return told

    provider.send = slowly  # type: ignore[method-assign]  # a provider that answers late
    handling = asyncio.create_task(SenderWorker(provider).handle(batches[0]))
    await taken.wait()
    handling.cancel()
    await asyncio.sleep(0)
    answer.set()
    with pytest.raises(asyncio.CancelledError):
        await handling
    await SenderWorker(provider).handle(batches[0])
    assert len(provider.addresses) == len(set(provider.addresses)) == 3


def test_settings_that_would_fail_for_everybody_are_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="unsubscribing"):
        SenderWorker(RecordingMail(), unsubscribe_url="https://example.com/{who}")
    with pytest.raises(SettingsError, match="no e-mail address"):
        NewsletterWorker(from_email="Ada, Inc. <news@example.com>")


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
