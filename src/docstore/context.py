"""What travels with a task instead of in parameters: who acts, which request, which transaction.

Owns the context variables alone; what a transaction is belongs to `documents/`.
"""

from __future__ import annotations

import re
import sys
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


_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_traceparent: ContextVar[str | None] = ContextVar("docstore_traceparent", default=None)


@contextmanager
def traced_as(traceparent: str) -> Iterator[None]:
    """Name the trace that everything inside the block belongs to; events carry it on.

    Args:
        traceparent: the header of that name, in the form of W3C Trace Context.

    Raises:
        ValueError: it has another form.
    """
    if not _TRACEPARENT.fullmatch(traceparent):
        raise ValueError("traceparent needs the form of W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>")
    token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(token)


def current_traceparent() -> str | None:
    """The trace of this task: as `traced_as` names it, else OpenTelemetry's where that is in use, else None."""
    named = _traceparent.get()
    telemetry = sys.modules.get("opentelemetry.trace")
    if named is not None or telemetry is None:
        return named
    span = telemetry.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}" if span.is_valid else None
