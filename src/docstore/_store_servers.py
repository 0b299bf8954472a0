"""Where a Store's servers are: as the settings say, or, with DB_METHOD=EMBEDDED, joined or started when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docstore.settings import DbMethod, Settings

if TYPE_CHECKING:
    from docstore.embedded import EmbeddedServers

DEFAULT_STATE_DIR: Final = Path(".docstore/state")
"""Where `docstore up` keeps its servers' state unless told otherwise."""

_HAS_ADDRESS: Final[Mapping[str, Callable[[Settings], bool]]] = {
    "mongodb": lambda settings: settings.database_url_local is not None,
    "redis": lambda settings: settings.redis_dsn is not None,
    "kafka": lambda settings: bool(settings.kafka_bootstrap),
    "algolia": lambda settings: bool(settings.algolia_hosts or settings.algolia_app_id),
}


class StoreServers:
    """The servers of one Store, and the settings with the addresses found so far.

    With DB_METHOD=EMBEDDED an address in the settings is used as it stands. Else the servers of a running
    ``docstore up`` are joined: those of EMBEDDED_STATE_DIR, or of the default directory when it is not set. A server
    that is still missing is started, and ends with the Store; its data is kept in EMBEDDED_STATE_DIR, or nowhere.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._own: EmbeddedServers | None = None
        self._changing = asyncio.Lock()
        self._temporary: set[str] = set()

    async def need(self, service: str) -> Settings:
        """The settings, with the address of `service` in them; those of a deployment stay as they are.

        Raises:
            MissingExtra: the extra `embedded` is not installed.
            EmbeddedServerError: the server does not start.
        """
        if self.settings.db_method is not DbMethod.EMBEDDED:
            return self.settings
        async with self._changing:
            if not _HAS_ADDRESS[service](self.settings):
                self._take(await self._join())
            if not _HAS_ADDRESS[service](self.settings):
                self._take({service: await self._start(service)})
            return self.settings

    def is_temporary(self, service: str) -> bool:
        """Whether the server was started here, empty, and goes with all its data."""
        return service in self._temporary

    async def close(self) -> None:
        """Stop the servers that were started here."""
        self._temporary.clear()
        own, self._own = self._own, None
        if own is not None:
            await own.__aexit__(None, None, None)

    def _take(self, urls: Mapping[str, str]) -> None:
        from docstore.embedded import settings_for

        missing = {name: url for name, url in urls.items() if not _HAS_ADDRESS[name](self.settings)}
        if missing:
            self.settings = self.settings.with_urls(**settings_for(missing))

    async def _join(self) -> Mapping[str, str]:
        if self._own is not None:
            return {}
        from docstore.embedded import running_servers

        folder = self.settings.embedded_state_dir or DEFAULT_STATE_DIR
        return await asyncio.to_thread(running_servers, folder) or {}

    async def _start(self, service: str) -> str:
        from docstore.embedded import EmbeddedServers

        if self._own is None:
            # A directory whose servers were joined belongs to another process: what they lack is temporary.
            joined = _HAS_ADDRESS["mongodb"](self.settings)
            folder = None if joined else self.settings.embedded_state_dir
            own = EmbeddedServers(folder, services=(), durable=folder is not None)
            await own.__aenter__()
            self._own = own
        url = await self._own.start(service)
        if self._own.is_temporary:
            self._temporary.add(service)
        return url
