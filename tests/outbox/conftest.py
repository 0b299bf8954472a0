"""A publisher that keeps what it is given, and fails when told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from docstore.clients.protocols import OutgoingMessage
from docstore.outbox import OutboxLease


@dataclass
class RecordingPublisher:
    """A double of Kafka. `fault` is asked before each message; what it returns is raised."""

    sent: list[tuple[str, bytes | None, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    fault: Callable[[str, bytes | None, dict[str, Any]], BaseException | None] = lambda topic, key, body: None

    async def publish(
        self, topic: str, *, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        body = json.loads(value)
        error = self.fault(topic, key, body)
        if error is not None:
            raise error
        self.sent.append((topic, key, body, {name: text.decode() for name, text in headers}))

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        assert len({(each.topic, each.key) for each in messages}) == len(messages)
        return [await self._outcome(each) for each in messages]

    async def _outcome(self, message: OutgoingMessage) -> Exception | None:
        try:
            await self.publish(message.topic, key=message.key, value=message.value, headers=message.headers)
        except Exception as error:
            return error
        return None

    def bodies(self, topic: str) -> list[dict[str, Any]]:
        return [body for sent_to, _, body, _ in self.sent if sent_to == topic]


@pytest.fixture
def publisher() -> RecordingPublisher:
    return RecordingPublisher()


async def run_out(owner: str) -> None:
    """Let the leases of a relay run out, as they do when it gives no sign of life for as long as they last."""
    wanted = {"$or": [{"owner": owner}, {"_id": f"relay:{owner}"}]}
    await OutboxLease.get_pymongo_collection().update_many(
        wanted, {"$set": {"until": datetime(2000, 1, 1, tzinfo=UTC)}}
    )
