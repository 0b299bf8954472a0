"""The server as an object: started, asked for its address, stopped."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Self

from aiohttp import web

from docstore.embedded.algolia.access import Access
from docstore.embedded.algolia.app import make_app
from docstore.embedded.algolia.call import Limits
from docstore.embedded.algolia.catalog import Catalog, Tasks
from docstore.embedded.algolia.faults import Faults
from docstore.embedded.algolia.state import StateFile
from docstore.errors import EmbeddedServerError


class LocalAlgolia:
    """A search server on this machine that answers Algolia's REST API. An async context manager.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        state: a file to keep the indexes in; None keeps them in memory alone.
        access: application id and keys.
        limits: the largest record and request body.
        task_delay: seconds until a task reports itself published; changes are visible at once all the same.
        allow_faults: serve ``/_faults``, for tests.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state: Path | None = None,
        access: Access | None = None,
        limits: Limits | None = None,
        task_delay: float = 0.0,
        allow_faults: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        self.catalog = Catalog(Tasks(task_delay))
        self.faults = Faults() if allow_faults else None
        self._state = StateFile(state, self.catalog) if state is not None else None
        app = make_app(self.catalog, access or Access(), limits or Limits(), self.faults)
        # No access log: keys may travel in URLs.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    @property
    def url(self) -> str:
        """Where it is reached, such as ``http://127.0.0.1:7700``; right once it is started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Load the state and serve.

        Raises:
            EmbeddedServerError: the port is taken, or the state file cannot be read.
        """
        if self._state is not None:
            await self._state.start()
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as error:
            await self.stop()
            raise self._not_listening(error) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Answer what is under way, write the state and stop. May be called twice."""
        await self._runner.cleanup()
        if self._state is not None:
            await self._state.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    def _not_listening(self, error: OSError) -> EmbeddedServerError:
        if error.errno == errno.EADDRINUSE:
            return EmbeddedServerError(
                f"Port {self.port} on {self.host} is taken, so the search server cannot start.",
                hint="End the program that holds it, or choose another port (0 takes a free one).",
            )
        return EmbeddedServerError(
            f"The search server cannot listen on {self.host}, port {self.port}.",
            hint="Choose an address of this machine, such as 127.0.0.1, and a port above 1023.",
        )
