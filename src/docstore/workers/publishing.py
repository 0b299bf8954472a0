"""The publisher: scheduled posts go online when they are due, on the server's clock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Final

from docstore.clients.metrics import Metrics, NoMetrics
from docstore.context import acting_as
from docstore.documents import server_now
from docstore.documents.filters import LTE
from docstore.errors import DocstoreError, InvalidTransition
from docstore.models import Post

POLL_SECONDS: Final = 5.0
ACTOR: Final = "worker:publisher"

_LOOKED_AT: Final = 100
_AT_ONCE: Final = 8
_PATIENCE_S: Final = 10.0

_log = logging.getLogger("docstore.workers")


class PublishingWorker:
    """Publishes scheduled posts. Of several of these workers one publishes each post: the state machine lets one.

    Args:
        poll_s: seconds between looks, and so how late a post may be.
        metrics: where counts go.
    """

    def __init__(self, *, poll_s: float = POLL_SECONDS, metrics: Metrics | None = None) -> None:
        self._poll_s = poll_s
        self._metrics = metrics or NoMetrics()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set.

        Raises:
            ServerUnavailable: the database does not answer.
        """
        while not stop.is_set():
            if not await self.publish_due():
                with contextlib.suppress(TimeoutError):
                    pause = self._poll_s * random.uniform(0.8, 1.0)  # noqa: S311 - jitter
                    await asyncio.wait_for(stop.wait(), pause)

    async def publish_due(self) -> int:
        """Publish what is due now, up to a hundred posts, the oldest first; how many this worker published.

        A post that cannot be published is told in the log and left for a person; the others go on.
        """
        now = await server_now(Post)
        due = Post.find({"status": "SCHEDULED"}, LTE(Post.publish_date, now)).sort("publishDate").limit(_LOOKED_AT)
        gate = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            at_work = [tasks.create_task(self._publish(post, gate)) for post in await due.to_list()]
        published = sum(each.result() for each in at_work)
        self._metrics.count("publisher_published", published)
        return published

    async def _publish(self, post: Post, gate: asyncio.Semaphore) -> bool:
        """Whether this worker published the post."""
        async with gate:
            try:
                # A transaction that a dead process left open holds its post for a minute; the others need not wait.
                async with asyncio.timeout(_PATIENCE_S):
                    with acting_as(ACTOR):
                        await post.publish()
            except InvalidTransition:
                return False  # another worker was quicker, or somebody took it off the schedule
            except TimeoutError:
                self._metrics.count("publisher_failures")
                _log.warning("Post %s is due and held by another transaction; it is tried again.", post.id)
                return False
            except DocstoreError as error:
                self._metrics.count("publisher_failures")
                _log.error("Post %s is due and was not published: %s", post.id, error)
                return False
        return True
