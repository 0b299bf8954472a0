"""One delivery to each subscribed member, however often the event is delivered and wherever a worker dies."""

from __future__ import annotations

from typing import Any

import pytest

from docstore.errors import ServerUnavailable, ValidationFailed
from docstore.models import (
    EmailRecipient,
    EmailSend,
    Member,
    Newsletter,
    NewsletterAudience,
    NewsletterType,
    Post,
    User,
)
from docstore.store import Store
from docstore.workers import NewsletterWorker, recipients_of
from docstore.workers import newsletter as module

Waiting = Any
"""The fixture of that name."""


async def deliveries() -> list[str]:
    return sorted(each.email for each in await EmailRecipient.find().to_list())


SUBSCRIBED = sorted(f"m{number}@example.com" for number in range(10) if number % 5)


async def test_every_subscribed_member_gets_one(members: list[Member], newsletter: Post, waiting: Waiting) -> None:
    (published,) = await waiting("post.published")
    worker = NewsletterWorker(from_email="news@example.com", batch=3)
    await worker.handle(published)
    assert await deliveries() == SUBSCRIBED

    (send,) = await EmailSend.find().to_list()
    assert (send.post_id, send.subject, send.from_email) == (newsletter.id, "News", "news@example.com")
    assert send.sent_at is not None
    post = await Post.get(newsletter.id)
    assert post is not None
    assert post.emails_sent == 8

    batches = await waiting("newsletter.send")
    assert {message.key for message in batches} == {str(send.id).encode()}
    told = [recipient for message in batches for recipient in message.json()["recipients"]]
    assert [len(message.json()["recipients"]) for message in batches] == [3, 3, 2]
    assert sorted(each["email"] for each in told) == SUBSCRIBED
    assert {each["recipientId"] for each in told} == {str(each.id) for each in await EmailRecipient.find().to_list()}


async def test_a_repeat_does_nothing(members: list[Member], newsletter: Post, waiting: Waiting) -> None:
    (published,) = await waiting("post.published")
    await NewsletterWorker().handle(published)
    await Member(email="late@example.com").insert()
    await NewsletterWorker().handle(published)
    assert await deliveries() == SUBSCRIBED
    assert await EmailSend.find().count() == 1
    assert len(await waiting("newsletter.send")) == 1


async def test_publishing_again_sends_nothing_again(members: list[Member], newsletter: Post, waiting: Waiting) -> None:
    await NewsletterWorker().handle((await waiting("post.published"))[0])
    await newsletter.unpublish()
    await newsletter.publish()
    first, second = await waiting("post.published")
    assert first.event_id != second.event_id
    await NewsletterWorker().handle(second)
    assert len(await deliveries()) == 8
    assert len(await waiting("newsletter.send")) == 1


