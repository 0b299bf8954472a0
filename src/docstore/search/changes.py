"""What changed since a moment: asked of a log of committed changes, overlapping, and told once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from docstore.documents import PydanticObjectId

OVERLAP: Final = timedelta(minutes=5)
"""By how much a look at the log reaches back before the last one: a transaction lasts up to a minute, and the clocks of
writers may be two minutes wrong."""

Apply = Callable[[Sequence[tuple[str, str]]], Awaitable[object]]
"""Brings records up to date that changed documents, as collection names and ids, have a part in."""

_BATCH = 500


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """A committed change: the log's own id of it, and the document."""

    id: PydanticObjectId
    collection: str
    document_id: str


class ChangeLog(Protocol):
    """A log of committed changes, such as the outbox."""

    async def now(self) -> datetime:
        """What time it is for the log's server."""
        ...

    def since(self, moment: datetime) -> AsyncIterator[LoggedChange]:
        """The changes whose ids are of that moment or later, by the clocks of their writers."""
        ...

    async def waiting(self) -> int:
        """How many changes have not been told to consumers yet."""
        ...


class Replay:
    """Tells the changes since a moment, each once, however often it is asked.

    Args:
        log: where changes are.
        since: from when on, by the log's server.
    """

    def __init__(self, log: ChangeLog, since: datetime) -> None:
        self._log = log
        self._since = since
        self._told: set[PydanticObjectId] = set()

    def told(self, change: PydanticObjectId) -> None:
        """A change was told by other means."""
        self._told.add(change)

    @property
    def reached(self) -> datetime:
        """Everything that was committed before this was told."""
        return self._since

    async def catch_up(self, apply: Apply) -> int:
        """Tell `apply` what was not told yet, many changes at a time; how many there were."""
        begun = await self._log.now()
        oldest = begun - OVERLAP - timedelta(seconds=1)
        news: list[LoggedChange] = []
        count = 0
        async for change in self._log.since(self._since - OVERLAP):
            if change.id in self._told:
                continue
            news.append(change)
            if len(news) >= _BATCH:
                await self._tell(apply, news, oldest)
                count, news = count + len(news), []
        if news:
            await self._tell(apply, news, oldest)
        self._since = begun
        self._told = {each for each in self._told if each.generation_time >= oldest}
        return count + len(news)

    async def _tell(self, apply: Apply, news: Sequence[LoggedChange], oldest: datetime) -> None:
        await apply(list(dict.fromkeys((each.collection, each.document_id) for each in news)))
        # Only now: what could not be applied is told again. The next look reaches back to `oldest`, and no further.
        self._told.update(each.id for each in news if each.id.generation_time >= oldest)
