"""What operators do with dead letters: look at them, let a worker try them again, pass over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from docstore.clients.metrics import Metrics
from docstore.documents import server_now, translated, utc_now
from docstore.errors import AccessDenied, DocstoreError, NotFound, OperationTimeout, ServerUnavailable
from docstore.workers.dead_letters.letters import DeadLetter, DeadLetterOutcome
from docstore.workers.messages import Worker

_NAMED: Final = 20
_AS_READ: Final = {"topic": 1, "partition": 1, "offset": 1}


@dataclass(frozen=True, slots=True)
class WaitingLetter:
    """A letter that waits: its id, who gave it up and why, where the message stands, and how often it was retried."""

    id: str
    consumer: str
    topic: str
    partition: int
    offset: int
    event_id: str | None
    since: datetime
    retries: int
    error: str


@dataclass(frozen=True, slots=True)
class DeadLettersStatus:
    """How the dead letters stand.

    Attributes:
        waiting: letters that nobody has decided about, by consumer; 0 for one whose letters are all settled.
        oldest_s: for how many seconds the oldest of them waits; 0 without one.
        handled: letters that were handled at another try and are still kept.
        skipped: letters that a person passed over, and that are still kept.
        examples: some that wait, the oldest first.
    """

    waiting: Mapping[str, int]
    oldest_s: float
    handled: int
    skipped: int
    examples: Sequence[WaitingLetter]


@dataclass(frozen=True, slots=True)
class RetriedLetters:
    """What came of trying letters again: how many were handled, and why the others failed once more, by id."""

    handled: int
    failed: Mapping[str, str]


async def dead_letters_status(consumer: str | None = None) -> DeadLettersStatus:
    """Count the letters.

    Args:
        consumer: those of this group alone.

    Raises:
        ServerUnavailable: the database does not answer.
    """
    rows, wanted = DeadLetter.get_pymongo_collection(), {"consumer": consumer} if consumer is not None else {}
    pipeline: list[dict[str, Any]] = [
        {"$match": wanted},
        {"$group": {"_id": {"consumer": "$consumer", "outcome": "$outcome"}, "letters": {"$sum": 1}}},
    ]
    waiting: dict[str, int] = {}
    settled = dict.fromkeys(DeadLetterOutcome, 0)
    now = await server_now(DeadLetter)
    with translated(DeadLetter.get_collection_name()):
        async with await rows.aggregate(pipeline) as groups:
            async for group in groups:
                who, outcome = group["_id"]["consumer"], group["_id"].get("outcome")
                waiting.setdefault(who, 0)
                if outcome is None:
                    waiting[who] += group["letters"]
                else:
                    settled[DeadLetterOutcome(outcome)] += group["letters"]
        oldest = await rows.find({**wanted, "settledAt": None}).sort({"createdAt": 1}).limit(_NAMED).to_list()
    return DeadLettersStatus(
        waiting=dict(sorted(waiting.items())),
        oldest_s=max(0.0, (now - oldest[0]["createdAt"]).total_seconds()) if oldest else 0.0,
        handled=settled[DeadLetterOutcome.HANDLED],
        skipped=settled[DeadLetterOutcome.SKIPPED],
        examples=[_shown(row) for row in oldest],
    )


async def dead_letters_metrics(metrics: Metrics) -> None:
    """Tell how many letters wait, by consumer, and for how long."""
    found = await dead_letters_status()
    for consumer, letters in found.waiting.items():
        metrics.gauge("dead_letters_waiting", letters, group=consumer)
    metrics.gauge("dead_letters_oldest_seconds", found.oldest_s)


async def retry_dead_letters(worker: Worker, letter_ids: Sequence[Any] | None = None) -> RetriedLetters:
    """Let a worker handle letters of its group that wait, in the order in which their messages stand.

    The worker handles them as it would have at first, so what is handled a second time has no second effect. A letter
    that fails again waits on, with the new reason. One whose message was too large to be kept waits on as it is.

    Args:
        worker: of the group that gave them up.
        letter_ids: those alone; all that wait when None.

    Raises:
        NotFound: a named letter is not there, is settled, or is another group's.
        ServerUnavailable, OperationTimeout, AccessDenied: something that the worker needs is away, or refuses the
            login; what was handled is written down.
    """
    rows = DeadLetter.get_pymongo_collection()
    wanted = await _waiting(letter_ids, {"consumer": worker.group})
    with translated(DeadLetter.get_collection_name()):
        order = {"topic": 1, "partition": 1, "offset": 1}
        ids = [row["_id"] async for row in rows.find(wanted, _AS_READ).sort(order)]
    handled, failed = 0, dict[str, str]()
    for letter_id in ids:
        letter = await DeadLetter.get(letter_id)
        if letter is None or letter.settled_at is not None:
            continue  # another operator was quicker
        if letter.left_out:
            failed[str(letter_id)] = f"it cannot be tried again: {letter.error}"
            continue
        try:
            await worker.handle(letter.message())
        except (ServerUnavailable, OperationTimeout, AccessDenied):
            raise
        except Exception as error:
            # The messages of our own errors name no values; those of others might.
            told = str(error) if isinstance(error, DocstoreError) else type(error).__name__
            failed[str(letter_id)] = told
            await _write(letter_id, {"error": told})
        else:
            handled += 1
            await _write(letter_id, {"outcome": DeadLetterOutcome.HANDLED.value, "settledAt": utc_now()})
    return RetriedLetters(handled, failed)


async def skip_dead_letters(letter_ids: Sequence[Any], *, reason: str) -> int:
    """Never handle these messages; how many. They are removed after `KEEP_SETTLED`.

    Args:
        letter_ids: the letters.
        reason: why; it is kept with them.

    Raises:
        NotFound: one is not there, or is settled.
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("skip_dead_letters needs a reason: the message is lost to this consumer")
    wanted = await _waiting(letter_ids, {})
    changes = {"outcome": DeadLetterOutcome.SKIPPED.value, "note": reason.strip()}
    now = utc_now()
    with translated(DeadLetter.get_collection_name()):
        done = await DeadLetter.get_pymongo_collection().update_many(
            wanted, {"$set": {**changes, "settledAt": now, "updatedAt": now}}
        )
    return int(done.modified_count)


