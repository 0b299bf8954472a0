"""The server's clock, for leases: those of the workers need not agree."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from docstore.documents import translated


async def server_now(collection: Any) -> datetime:
    """What time it is for the server.

    Raises:
        ServerUnavailable: the database does not answer.
    """
    with translated(collection.name):
        told = (await collection.database.command("hello"))["localTime"]
    now: datetime = told if told.tzinfo else told.replace(tzinfo=UTC)
    return now
