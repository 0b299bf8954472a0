"""Trying a message until it is done with: handled, or kept as a dead letter."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Sequence
from itertools import count
from typing import Final

from pydantic import ValidationError
from pymongo.errors import ConnectionFailure, PyMongoError

from docstore._tasks import came
from docstore.errors import AccessDenied, DocstoreError, OperationTimeout, ServerUnavailable, ValidationFailed
from docstore.workers.dead_letters import keep_dead_letter
from docstore.workers.messages import BatchWorker, Message, Worker

ATTEMPTS: Final = 5
"""How often a message is tried before it becomes a dead letter. Servers that are away, or refuse the login, do not
count."""

_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_ERROR: Final = 2_000

_log = logging.getLogger("docstore.workers")


class Attempts:
    """Tries messages on a worker.

    A server that is away, or refuses the login, is waited for as long as it takes. Another failure is tried `ATTEMPTS`
    times, after which the message is kept as a dead letter; one that can never be handled is kept at once.

    Args:
        worker: what handles messages.
        stop: ends the waiting between tries.
        concurrency: calls of the worker at the same time; a message that waits to be tried again counts as none.
    """

    def __init__(self, worker: Worker, stop: asyncio.Event, concurrency: int) -> None:
        self._worker = worker
        self._stop = stop
        self._gate = asyncio.Semaphore(concurrency)
        self.handled = 0
        self.died = 0
        self.waiting: set[Message] = set()
        """Messages that failed and are tried again later; the messages of their keys wait with them."""

    async def handle_all(self, messages: Sequence[Message]) -> int:
        """Handle messages in their order; how many are done with, from the first, when it is time to stop."""
        if isinstance(self._worker, BatchWorker) and len(messages) > 1:
            try:
                async with self._gate:
                    await _uncancelled(self._worker.handle_many(messages))
            except Exception as error:
                # One by one: what keeps a message from being handled must not keep the others.
                _log.warning("%s failed on %d messages at once: %s", self._worker.group, len(messages), told(error))
            else:
                self.handled += len(messages)
                return len(messages)
        for done, message in enumerate(messages):
            if not await self._handle(message):
                return done
        return len(messages)

    async def _handle(self, message: Message) -> bool:
        """Whether the message is done with: handled, or kept as a dead letter."""
        refusals = 0
        try:
            for tries in count(1):
                try:
                    async with self._gate:
                        await _uncancelled(self._worker.handle(message))
                except Exception as error:
                    self._note(message, tries, error)
                    refusals += not _is_passing(error)
                    if isinstance(error, ValidationFailed) or refusals >= ATTEMPTS:
                        return await self._keep(message, error)
                else:
                    self.handled += 1
                    return True
                self.waiting.add(message)
                if await came(self._stop, _backoff_s(tries)):
                    break
            return False
        finally:
            self.waiting.discard(message)

    async def _keep(self, message: Message, error: Exception) -> bool:
        """Make the message a dead letter, however long it takes; whether it is one before the end."""
        for tries in count(1):
            try:
                await keep_dead_letter(self._worker.group, message, told(error))
            except Exception as failure:
                _log.error("A dead letter could not be written: %s", told(failure))
            else:
                self.died += 1
                group, topic = self._worker.group, message.topic
                _log.error("%s gave up on a message of %s; it is a dead letter now.", group, topic)
                return True
            if await came(self._stop, _backoff_s(tries)):
                break
        return False

    def _note(self, message: Message, tries: int, error: Exception) -> None:
        _log.warning(
            "%s failed on a message of %s (partition %d, offset %d, try %d): %s",
            self._worker.group,
            message.topic,
            message.partition,
            message.offset,
            tries,
            told(error),
            exc_info=None if isinstance(error, DocstoreError) else error,
        )


async def _uncancelled(work: Awaitable[None]) -> None:
    """Run a worker's call. A cancellation that leaks out of it, of something it waited for, is a failure like others.

    Taken for this task's own, it would end the lane, and its message would be neither handled nor given up.
    """
    try:
        await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("the worker's call was cancelled from within") from error


def told(error: Exception) -> str:
    """An error in words, not too many. The messages of our own errors name no values; those of others might."""
    if isinstance(error, DocstoreError):
        return str(error)[:_LONGEST_ERROR]
    if isinstance(error, ValidationError):
        fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
        return f"{error.title}: {', '.join(fields)} do not fit"[:_LONGEST_ERROR]
    return type(error).__name__


def _is_passing(error: Exception) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        # A login that is refused is no message's fault: each of them would become a dead letter within seconds.
        if isinstance(cause, ServerUnavailable | OperationTimeout | AccessDenied | ConnectionFailure):
            return True
        if isinstance(cause, PyMongoError) and cause.has_error_label("TransientTransactionError"):
            return True
        cause = cause.__cause__
    return False


def _backoff_s(tries: int) -> float:
    return min(0.1 * 2.0 ** min(tries, 20), _LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
