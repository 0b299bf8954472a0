"""Messages that were given up: kept once, tried again by their worker, passed over, and counted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from docstore.clients.metrics import PrometheusMetrics
from docstore.documents import PydanticObjectId
from docstore.errors import NotFound, ServerUnavailable, ServiceError
from docstore.models import Tag
from docstore.outbox import OutboxEntry, handle_once
from docstore.store import Store
from docstore.workers import (
    DeadLetter,
    DeadLetterOutcome,
    Message,
    dead_letters_metrics,
    dead_letters_status,
    retry_dead_letters,
    skip_dead_letters,
)
from docstore.workers.dead_letters import keep_dead_letter
from docstore.workers.dead_letters.letters import LARGEST_KEPT
from docstore.workers.registry import WORKERS


class Tagging:
    """A worker whose effect is a tag, in one transaction with the inbox; values in `refused` fail."""

    group = "tagging"
    topics = ("t",)

    def __init__(self, **refused: Exception) -> None:
        self.refused = refused
        self.handled: list[str] = []

    async def handle(self, message: Message) -> None:
        slug = message.value.decode()
        self.handled.append(slug)
        if slug in self.refused:
            raise self.refused[slug]
        assert message.event_id is not None

        async def tag() -> None:
            await Tag(slug=slug).insert()

        await handle_once(self.group, message.event_id, tag)


def message(slug: str, offset: int, event_id: str | None = None) -> Message:
    return Message("t", slug.encode(), b"k", {"ce_id": event_id or f"e-{slug}"}, 0, offset)


async def given_up(*messages: Message, consumer: str = "tagging") -> list[str]:
    for each in messages:
        assert await keep_dead_letter(consumer, each, "no")
    return [str(DeadLetter.of(consumer, each, "").id) for each in messages]


async def told() -> int:
    return await OutboxEntry.find({"name": "message.dead"}).count()


async def test_a_message_that_comes_again_is_kept_once(store: Store) -> None:
    first = message("a", 1)
    await given_up(first)
    assert not await keep_dead_letter("tagging", first, "no")
    assert not await keep_dead_letter("tagging", replace(first, offset=7), "no"), "the relay sent it twice"
    assert await keep_dead_letter("another", first, "no"), "each consumer gives up for itself"
    assert await keep_dead_letter("tagging", message("b", 2, "e-a"), "no"), "a producer that gives every id twice"
    assert (await DeadLetter.find().count(), await told()) == (3, 3)


async def test_what_has_no_event_id_is_told_by_its_place(store: Store) -> None:
    for offset in (1, 2, 2):
        await keep_dead_letter("tagging", Message("t", b"same", None, {}, 0, offset), "no")
    assert await DeadLetter.find().count() == 2


async def test_letters_are_tried_again_in_the_order_of_their_messages(store: Store) -> None:
    await given_up(message("third", 30), message("first", 1), message("second", 2))
    await given_up(message("x", 1), consumer="another")
    worker = Tagging(second=ServiceError("still no"))
    done = await retry_dead_letters(worker)
    assert worker.handled == ["first", "second", "third"]
    assert (done.handled, list(done.failed.values())) == (2, ["still no"])
    assert sorted([tag.slug async for tag in Tag.find()]) == ["first", "third"]

    (waiting,) = (await dead_letters_status("tagging")).examples
    assert (waiting.error, waiting.retries, waiting.offset) == ("still no", 1, 2)
    again = await retry_dead_letters(Tagging())
    assert (again.handled, again.failed) == (1, {})
    assert (await retry_dead_letters(Tagging())).handled == 0, "what was handled is not tried again"


async def test_a_letter_that_was_handled_meanwhile_has_no_second_effect(store: Store) -> None:
    [letter] = await given_up(message("a", 1))
    await Tagging().handle(message("a", 1))  # a replay of the outbox brought it, say
    assert (await retry_dead_letters(Tagging(), [letter])).handled == 1
    assert await Tag.find().count() == 1


async def test_one_that_was_handled_and_fails_again_waits_again(store: Store) -> None:
    await given_up(message("a", 1))
    await retry_dead_letters(Tagging())
    assert await keep_dead_letter("tagging", message("a", 9), "worse")
    status = await dead_letters_status()
    assert (status.waiting, status.handled) == ({"tagging": 1}, 0)
    assert status.examples[0].error == "worse"


async def test_a_server_that_is_away_ends_the_retry_and_loses_nothing(store: Store) -> None:
    await given_up(message("a", 1), message("b", 2), message("c", 3))
    with pytest.raises(ServerUnavailable):
        await retry_dead_letters(Tagging(b=ServerUnavailable("away")))
    status = await dead_letters_status()
    assert (status.waiting, status.handled) == ({"tagging": 2}, 1)


async def test_what_others_say_is_not_kept(store: Store) -> None:
    [letter] = await given_up(message("a", 1))
    assert (await retry_dead_letters(Tagging(a=RuntimeError("secret value")))).failed == {letter: "RuntimeError"}


async def test_letters_are_passed_over_for_a_reason(store: Store) -> None:
    letters = await given_up(message("a", 1), message("b", 2))
    with pytest.raises(ValueError, match="reason"):
        await skip_dead_letters(letters, reason=" ")
    assert await skip_dead_letters(letters[:1], reason="a test's") == 1
    kept = await DeadLetter.get(letters[0])
    assert kept is not None
    assert (kept.outcome, kept.note, kept.settled_at is not None) == (DeadLetterOutcome.SKIPPED, "a test's", True)
    assert not await keep_dead_letter("tagging", message("a", 5), "no"), "it is not brought up again"
    worker = Tagging()
    await retry_dead_letters(worker)
    assert worker.handled == ["b"]


async def test_names_that_are_none_are_told(store: Store) -> None:
    [letter] = await given_up(message("a", 1))
    await retry_dead_letters(Tagging())
    for ids in ([letter], [str(PydanticObjectId())]):
        for work in (retry_dead_letters(Tagging(), ids), skip_dead_letters(ids, reason="x")):
            with pytest.raises(NotFound, match="no dead letter that waits"):
                await work


async def test_they_are_counted(store: Store) -> None:
    metrics = PrometheusMetrics()
    assert (await dead_letters_status()).waiting == {}
    letters = await given_up(message("a", 1), message("b", 2))
    await dead_letters_metrics(metrics)
    assert 'docstore_dead_letters_waiting{group="tagging"} 2.0' in metrics.exposition().decode()
    await skip_dead_letters(letters, reason="x")
    await dead_letters_metrics(metrics)
    assert 'docstore_dead_letters_waiting{group="tagging"} 0.0' in metrics.exposition().decode()


async def test_letters_from_before_letters_were_settled_wait(store: Store) -> None:
    """Rows of an earlier version have no such fields."""
    await given_up(message("a", 1))
    gone: dict[str, Any] = {"retries": "", "outcome": "", "settledAt": "", "note": ""}
    await store.database["DeadLetter"].update_one({}, {"$unset": gone})
    assert (await dead_letters_status()).waiting == {"tagging": 1}
    assert (await retry_dead_letters(Tagging())).handled == 1


async def test_every_worker_that_reads_is_found_by_its_group(store: Store) -> None:
    for kind in WORKERS.values():
        made = await kind.make(store, PrometheusMetrics())
        assert getattr(made, "group", None) == kind.group


LARGE = b"x" * 17_000_000


@pytest.mark.parametrize(
    ("large", "left_out"),
    [
        (Message("t", LARGE, b"k", {"ce_id": "e"}, 3, 7), ["value"]),
        (Message("t", b"", b"k", {"ce_id": "e", "large": LARGE.decode()}, 3, 7), ["value", "headers"]),
        (Message("t", b"v", LARGE, {}, 3, 7), ["value", "headers", "key"]),
        (Message("t", b"v", b"k", {"ce_id": LARGE.decode()}, 3, 7), ["value", "headers"]),
    ],
)
async def test_what_no_document_can_hold_is_kept_without_it(store: Store, large: Message, left_out: list[str]) -> None:
    assert await keep_dead_letter("tagging", large, "no.")
    assert not await keep_dead_letter("tagging", large, "no."), "it came again"
    (letter,) = await DeadLetter.find_all().to_list()
    assert (letter.topic, letter.partition, letter.offset, letter.left_out) == ("t", 3, 7, left_out)
    assert letter.size is not None
    assert letter.size > 17_000_000
    assert letter.sha256 == hashlib.sha256(large.value).hexdigest()
    assert letter.error.startswith("no. With 17,000,")
    for part in (*left_out, "topic t, partition 3, offset 7", letter.sha256):
        assert part in letter.error
    (row,) = await OutboxEntry.find({"name": "message.dead"}).to_list()
    assert [row.payload["original"][each] for each in left_out] == [None] * len(left_out)

    worker = Tagging()
    again = await retry_dead_letters(worker)
    assert worker.handled == []
    assert again.failed == {str(letter.id): f"it cannot be tried again: {letter.error}"}
    assert await skip_dead_letters([letter.id], reason="sent smaller") == 1


async def test_what_a_document_can_hold_is_kept_whole(store: Store) -> None:
    just = Message("t", b"x" * (LARGEST_KEPT - 1_000), b"k", {"ce_id": "e"}, 0, 0)
    assert await keep_dead_letter("tagging", just, "x" * 2_000)
    (letter,) = await DeadLetter.find_all().to_list()
    assert (letter.message().value, letter.left_out) == (just.value, [])
