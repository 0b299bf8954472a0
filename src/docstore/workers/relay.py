"""The outbox's relay as a worker of its own."""

from __future__ import annotations

import asyncio

from docstore.clients.metrics import Metrics
from docstore.clients.protocols import Publisher
from docstore.outbox import Relay


class RelayWorker:
    """Publishes the outbox until told to stop. Reads no topic, so it needs no consumer.

    Args:
        publisher: where events go.
        metrics: where counts go.
    """

    def __init__(self, publisher: Publisher, *, metrics: Metrics | None = None) -> None:
        self._relay = Relay(publisher, metrics=metrics)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set; see `Relay.run`."""
        await self._relay.run(stop)
