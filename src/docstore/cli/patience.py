"""The database for commands that keep a server busy for long: copying, restoring, building indexes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from docstore.cli.servers import kept_state_dir, opened_servers

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient
    from pymongo.asynchronous.database import AsyncDatabase

    from docstore.cli.invocation import Invocation
    from docstore.settings import Settings

_ANSWER_LIMIT_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class PatientDatabase:
    """A raw client that waits a day for an answer, and the settings that it was made of."""

    client: AsyncMongoClient[dict[str, Any]]
    settings: Settings

    @property
    def database(self) -> AsyncDatabase[dict[str, Any]]:
        """The one that the settings name."""
        return self.client[self.settings.effective_database_name]


@asynccontextmanager
async def patient_database(invocation: Invocation) -> AsyncIterator[PatientDatabase]:
    """Connect to the database of the settings; a limit in the connection string itself still counts.

    Raises:
        SettingsError, ServerUnavailable, ServiceError: nothing of that name is there, or it does not answer.
    """
    from docstore.clients import close_mongo_client, connect_mongo

    given = invocation.settings()
    async with opened_servers(given, state_dir=kept_state_dir(given), services=("mongodb",)) as servers:
        settings = servers.settings.with_urls(mongo_socket_timeout_ms=_ANSWER_LIMIT_MS)
        try:
            yield PatientDatabase(await connect_mongo(settings), settings)
        finally:
            await close_mongo_client(settings)
