"""Lanes: the messages of one key one after the other, those of different keys side by side."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Lanes(Generic[Item]):
    """Queues that are worked off side by side, each in its order.

    Args:
        work: given the first items of a lane (at most `batch`), says how many are done with, from the first; fewer
            than all end the lane, with the rest forgotten.
        batch: the most items of one call.
    """

    def __init__(self, work: Callable[[list[Item]], Awaitable[int]], *, batch: int) -> None:
        self._work = work
        self._batch = batch
        self._queues: defaultdict[Hashable, deque[Item]] = defaultdict(deque)
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._ended = False
        self._failure: Exception | None = None

    def __len__(self) -> int:
        """How many lanes have something to do."""
        return len(self._tasks)

    @property
    def failure(self) -> Exception | None:
        """The first error that `work` raised; lanes stop at it."""
        return self._failure

    def put(self, lane: Hashable, item: Item) -> None:
        """Put an item at the end of a lane."""
        self._queues[lane].append(item)
        if lane not in self._tasks and not self._ended:
            self._tasks[lane] = asyncio.create_task(self._run(lane))

    def forget(self, wanted: Callable[[Item], bool]) -> None:
        """Take out items that have not begun."""
        for queue in self._queues.values():
            kept = [item for item in queue if not wanted(item)]
            queue.clear()
            queue.extend(kept)

    async def end(self, seconds: float) -> None:
        """Begin nothing more, and wait for what has begun; what is not done in time is cancelled."""
        self._ended = True
        await self.leave(seconds)

    async def leave(self, seconds: float, of: Callable[[Hashable], bool] = lambda lane: True) -> None:
        """Wait for what has begun in these lanes; what is not done in time is cancelled."""
        running = [task for lane, task in self._tasks.items() if of(lane)]
        if running:
            _, left = await asyncio.wait(running, timeout=seconds)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _run(self, lane: Hashable) -> None:
        queue = self._queues[lane]
        try:
            while queue and not self._is_over():
                items = [queue.popleft() for _ in range(min(self._batch, len(queue)))]
                if await self._work(items) < len(items):
                    queue.clear()
        except Exception as error:
            if self._failure is None:
                self._failure = error
        finally:
            del self._tasks[lane]
            if queue and not self._is_over():
                self._tasks[lane] = asyncio.create_task(self._run(lane))
            elif not queue:
                self._queues.pop(lane, None)

    def _is_over(self) -> bool:
        return self._ended or self._failure is not None
