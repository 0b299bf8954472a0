"""The real workers, as tasks beside the demo: relay, newsletters, ratings, search."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from docstore.store import Store
from docstore.workers import NewsletterWorker, RatingsWorker, RelayWorker, SearchWorker, Worker, run_consumer

_STOP_WITHIN_S = 10.0


@asynccontextmanager
async def running_workers(store: Store) -> AsyncIterator[None]:
    """Run the workers for the length of the block, which begins at once; they read as soon as their groups stand.

    One that dies ends the block with its error.
    """
    workers: tuple[Worker, ...] = (
        NewsletterWorker(),
        RatingsWorker(await store.key_value()),
        SearchWorker(await store.search_index()),
    )
    relay = RelayWorker(await store.publisher())
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(relay.run(stop), name="relay")]
        # All at once: a broker lets a new group wait some seconds for further members.
        started += [tasks.create_task(_consume(store, worker, stop), name=worker.group) for worker in workers]
        try:
            yield
        finally:
            stop.set()
            _, late = await asyncio.wait(started, timeout=_STOP_WITHIN_S)
            for task in late:
                task.cancel()


async def _consume(store: Store, worker: Worker, stop: asyncio.Event) -> None:
    async with store.make_consumer(worker.group, worker.topics) as consumer:
        await run_consumer(consumer, worker, stop)
