"""What travels with a task instead of in parameters: who acts, which request, which transaction.

Owns the context variables alone; what a transaction is belongs to `documents/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an opaque name such as ``user:42`` and, where there is one, the request's id."""

    name: str
    request_id: str | None = None


_actor: ContextVar[Actor | None] = ContextVar("docstore_actor", default=None)


def current_actor() -> Actor | None:
    """The actor of this task, or None when nobody was named."""
    return _actor.get()


@contextmanager
def acting_as(name: str, *, request_id: str | None = None) -> Iterator[Actor]:
    """Name who acts for everything inside the block, awaited tasks included.

    Args:
        name: an opaque, non-empty name such as ``user:42``; it lands in ``deletedBy`` and the audit log.
        request_id: the request's id, for tracing a change back to a call.

    Raises:
        ValueError: the name is empty.
    """
    if not name:
        raise ValueError("acting_as needs a non-empty name such as 'user:42'")
    actor = Actor(name=name, request_id=request_id)
    token = _actor.set(actor)
    try:
        yield actor
    finally:
        _actor.reset(token)
