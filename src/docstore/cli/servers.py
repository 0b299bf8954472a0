"""The embedded servers of a command: those that run already, or ones of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

    from docstore.cli.invocation import Invocation
    from docstore.settings import Settings


@dataclass(frozen=True)
class Servers:
    """The servers a command works with: settings that lead to them, and a phrase that tells whose they are."""

    settings: Settings
    origin: str
    own: bool = False


def kept_state_dir(settings: Settings) -> Path:
    """Where embedded servers keep their data when it is to stay."""
    from docstore._store_servers import DEFAULT_STATE_DIR

    return settings.embedded_state_dir or DEFAULT_STATE_DIR


@dataclass(frozen=True)
class OpenedDatabase:
    """The raw database of a command, its settings, and the document classes whose schema it is to have."""

    database: AsyncDatabase[dict[str, Any]]
    settings: Settings
    models: tuple[type[Any], ...]


@asynccontextmanager
async def opened_database(invocation: Invocation) -> AsyncIterator[OpenedDatabase]:
    """The raw database that the settings name, for commands that look after a schema: no model is bound.

    Raises:
        SettingsError, ServerUnavailable, ServiceError: nothing of that name is there, or it does not answer.
    """
    from docstore.clients import close_mongo_client, connect_mongo
    from docstore.store import SYSTEM_MODELS

    settings = invocation.settings()
    models = invocation.models()
    async with opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers:
        try:
            client = await connect_mongo(servers.settings)
            everything = (*models, *(each for each in SYSTEM_MODELS if each not in models))
            yield OpenedDatabase(client[servers.settings.effective_database_name], servers.settings, everything)
        finally:
            await close_mongo_client(servers.settings)


@asynccontextmanager
async def opened_servers(
    settings: Settings, *, state_dir: Path | None, services: Iterable[str]
) -> AsyncIterator[Servers]:
    """Settings that lead to servers: with DB_METHOD=EMBEDDED those that run on `state_dir`, else own ones on it.

    Args:
        settings: of the invocation.
        state_dir: None for own servers in a temporary directory.
        services: those to start when none run.

    Raises:
        MissingExtra, EmbeddedServerError: own servers are needed, and do not start.
    """
    from docstore.settings import DbMethod

    if settings.db_method is not DbMethod.EMBEDDED or settings.database_url_local is not None:
        yield Servers(settings, "those of the settings")
        return
    from docstore.embedded import EmbeddedServers, running_servers, settings_for

    urls = await asyncio.to_thread(running_servers, state_dir) if state_dir is not None else None
    if urls and "mongodb" in urls:
        yield Servers(settings.with_urls(**settings_for(urls)), f"those that run on {state_dir}")
        return
    # What goes with the servers need not be forced to disk, which takes the embedded MongoDB a sync for each document.
    async with EmbeddedServers(state_dir, services=services, durable=state_dir is not None) as own:
        origin = f"own ones, with their data in {state_dir}" if state_dir else "own ones, temporary"
        yield Servers(settings.with_urls(**own.settings_overrides()), origin, own=True)