async def test_a_worker_that_died_half_way_goes_on(
    members: list[Member], newsletter: Post, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    (published,) = await waiting("post.published")
    write, calls = module._write_deliveries, 0

    async def die_on_the_third(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ServerUnavailable("gone")
        await write(*args)

    monkeypatch.setattr(module, "_write_deliveries", die_on_the_third)
    with pytest.raises(ServerUnavailable):
        await NewsletterWorker(batch=2).handle(published)
    assert len(await deliveries()) == 4
    (send,) = await EmailSend.find().to_list()
    assert send.sent_at is None

    monkeypatch.undo()
    await NewsletterWorker(batch=3).handle(published)
    assert await deliveries() == SUBSCRIBED
    told = [each["email"] for message in await waiting("newsletter.send") for each in message.json()["recipients"]]
    assert sorted(told) == SUBSCRIBED


async def test_an_aborted_batch_leaves_neither_delivery_nor_message(
    members: list[Member], newsletter: Post, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*events: Any) -> None:
        raise RuntimeError("no outbox")

    monkeypatch.setattr(module, "emit", fail)
    (published,) = await waiting("post.published")
    with pytest.raises(RuntimeError, match="no outbox"):
        await NewsletterWorker().handle(published)
    assert await deliveries() == []


@pytest.mark.parametrize("at_once", [1, 2, 100])
async def test_an_audience_limits_the_recipients(
    members: list[Member], newsletter: Post, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("docstore.workers.audiences._LOOKED_UP_AT_ONCE", at_once)
    users = [await User(email=f"m{number}@example.com").insert() for number in (0, 1, 2, 3)]
    letter = await Newsletter(name="Company", audience_id="aud").insert()
    for user, subscribed in zip(users, (True, True, True, False), strict=True):
        await NewsletterAudience(user_id=user.id, newsletter_id=letter.id, subscribed=subscribed).insert()

    newsletter.newsletter_type = NewsletterType.COMPANY
    chosen = sorted([member.email async for member in recipients_of(newsletter)])
    assert chosen == ["m1@example.com", "m2@example.com"]  # m0 unsubscribed as a member, m3 as a user

    newsletter.newsletter_type = NewsletterType.PERSONAL  # has no newsletter, so no audience
    assert sorted([member.email async for member in recipients_of(newsletter)]) == SUBSCRIBED


async def test_deleted_members_and_old_records(store: Store, members: list[Member], newsletter: Post) -> None:
    await members[1].delete()
    await store.database["Member"].insert_many(
        [{"email": "old@example.com", "__v": 0}, {"firstName": "without an e-mail address"}]
    )
    chosen = sorted([member.email async for member in recipients_of(newsletter)])
    assert chosen == sorted({*SUBSCRIBED, "old@example.com"} - {"m1@example.com"})


async def test_a_bad_address_keeps_nobody_else(
    store: Store, members: list[Member], newsletter: Post, waiting: Waiting
) -> None:
    await store.database["Member"].insert_one({"email": "not an address"})
    await NewsletterWorker().handle((await waiting("post.published"))[0])
    assert await deliveries() == SUBSCRIBED


@pytest.mark.parametrize("fate", ["unpublish", "delete"])
async def test_what_is_offline_by_now_is_not_sent(
    members: list[Member], newsletter: Post, waiting: Waiting, fate: str
) -> None:
    await getattr(newsletter, fate)()
    await NewsletterWorker().handle((await waiting("post.published"))[0])
    assert await deliveries() == []
    assert await EmailSend.find().count() == 0


async def test_other_posts_are_none_of_its_business(members: list[Member], newsletter: Post, waiting: Waiting) -> None:
    other = await Post(title="x", content="…", post_url="x", author_id=newsletter.author_id).insert()
    await other.publish()
    (message,) = await waiting("post.published", aggregateId=str(other.id))
    await NewsletterWorker().handle(message)
    assert await EmailSend.find().count() == 0


async def test_a_newsletter_that_was_called_off(members: list[Member], newsletter: Post, waiting: Waiting) -> None:
    (published,) = await waiting("post.published")
    worker = NewsletterWorker()
    send = await worker._open_send(newsletter)
    await send.delete()
    await worker.handle(published)
    assert await deliveries() == []


async def test_a_message_that_is_none_is_refused(store: Store, foreign: Any) -> None:
    with pytest.raises(ValidationFailed, match=r"post\.published"):
        await NewsletterWorker().handle(foreign("post.published", {"aggregateId": "x"}))


async def test_a_server_that_goes_away_while_a_batch_is_written_is_told_as_what_it_is(
    members: list[Member], newsletter: Post, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    (message,) = await waiting("post.published")
    write, calls = module._write_deliveries, list[int]()

    async def fails_at_the_second(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise ServerUnavailable("away")
        await write(*arguments)

    monkeypatch.setattr(module, "_write_deliveries", fails_at_the_second)
    with pytest.raises(ServerUnavailable, match="away"):
        await NewsletterWorker(batch=3).handle(message)
    assert await EmailRecipient.find().count() == 3
    monkeypatch.setattr(module, "_write_deliveries", write)
    await NewsletterWorker(batch=3).handle(message)
    assert await EmailRecipient.find().count() == 8


@pytest.mark.parametrize("odd", [{"email": 5}, {"email": "odd@example.com", "totalBounces": "many"}, {}])
async def test_a_member_that_cannot_be_read_keeps_it_from_nobody_else(
    store: Store, members: list[Member], newsletter: Post, odd: dict[str, Any]
) -> None:
    await Member.get_pymongo_collection().insert_one({"unsubscribed": False, **odd})
    assert sorted([member.email async for member in recipients_of(newsletter)]) == SUBSCRIBED
