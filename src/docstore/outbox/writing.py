"""The event handler: keeps every event as a row, in the transaction of the change that it tells of."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from bson.errors import InvalidDocument

from docstore.context import current_actor, current_traceparent
from docstore.documents import DocumentChanged, Event, translated, utc_now
from docstore.errors import EventTooLarge, ValidationFailed
from docstore.outbox.entries import EntryStatus, OutboxEntry, bucket_of
from docstore.outbox.sequences import sequence_numbers

MAX_EVENT_BYTES: Final = 1_000_000
"""The largest body of an event: what Kafka takes by default, less its headers."""

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")

AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a row that never failed, and is not held back, is due: not by the writer's clock, which may be ahead."""


class Outbox:
    """The event handler: keeps every event as a row, in the ambient transaction when there is one."""

    async def __call__(self, events: Sequence[Event]) -> None:
        """Keep the events.

        Raises:
            EventTooLarge: the body of one is larger than `MAX_EVENT_BYTES`.
            ValidationFailed: the body of one cannot be written as JSON, or not be stored; or no broker takes its topic.
        """
        rows = [_row(event) for event in events]
        with translated(OutboxEntry.get_collection_name()):
            for row, seq in zip(rows, await sequence_numbers(events), strict=True):
                row["seq"] = seq
            try:
                # One command for all of them, as raw rows: a bulk insert of documents has as many events.
                await OutboxEntry.get_pymongo_collection().insert_many(rows)
            except (InvalidDocument, OverflowError) as error:
                names = ", ".join(sorted({event.name for event in events}))
                raise ValidationFailed(
                    f"an event ({names}) cannot be kept: {type(error).__name__}.",
                    hint="Numbers of more than 64 bits and keys that are no text belong into a string.",
                ) from error


def body_bytes(payload: Any) -> bytes:
    """An event's body as it is sent.

    Raises:
        TypeError, ValueError: it is no JSON; NaN and infinity are not.
    """
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _row(event: Event) -> dict[str, Any]:
    payload = _checked_body(event)
    now, topic, key = utc_now(), event.topic_name(), event.key()
    _check_address(event, topic, key)
    row = {
        "event_id": str(uuid4()),
        "name": event.name,
        "version": event.version,
        "source": f"docstore/{_collection(event)}",
        "topic": topic,
        "key": key,
        "bucket": bucket_of(topic, key),
        "aggregate_id": str(event.aggregate_id),
        "payload": payload,
        "headers": _headers(),
        "seq": 0,
        "status": EntryStatus.PENDING.value,
        "attempts": 0,
        "next_attempt_at": event.not_before() or AT_ONCE,
        "last_error": None,
        "published_at": None,
        "fence": 0,
        "created_at": now,
        "updated_at": now,
    }
    return {OutboxEntry.stored_name(name): value for name, value in row.items()}


def _checked_body(event: Event) -> dict[str, Any]:
    payload = event.body()
    try:
        size = len(body_bytes(payload))
    except (TypeError, ValueError) as error:
        raise ValidationFailed(
            f"the body of event {event.name} is no JSON: {type(error).__name__}.",
            hint="NaN, infinity, sets and objects cannot be sent; body() has to turn them into what can.",
        ) from error
    if size > MAX_EVENT_BYTES:
        raise EventTooLarge(
            f"the body of event {event.name} has {size:,} bytes; {MAX_EVENT_BYTES:,} can be sent.",
            hint="Send an id, and let consumers read the document.",
        )
    return dict(payload)


def _check_address(event: Event, topic: str, key: str) -> None:
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise ValidationFailed(
            f"event {event.name} has a topic that no broker takes.",
            hint="Up to 249 letters of ASCII, digits, dots, underscores and hyphens.",
            field="topic",
        )
    try:
        key.encode()
    except UnicodeEncodeError:
        raise ValidationFailed(f"event {event.name} has a key that is no valid Unicode.", field="key") from None


def _headers() -> dict[str, str]:
    actor, trace = current_actor(), current_traceparent()
    headers = {"ce_requestid": actor.request_id} if actor and actor.request_id else {}
    return headers | ({"traceparent": trace} if trace else {})


def _collection(event: Event) -> str:
    return event.changed_collection if isinstance(event, DocumentChanged) else event.collection
