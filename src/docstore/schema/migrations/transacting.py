"""Transactions of a migration: all on one session, which another process can end when this one was killed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bson.binary import UUID_SUBTYPE, Binary
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError

from docstore._tasks import Cancellations
from docstore.documents.transactions import Transaction, current_transaction, open_transaction
from docstore.errors import DocstoreError, error_detail

R = TypeVar("R")

RETRY_SECONDS: Final = 75.0
"""How long conflicts are retried: longer than a server keeps the transaction of a process that is gone."""


@dataclass(frozen=True)
class Transactions:
    """Runs work in transactions on one session."""

    session: AsyncClientSession

    @property
    def id(self) -> bytes:
        """The session's id."""
        return bytes(self.session.session_id["id"])

    async def run(self, work: Callable[[], Awaitable[R]]) -> R:
        """Run `work` in a transaction, from its start again when it loses a race; inside one, as a part of it."""
        if current_transaction() is not None:
            return await work()
        deadline = time.monotonic() + RETRY_SECONDS
        attempt = 0
        cancellations = Cancellations()
        while True:
            running: Transaction | None = None
            try:
                async with open_transaction(self.session.client, self.session) as running:
                    return await work()
            except (PyMongoError, DocstoreError) as error:
                cancellations.raise_lost()
                attempt += 1
                pause = min(0.005 * 1.7**attempt, 1.0) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
                certain = running is not None and running.committed
                if certain or not error_detail(error).retryable or time.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)


async def end_session(client: AsyncMongoClient[dict[str, Any]], id_: bytes) -> None:
    """End the session of a process that is gone, and with it the transaction that it left open.

    A server that does not allow it ends the transaction by itself after a minute.
    """
    try:
        await client.admin.command({"killSessions": [{"id": Binary(id_, UUID_SUBTYPE)}]})
    except OperationFailure:
        return