async def _waiting(letter_ids: Sequence[Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """The filter of letters that wait; of these alone when they are named, and then all of them are there."""
    wanted: dict[str, Any] = {"settledAt": None, **more}
    if letter_ids is None:
        return wanted
    ids = [DeadLetter.parse_id(each) for each in letter_ids]
    wanted["_id"] = {"$in": ids}
    with translated(DeadLetter.get_collection_name()):
        found = {row["_id"] async for row in DeadLetter.get_pymongo_collection().find(wanted, {"_id": 1})}
    missing = [str(each) for each in ids if each not in found]
    if missing:
        raise NotFound(
            f"no dead letter that waits has the id {', '.join(missing[:_NAMED])}.",
            hint="`docstore dead-letters status` names them.",
            collection=DeadLetter.get_collection_name(),
        )
    return wanted


async def _write(letter_id: Any, changes: Mapping[str, Any]) -> None:
    with translated(DeadLetter.get_collection_name()):
        await DeadLetter.get_pymongo_collection().update_one(
            {"_id": letter_id, "settledAt": None},
            {"$set": {**changes, "updatedAt": utc_now()}, "$inc": {"retries": 1}},
        )


def _shown(row: Mapping[str, Any]) -> WaitingLetter:
    return WaitingLetter(
        id=str(row["_id"]),
        consumer=row["consumer"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        event_id=row.get("eventId"),
        since=row["createdAt"],
        retries=row.get("retries", 0),
        error=row["error"],
    )
