"""What may be asked of a message broker: to take messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be sent: its topic, key, value and headers."""

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@runtime_checkable
class Publisher(Protocol):
    """Sends messages to topics and returns when the brokers hold them."""

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Send and wait for the acknowledgement. Messages of one key keep their order.

        Raises:
            OperationTimeout: no acknowledgement in time; the message may still arrive.
            ServerUnavailable: no broker answers; the message was not handed over.
            ServiceError: the brokers refuse the message.
        """
        ...

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        """Send messages together and wait for all; for each None, or the error that `publish` would have raised.

        No two of them may have the same topic and key: when one fails, the others may have been sent.
        """
        ...
