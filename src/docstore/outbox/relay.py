"""The relay: takes waiting rows, publishes them in order, and marks them. Run as many as you like."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

from docstore.clients.protocols import Publisher
from docstore.documents import utc_now
from docstore.errors import DocstoreError, OperationTimeout, ServerUnavailable
from docstore.outbox.claims import Claim, claim_due, mark_failed, mark_published, release
from docstore.outbox.entries import EntryStatus, OutboxEntry
from docstore.outbox.envelopes import envelope

MAX_REFUSALS: Final = 10
"""How often the broker may refuse a row before it is dead. A broker that cannot be reached refuses nothing."""

_LEASE: Final = timedelta(seconds=60)
_LONGEST_PAUSE_S: Final = 300.0
_KEYS_AT_ONCE: Final = 32
_LONGEST_ERROR: Final = 500

_log = logging.getLogger("docstore.outbox")


@dataclass(frozen=True, slots=True)
class RelayReport:
    """What one run did: rows published and failed in it, and rows that wait now."""

    published: int
    failed: int
    pending: int


class Relay:
    """Publishes outbox rows at least once, those of one topic and key one after the other.

    A key stops at its first failure, until that row's next attempt; other keys go on. A relay that dies leaves rows
    leased for a minute, after which another sends them, those that had been sent and not yet marked once more.

    Args:
        publisher: where rows go.
        lease: how long claimed rows are kept from other relays.
    """

    def __init__(self, publisher: Publisher, *, lease: timedelta = _LEASE) -> None:
        self._publisher = publisher
        self._lease = lease
        self._name = uuid4().hex[:12]
        self._runs = 0

    async def run_once(self, limit: int = 500) -> RelayReport:
        """Publish up to `limit` rows that are due."""
        self._runs += 1
        end = time.monotonic() + self._lease.total_seconds() / 2
        run = _Run(self._publisher, await claim_due(f"{self._name}:{self._runs}", self._lease, limit), end)
        try:
            async with asyncio.TaskGroup() as keys:
                for group in run.claim.groups:
                    keys.create_task(run.publish_in_order(group))
        except ExceptionGroup as group_of_errors:
            # Failures to publish are in the rows; this is the database, and one of its errors tells as much as all.
            first = group_of_errors.exceptions[0]
            raise first from first.__cause__
        finally:
            # Also when cancelled: what the broker holds should not be sent again without need.
            await asyncio.shield(mark_published(run.claim, run.sent))
        pending = await OutboxEntry.find({"status": EntryStatus.PENDING.value}).count()
        return RelayReport(len(run.sent), run.failed, pending)

    async def run(self, stop: asyncio.Event, *, poll_s: float = 0.2) -> None:
        """Publish until `stop` is set; what goes wrong is logged and tried again.

        Args:
            stop: ends the loop after the run in progress.
            poll_s: seconds between looks at an empty outbox.
        """
        failures = 0
        while not stop.is_set():
            try:
                report = await self.run_once()
            except Exception:
                failures += 1
                _log.exception("The outbox relay failed %d times in a row; it goes on.", failures)
                await _pause(stop, _backoff_s(failures))
                continue
            failures = 0
            if not report.published:
                await _pause(stop, poll_s)


class _Run:
    """One run over its claim. Ends early, with the rest released, when time is up or the broker is away."""

    def __init__(self, publisher: Publisher, claim: Claim, end: float) -> None:
        self.claim = claim
        self.sent: list[OutboxEntry] = []
        self.failed = 0
        self._publisher = publisher
        self._end = end
        self._away = False
        self._gate = asyncio.Semaphore(_KEYS_AT_ONCE)

    async def publish_in_order(self, group: tuple[OutboxEntry, ...]) -> None:
        """Publish the rows of one key, up to the first that fails."""
        async with self._gate:
            for done, entry in enumerate(group):
                if self._away or time.monotonic() > self._end:
                    await release(self.claim, group[done:], utc_now())
                    return
                message = envelope(entry)
                try:
                    await self._publisher.publish(
                        message.topic, key=message.key, value=message.value, headers=message.headers
                    )
                except Exception as error:
                    await self._fail(entry, group[done + 1 :], error)
                    return
                self.sent.append(entry)

    async def _fail(self, entry: OutboxEntry, behind: tuple[OutboxEntry, ...], error: Exception) -> None:
        self.failed += 1
        self._away = self._away or isinstance(error, ServerUnavailable)
        attempts = entry.attempts + 1
        if isinstance(error, ServerUnavailable | OperationTimeout):
            # Nobody refused it. The count must leave room for refusals, and the pause must not outlast an outage.
            attempts = min(attempts, MAX_REFUSALS // 2)
        dead = attempts >= MAX_REFUSALS
        told = _told(error)
        _log.log(
            logging.ERROR if dead else logging.WARNING,
            "Event %s for topic %s was not published%s: %s",
            entry.event_id,
            entry.topic,
            ", and is given up" if dead else "",
            told,
            exc_info=None if isinstance(error, DocstoreError) else error,
        )
        not_before = utc_now() + timedelta(seconds=_backoff_s(attempts))
        # Those behind first: once the failed row is free, another relay may take the key.
        await release(self.claim, behind, utc_now() if dead else not_before)
        await mark_failed(self.claim, entry, attempts=attempts, error=told, not_before=not_before, dead=dead)


def _told(error: Exception) -> str:
    # The messages of our own errors name no values; those of others might.
    return str(error)[:_LONGEST_ERROR] if isinstance(error, DocstoreError) else type(error).__name__


def _backoff_s(attempts: int) -> float:
    longest = min(0.5 * 2.0 ** min(attempts, 20), _LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
