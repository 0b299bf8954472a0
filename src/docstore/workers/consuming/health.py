"""How a consumer is doing, for probes and operators."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """How a consumer is doing now.

    Attributes:
        group: its consumer group.
        in_hand: messages that were fetched and are not done with.
        waiting: of these, messages that failed and are tried again later.
        paused: partitions that are not fetched for now, because enough of their messages are in hand.
        handled: messages handled since it began.
        died: messages that became dead letters since.
        seconds_since_poll: how long ago it last asked the broker for messages.
    """

    group: str
    in_hand: int
    waiting: int
    paused: int
    handled: int
    died: int
    seconds_since_poll: float

    @property
    def ok(self) -> bool:
        """Whether it asks the broker for messages: one that does not is about to lose its partitions."""
        return self.seconds_since_poll < 60
