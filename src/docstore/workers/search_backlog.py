"""What the indexes are still to follow: changes in the outbox, messages in the broker, and those that were given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from docstore.errors import ServerUnavailable, SettingsError
from docstore.search import ChangeLog, SearchWatch
from docstore.workers.dead_letters import dead_letters_status
from docstore.workers.search import SearchWorker

MessagesBehind = Callable[[str, Sequence[str]], Awaitable[int]]
"""Tells how many messages of topics a consumer group has not committed yet."""


@dataclass(frozen=True, slots=True)
class SearchBacklog:
    """What the indexes are still to follow.

    Attributes:
        outbox: changes that no relay has sent yet.
        broker: messages that were sent, and that no search worker is done with; None when no broker answers.
        dead_letters: messages that search workers gave up on, and that nobody has decided about.
        watched_to: up to when `docstore search watch` has followed changes; None when it never ran.
        watched_ago_s: how many seconds ago that is, by the database's clock.
    """

    outbox: int
    broker: int | None
    dead_letters: int
    watched_to: datetime | None
    watched_ago_s: float | None


async def search_backlog(log: ChangeLog, behind: MessagesBehind) -> SearchBacklog:
    """Ask the log, the broker and the database."""
    group = SearchWorker.group
    try:
        broker: int | None = await behind(group, SearchWorker.topics)
    except (ServerUnavailable, SettingsError):
        broker = None
    watch = await SearchWatch.find_one({"_id": "watch"})
    reached = None if watch is None else watch.reached_at
    return SearchBacklog(
        outbox=await log.waiting(),
        broker=broker,
        dead_letters=(await dead_letters_status(group)).waiting.get(group, 0),
        watched_to=reached,
        watched_ago_s=None if reached is None else (await log.now() - reached).total_seconds(),
    )
