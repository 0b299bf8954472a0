"""The embedded servers of a command: those that run already, or ones of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
