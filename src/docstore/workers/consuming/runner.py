"""The loop between a broker's consumer and a worker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docstore._tasks import Cancellations
from docstore.clients.metrics import Metrics, NoMetrics
from docstore.workers.consuming.attempts import Attempts
from docstore.workers.consuming.health import ConsumerHealth
from docstore.workers.consuming.lanes import Lanes
from docstore.workers.consuming.offsets import PartitionOffsets
from docstore.workers.consuming.protocols import Consumer
from docstore.workers.messages import BatchWorker, Message, Worker

CONCURRENCY: Final = 8
IN_HAND: Final = 500
BATCH: Final = 200
DRAIN_SECONDS: Final = 25.0
REVOKE_SECONDS: Final = 5.0

_COMMIT_EVERY_S: Final = 1.0
# The driver asks for the group's coordinator without end; a stop, and the messages in hand, do not wait for one.
_COMMIT_LIMIT_S: Final = 5.0

_log = logging.getLogger("docstore.workers")


@dataclass(frozen=True, slots=True)
class _Item:
    partition: Any
    message: Message


class ConsumerRunner:
    """Hands messages to a worker, those of one key in order and those of different keys side by side.

    The offset of a partition is committed up to its first message that is not done with, once a second and at the end.
    A message that waits to be tried again holds up its key alone. The broker is asked all the time, so a slow worker
    is no dead one; partitions with too many messages in hand are paused meanwhile.

    Args:
        worker: what handles the messages. A `BatchWorker` is given those of a partition together.
        concurrency: keys at work at the same time; one that waits counts as none.
        in_hand: messages of a partition from which it is paused; at half of that it goes on.
        drain_s: how long messages at work may take to the end once it is time to stop; then they are cancelled, and
            come again.
        metrics: where counts go.
    """

    def __init__(
        self,
        worker: Worker,
        *,
        concurrency: int = CONCURRENCY,
        in_hand: int = IN_HAND,
        drain_s: float = DRAIN_SECONDS,
        metrics: Metrics | None = None,
    ) -> None:
        self._worker = worker
        self._stop = asyncio.Event()
        self._attempts = Attempts(worker, self._stop, concurrency)
        by_partition = isinstance(worker, BatchWorker)
        self._lanes: Lanes[_Item] = Lanes(self._work, batch=BATCH if by_partition else 1)
        self._by_partition = by_partition
        self._in_hand = in_hand
        self._drain_s = drain_s
        self._metrics = metrics or NoMetrics()
        self._offsets: dict[Any, PartitionOffsets] = {}
        self._paused: set[Any] = set()
        self._leaving: set[Any] = set()
        self._consumer: Consumer | None = None
        self._polled_at = time.monotonic()
        self._commit_at = 0.0

    def health(self) -> ConsumerHealth:
        """How it is doing now."""
        return ConsumerHealth(
            group=self._worker.group,
            in_hand=sum(map(len, self._offsets.values())),
            waiting=len(self._attempts.waiting),
            paused=len(self._paused),
            handled=self._attempts.handled,
            died=self._attempts.died,
            seconds_since_poll=time.monotonic() - self._polled_at,
        )

    async def run(self, consumer: Consumer, stop: asyncio.Event, *, max_records: int = 200, poll_ms: int = 200) -> None:
        """Read until `stop` is set; then finish what is at work, commit, and return.

        Args:
            consumer: started, with automatic commits off.
            stop: ends the loop.
            max_records: the most messages of one fetch.
            poll_ms: how long one wait for messages takes, and so how soon `stop` is noticed.
        """
        self._consumer = consumer
        cancellations = Cancellations()
        try:
            while not stop.is_set() and self._lanes.failure is None:
                cancellations.raise_lost()
                fetched = await consumer.getmany(timeout_ms=poll_ms, max_records=max_records)
                self._polled_at = time.monotonic()
                for partition, records in fetched.items():
                    if partition not in self._leaving:
                        self._take(partition, records)
                self._regulate()
                await self._commit_now_and_then()
        finally:
            self._stop.set()  # whoever waits to try again gives up, and its message comes again
            await self._lanes.end(self._drain_s if stop.is_set() else 0)
            await self._commit(list(self._offsets))
        if self._lanes.failure is not None and not stop.is_set():
            raise self._lanes.failure

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """The broker gave this member partitions: what it knew of them from before is history."""
        for partition in assigned:
            self._offsets.pop(partition, None)
            self._paused.discard(partition)
            self._leaving.discard(partition)

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """The broker takes partitions away: finish what is at work, commit, and forget the rest."""
        gone = set(revoked)
        # The loop goes on fetching meanwhile; what it gets of these partitions is for their next owner to begin with.
        self._leaving |= gone
        self._lanes.forget(lambda item: item.partition in gone)
        await self._lanes.leave(REVOKE_SECONDS, of=lambda lane: isinstance(lane, tuple) and lane[0] in gone)
        await self._commit(gone)
        for partition in gone:
            self._offsets.pop(partition, None)
            self._paused.discard(partition)

    def _take(self, partition: Any, records: Sequence[Any]) -> None:
        offsets = self._offsets.setdefault(partition, PartitionOffsets())
        for record in records:
            message = Message.from_record(record)
            offsets.begin(message.offset)
            self._lanes.put(self._lane(partition, message), _Item(partition, message))

    def _lane(self, partition: Any, message: Message) -> Hashable:
        # Without a key nobody says what belongs together, so the partition keeps its order.
        return partition, None if self._by_partition else message.key

    async def _work(self, items: list[_Item]) -> int:
        done = await self._attempts.handle_all([item.message for item in items])
        for item in items[:done]:
            offsets = self._offsets.get(item.partition)
            if offsets is not None:  # None: the partition is somebody else's by now
                offsets.done(item.message.offset)
        self._metrics.count("consumer_handled", done, group=self._worker.group)
        return done

    def _regulate(self) -> None:
        assert self._consumer is not None
        full = {each for each, offsets in self._offsets.items() if len(offsets) >= self._in_hand} - self._paused
        if full:
            self._consumer.pause(*full)
            self._paused |= full
        free = {each for each in self._paused if len(self._offsets.get(each, ())) <= self._in_hand // 2}
        if free:
            self._consumer.resume(*free)
            self._paused -= free
        health = self.health()
        self._metrics.gauge("consumer_in_hand", health.in_hand, group=health.group)
        self._metrics.gauge("consumer_waiting", health.waiting, group=health.group)
        self._metrics.gauge("consumer_dead_letters", health.died, group=health.group)

    async def _commit_now_and_then(self) -> None:
        if time.monotonic() >= self._commit_at:
            await self._commit(list(self._offsets))
            self._commit_at = time.monotonic() + _COMMIT_EVERY_S

    async def _commit(self, partitions: Collection[Any]) -> None:
        known = {each: self._offsets[each] for each in partitions if each in self._offsets}
        due = {each: offset for each, offsets in known.items() if (offset := offsets.to_commit) is not None}
        if not due or self._consumer is None:
            return
        try:
            async with asyncio.timeout(_COMMIT_LIMIT_S):
                await self._consumer.commit(due)
        except Exception as error:
            # The group was rebalanced or its coordinator is away: the messages come again, and repeats do nothing.
            _log.warning("Offsets of %s were not committed: %s", self._worker.group, type(error).__name__)
            return
        for partition, offset in due.items():
            known[partition].committed(offset)


async def run_consumer(
    consumer: Consumer, worker: Worker, stop: asyncio.Event, *, max_records: int = 200, poll_ms: int = 200
) -> None:
    """Hand messages to `worker` until `stop` is set: `ConsumerRunner` with its defaults.

    Args:
        consumer: started, with automatic commits off.
        worker: what handles the messages.
        stop: ends the loop after the messages at work; those that are being tried again come again next time.
        max_records: the most messages of one fetch.
        poll_ms: how long one wait for messages takes, and so how soon `stop` is noticed.
    """
    await ConsumerRunner(worker).run(consumer, stop, max_records=max_records, poll_ms=poll_ms)
