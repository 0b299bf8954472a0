"""One run of a relay over the rows it holds: many keys at once, each in order, up to its first failure."""

from __future__ import annotations

import logging
import random
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from docstore.clients.protocols import Publisher
from docstore.errors import DocstoreError, OperationTimeout, ServerUnavailable
from docstore.outbox.entries import EntryStatus
from docstore.outbox.envelopes import envelope
from docstore.outbox.queue import BucketQueue, Row

MAX_REFUSALS: Final = 10
"""How often the broker may refuse a row before it is dead. A broker that cannot be reached refuses nothing."""

_LONGEST_PAUSE_S: Final = 300.0
_KEYS_AT_ONCE: Final = 500
_ASKED_FIRST: Final = 16
_LONGEST_ERROR: Final = 500

_log = logging.getLogger("docstore.outbox")


class Run:
    """Publishes rows and keeps what became of them.

    Ends early, with the rest left waiting, when the time is up or the broker is away.

    Args:
        publisher: where rows go.
        queue: where failures are written.
        until: when to begin nothing more, on the monotonic clock.
        answered: whether the broker took what it was sent last; else it is asked for a few keys first.
    """

    def __init__(self, publisher: Publisher, queue: BucketQueue, *, until: float, answered: bool = False) -> None:
        self.sent: list[Row] = []
        self.failed = 0
        self.was_all = False
        """Whether nothing is left that was due when it began."""
        self.latencies: list[float] = []
        self._publisher = publisher
        self._queue = queue
        self._until = until
        self._answered = answered
        self._away = False

    async def publish(self, groups: Iterable[Sequence[Row]]) -> None:
        """Publish rows: in waves, the first row of every key, then the second of each that is left."""
        waiting = [deque(group) for group in groups if group]
        # A broker that is away is not to be asked for every key.
        size = _KEYS_AT_ONCE if self._answered else _ASKED_FIRST
        while waiting and not self._away and time.monotonic() < self._until:
            wave, rest = waiting[:size], waiting[size:]
            size = _KEYS_AT_ONCE
            waiting = rest + await self._send(wave)
        self.was_all = self._queue.exhausted and not waiting

    async def _send(self, wave: list[deque[Row]]) -> list[deque[Row]]:
        """Send the first row of each key; the keys that have more to send."""
        started = time.monotonic()
        heads = [group[0] for group in wave]
        outcomes = await self._publisher.publish_many([envelope(row) for row in heads])
        self.latencies.append(time.monotonic() - started)
        # Told before anything is awaited: what is sent counts as sent, also when the run ends here.
        self.sent += [row for row, error in zip(heads, outcomes, strict=True) if error is None]
        await self._fail([(row, error) for row, error in zip(heads, outcomes, strict=True) if error is not None])
        left: list[deque[Row]] = []
        for group, error in zip(wave, outcomes, strict=True):
            if error is None:
                group.popleft()
                if group:
                    left.append(group)
        return left

    async def _fail(self, failures: Sequence[tuple[Row, Exception]]) -> None:
        """Write failures down: those that are alike in one go, and in one line of the log."""
        alike: defaultdict[tuple[str, str, int], list[Row]] = defaultdict(list)
        errors: dict[tuple[str, str, int], Exception] = {}
        for row, error in failures:
            self._away = self._away or isinstance(error, ServerUnavailable)
            kind = row["topic"], told(error), _attempts_after(row, error)
            alike[kind].append(row)
            errors.setdefault(kind, error)
        self.failed += len(failures)
        for kind, rows in alike.items():
            _, words, attempts = kind
            dead = attempts >= MAX_REFUSALS
            _log_failure(rows, words, errors[kind], dead=dead)
            changes: dict[str, Any] = {
                "attempts": attempts,
                "lastError": words,
                "nextAttemptAt": self._queue.now() + timedelta(seconds=backoff_s(attempts)),
            }
            await self._queue.mark_failed(rows, changes | ({"status": EntryStatus.DEAD.value} if dead else {}))


def _attempts_after(row: Row, error: Exception) -> int:
    attempts = int(row["attempts"]) + 1
    # Nobody refused it. The count must leave room for refusals, and the pause must not outlast an outage.
    return min(attempts, MAX_REFUSALS // 2) if isinstance(error, ServerUnavailable | OperationTimeout) else attempts


def _log_failure(rows: Sequence[Row], words: str, error: Exception, *, dead: bool) -> None:
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    _log.log(
        logging.ERROR if dead else logging.WARNING,
        "Event %s%s for topic %s: not published%s: %s",
        rows[0]["eventId"],
        more,
        rows[0]["topic"],
        ", and given up" if dead else "",
        words,
        exc_info=None if isinstance(error, DocstoreError) else error,
    )


def told(error: Exception) -> str:
    """An error in words. The messages of our own errors name no values; those of others might."""
    return str(error)[:_LONGEST_ERROR] if isinstance(error, DocstoreError) else type(error).__name__


def backoff_s(attempts: int) -> float:
    """Seconds to wait after so many failures: doubling from half a second up to five minutes, with jitter."""
    longest = min(0.5 * 2.0 ** min(attempts, 20), _LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
