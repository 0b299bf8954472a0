"""The publisher: scheduled posts go online when they are due, on the server's clock."""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import datetime
from typing import Any, Final

from docstore._tasks import Cancellations, came
from docstore.clients.metrics import Metrics, NoMetrics
from docstore.context import acting_as
from docstore.documents import server_now, translated
from docstore.errors import InvalidTransition, OperationTimeout, ServerUnavailable
from docstore.models import Post
from docstore.workers.consuming.attempts import told

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
        self._failed: set[Any] = set()  # they must not crowd out those that come after them

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set.

        Raises:
            ServerUnavailable: the database does not answer.
        """
        cancellations = Cancellations()
        while not stop.is_set():
            cancellations.raise_lost()
            if not await self.publish_due():
                await came(stop, self._poll_s * random.uniform(0.8, 1.0))  # noqa: S311 - jitter

    async def publish_due(self) -> int:
        """Publish what is due now, up to a hundred posts, the oldest first; how many this worker published.

        A post that cannot be published, or not even read, is told in the log and left for a person; the others go on.
        """
        now = await server_now(Post)
        wanted = {"status": "SCHEDULED", "publishDate": {"$lte": now}, "_id": {"$nin": list(self._failed)}}
        with translated("Post"):
            due = Post.get_pymongo_collection().find(wanted, {"_id": 1}).sort({"publishDate": 1}).limit(_LOOKED_AT)
            ids = [row["_id"] async for row in due]
        if not ids:
            self._failed.clear()  # a person may have mended them
        gate = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            at_work = [tasks.create_task(self._publish(post_id, now, gate)) for post_id in ids]
        published = sum(each.result() for each in at_work)
        self._metrics.count("publisher_published", published)
        return published

    async def _publish(self, post_id: Any, now: datetime, gate: asyncio.Semaphore) -> bool:
        """Whether this worker published the post."""
        async with gate:
            try:
                # A transaction that a dead process left open holds its post for a minute; the others need not wait.
                async with asyncio.timeout(_PATIENCE_S):
                    post = await Post.get(post_id)
                    if post is None or post.publish_date is None or post.publish_date > now:
                        return False  # deleted or put off meanwhile
                    with acting_as(ACTOR):
                        await post.publish()
            except InvalidTransition:
                return False  # another worker was quicker, or somebody took it off the schedule
            except TimeoutError:
                self._metrics.count("publisher_failures")
                _log.warning("Post %s is due and held by another transaction; it is tried again.", post_id)
                return False
            except Exception as error:
                if not isinstance(error, ServerUnavailable | OperationTimeout):
                    self._failed.add(post_id)
                self._metrics.count("publisher_failures")
                _log.error("Post %s is due and was not published: %s", post_id, told(error))
                return False
        return True
