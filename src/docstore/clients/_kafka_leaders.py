"""Where a message goes, and whether somebody takes it there: a partition without a leader must not hold up others."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

LOOK_S: Final = 1.0
"""How often to look, while something is waited for."""

# An election among brokers that are alive takes less.
_ELECTION_S: Final = 2.0
_NO_ANSWER_S: Final = 5.0
_NO_LEADER: Final = (None, -1)


class Place(NamedTuple):
    """A partition; the topic with KAFKA_TOPIC_PREFIX."""

    topic: str
    partition: int


class Leaders:
    """Since when partitions are without a leader, as a producer's metadata tells."""

    def __init__(self) -> None:
        self._lost_since: dict[Place, float] = {}
        self._look_at = 0.0

    async def lost(self, producer: AIOKafkaProducer, places: Iterable[Place]) -> set[Place]:
        """Those that have been without a leader for longer than an election takes.

        Of partitions that had one, only what is known by now is looked at, which takes no time.
        """
        wanted = set(places)
        if wanted & self._lost_since.keys():
            # The producer itself asks again only while it has something for them.
            await self.look(producer)
        now = time.monotonic()
        for place in wanted:
            if producer.client.cluster.leader_for_partition(place) in _NO_LEADER:
                self._lost_since.setdefault(place, now)
            else:
                self._lost_since.pop(place, None)
        lost = wanted & self._lost_since.keys()
        return {place for place in lost if now - self._lost_since[place] >= _ELECTION_S}

    async def look(self, producer: AIOKafkaProducer) -> None:
        """Have the brokers tell who leads; once a second, and for a second, at most."""
        if time.monotonic() < self._look_at:
            return
        # Who hangs is not waited for every time.
        pause_s = _NO_ANSWER_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await producer.client.force_metadata_update()
            pause_s = LOOK_S
        self._look_at = time.monotonic() + pause_s


def places_of(producer: AIOKafkaProducer, topic: str) -> Sequence[Place]:
    """All partitions of a topic, in order; none while it is not known."""
    return [Place(topic, number) for number in sorted(producer.client.cluster.partitions_for_topic(topic) or ())]


def place_of(places: Sequence[Place], key: bytes | None) -> Place | None:
    """Where of them a message goes, as the driver would choose; None for one without a key, which goes anywhere."""
    from aiokafka.partitioner import DefaultPartitioner

    # The partitioner chooses among whatever it is given.
    return DefaultPartitioner.__call__(key, places, places) if places and key is not None else None
