"""Kafka consumers: made to order, not shared."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from docstore.clients._kafka_options import connection_options
from docstore.clients._kafka_refusals import why_unreachable
from docstore.clients._shared import resolve
from docstore.settings import Settings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

_STOP_LIMIT_S: Final = 5.0
_ABANDON_LIMIT_S: Final = 2.0


class PartitionListener(Protocol):
    """Is told when the broker moves partitions between the members of a group."""

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """These are this member's now."""
        ...

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """These are about to be somebody else's; the move waits until this returns."""
        ...


def make_kafka_consumer(
    group: str,
    topics: Sequence[str],
    settings: Settings | None = None,
    *,
    listener: PartitionListener | None = None,
    session_timeout_s: float = 10.0,
) -> AIOKafkaConsumer:
    """A new consumer of `topics` in `group`, not yet started; start and stop are yours. A stop takes 9 s at most.

    Offsets are committed by hand only, a new group starts at the earliest message, and messages of aborted
    transactions are not delivered. Heartbeats share the event loop: handlers must not block it. KAFKA_TOPIC_PREFIX is
    put before topics and group, and is not seen in what `getmany` delivers. A start that fails raises what
    `ping_kafka` does, and stops the consumer.

    Args:
        group: the consumer group.
        topics: the topics.
        settings: those of the environment when None.
        listener: is told of rebalances.
        session_timeout_s: after how many seconds without a sign of life the broker gives the partitions to others.

    Raises:
        SettingsError: Kafka is not configured.
    """
    from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
    from aiokafka.errors import KafkaConnectionError

    known = resolve(settings)
    prefix = known.topic_prefix

    class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
        async def getmany(self, *partitions: Any, timeout_ms: int = 0, max_records: int | None = None) -> Any:
            fetched = await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
            if not prefix:
                return fetched
            return {
                partition: [dataclasses.replace(each, topic=each.topic.removeprefix(prefix)) for each in records]
                for partition, records in fetched.items()
            }

        async def start(self) -> None:
            try:
                await super().start()
            except KafkaConnectionError as error:
                await self.stop()
                raise await why_unreachable(known, error) from error
            except BaseException:
                await asyncio.shield(self.stop())
                raise
            _hear_commits_out(self._coordinator)

        async def stop(self) -> None:
            try:
                async with asyncio.timeout(_STOP_LIMIT_S):
                    await super().stop()
            except TimeoutError:
                await _abandon(self)
            except asyncio.CancelledError:
                # aiokafka cancels its fetches and passes their cancellation on as if it were its caller's.
                await _abandon(self)
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
        async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
            if listener is not None:
                await listener.on_partitions_assigned(assigned)

        async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
            if listener is not None:
                await listener.on_partitions_revoked(revoked)

    consumer: AIOKafkaConsumer = Consumer(
        group_id=prefix + group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=round(session_timeout_s * 1000),
        heartbeat_interval_ms=round(session_timeout_s * 1000 / 3),
        # The runner leaves partitions that are taken away within this time; longer, and others wait for it.
        rebalance_timeout_ms=30_000,
        **connection_options(known),
    )
    if topics:  # without any it asks the brokers, and reads nothing
        consumer.subscribe([prefix + topic for topic in topics], listener=Listener())
    return consumer


def _hear_commits_out(coordinator: Any) -> None:
    """Have the error of a commit seen that nobody waits for any more."""
    commit = getattr(coordinator, "_do_commit_offsets", None)  # who reads in no group commits nothing
    if commit is None:
        return

    async def heard(*what: Any) -> None:
        # The driver shields this from the cancellation of its caller, as of a limit, and then nobody asks how it went:
        # it ends minutes later with its broker, as an error in the log that was never retrieved.
        if (task := asyncio.current_task()) is not None:
            task.add_done_callback(_see)
        await commit(*what)

    coordinator._do_commit_offsets = heard


def _see(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def _abandon(consumer: AIOKafkaConsumer) -> None:
    """End what a stop that did not come to its end left at work; the brokers find out by the missing heartbeat."""
    # aiokafka offers no stop without leaving the group.
    coordinator, fetcher = consumer._coordinator, consumer._fetcher
    names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task", "_reset_committed_task")
    tasks = [getattr(coordinator, name, None) for name in names]
    tasks += [fetcher._fetch_task, *fetcher._pending_tasks] if fetcher is not None else []
    left: set[asyncio.Task[object]] = {task for task in tasks if task is not None}
    for task in left:
        task.add_done_callback(_see)
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_ABANDON_LIMIT_S)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ABANDON_LIMIT_S):
            await consumer._client.close()
