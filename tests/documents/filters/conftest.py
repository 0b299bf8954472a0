"""What the server is really asked when a query is sent."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener
from tests.databases import drop_database

from docstore.documents import bind
from docstore.documents.transactions import use_client
from docstore.settings import Settings


class Asked(CommandListener):
    """Every filter the server was sent by a find, oldest first."""

    def __init__(self) -> None:
        self.filters: list[dict[str, Any]] = []

    def started(self, event: Any) -> None:
        if event.command_name == "find":
            self.filters.append(dict(event.command["filter"]))

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass

    @property
    def last(self) -> dict[str, Any]:
        """The last filter, without what the guard adds to it."""
        marks = ("deletedAt", "isDeleted")
        given = {name: value for name, value in self.filters[-1].items() if name not in marks}
        if given.get("status") == {"$ne": "DELETED"}:
            del given["status"]
        return given


@pytest_asyncio.fixture
async def listen(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[Asked]]]:
    """Bind models to a fresh database, over a client whose commands are heard."""
    listener = Asked()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo_uri.get_secret_value(), tz_aware=True, event_listeners=[listener]
    )

    async def bind_them(*models: type[Any], **options: Any) -> Asked:
        await bind(client[settings.effective_database_name], models, **options)
        return listener

    yield bind_them
    await drop_database(client, settings.effective_database_name)
    await client.close()
    use_client(None)
