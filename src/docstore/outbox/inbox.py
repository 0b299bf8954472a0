"""The inbox: what a consumer has done, kept in the same transaction as the doing, so that a repeat does nothing."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import ClassVar, Final

from docstore.documents import Index, NonEmpty, SystemDocument, index, run_in_transaction
from docstore.errors import UniqueViolation

KEEP: Final = timedelta(days=30)
"""How long a repeat is recognised: longer than a broker keeps its messages."""


class InboxEntry(SystemDocument):
    """That a consumer handled an event. The id holds both, so uniqueness needs no index that might be missing."""

    id: str  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    consumer: NonEmpty
    event_id: NonEmpty

    indexes: ClassVar[Sequence[Index]] = (
        index("created_at", serves="forgetting after a while", expire_after=int(KEEP.total_seconds())),
    )


class _HandledMeanwhile(Exception):
    """Aborts the transaction of the one who came second."""


async def was_handled(consumer: str, event_id: str) -> bool:
    """Whether the consumer has handled the event."""
    return await InboxEntry.find_one({"_id": _entry_id(consumer, event_id)}) is not None


async def handle_once(consumer: str, event_id: str, work: Callable[[], Awaitable[object]]) -> bool:
    """Run `work` unless the consumer has handled the event before, and remember it in the same transaction.

    Args:
        consumer: the consumer's stable name; each consumer handles an event for itself.
        event_id: the event's id, the same whenever it is delivered.
        work: writes to the database alone, events included; it may run several times, and commits once.

    Returns:
        False when the event was handled before; nothing was done then.
    """
    if await was_handled(consumer, event_id):
        return False

    async def once() -> None:
        entry = InboxEntry(id=_entry_id(consumer, event_id), consumer=consumer, event_id=event_id)
        try:
            await entry.insert()
        except UniqueViolation as error:
            raise _HandledMeanwhile from error
        await work()

    try:
        await run_in_transaction(once)
    except _HandledMeanwhile:
        return False
    return True


def _entry_id(consumer: str, event_id: str) -> str:
    return f"{consumer}/{event_id}"
