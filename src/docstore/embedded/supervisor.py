"""The supervisor: starts servers, notices when one dies, tells where they are, and leaves none behind."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from docstore.embedded.endpoints import settings_for
from docstore.embedded.failures import died
from docstore.embedded.launching import Running, launch
from docstore.embedded.process import ServerProcess
from docstore.embedded.services import SERVICES, Options, RedisChoice, service_named
from docstore.embedded.state import StateDirectory
from docstore.errors import EmbeddedServerError

_log = logging.getLogger("docstore.embedded")


class EmbeddedServers:
    """Local servers for as long as the `async with` block lasts.

    - `state_dir`: where data, logs and `servers.json` live; None makes a temporary directory that is removed
      at the end. One supervisor uses a directory at a time.
    - `services`: those to start on entering, of `mongodb`, `redis`, `kafka`, `algolia`; may be empty, `start`
      adds one at any time.
    - `ports`: a port by service; absent or 0 lets the system choose. Kafka always chooses its own.
    - `durable`: what MongoDB, Redis and Algolia acknowledge outlives the server's process, and (in a state
      directory) the supervisor. Kafka and the Redis in Python keep nothing in any case.
    - `redis`: `"server"` runs `redis-server`, `"fake"` the one in Python, `"auto"` the first where it is on
      PATH.
    - `startup_timeout`: seconds a server may take until it serves.

    The servers are processes of their own and end with this one, however it ends.

    Raises EmbeddedServerError when a server cannot start or the state directory is in use, MissingExtra when
    the extra `embedded` is not installed, ValueError for a service that does not exist.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        services: Iterable[str] = SERVICES,
        ports: Mapping[str, int] | None = None,
        durable: bool = True,
        *,
        redis: RedisChoice = "auto",
        startup_timeout: float = 30.0,
    ) -> None:
        self._wanted = tuple(dict.fromkeys(services))
        self._ports = dict(ports or {})
        for name in (*self._wanted, *self._ports):
            service_named(name)
        self._path = state_dir
        self._durable = durable
        self._redis: RedisChoice = redis
        self._startup_timeout = startup_timeout
        self._state: StateDirectory | None = None
        self._running: dict[str, Running] = {}
        self._failures: dict[str, EmbeddedServerError] = {}
        self._changing = {name: asyncio.Lock() for name in SERVICES}
        self._guard = threading.Lock()  # held over the three dicts above: a watching thread writes them too
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def __aenter__(self) -> Self:
        if self._state is not None:
            raise EmbeddedServerError("These embedded servers run already.", hint="Make another EmbeddedServers.")
        state = StateDirectory(self._path)
        try:
            await asyncio.to_thread(state.acquire)
            self._state = state
            self._failures.clear()
            async with asyncio.TaskGroup() as starts:
                for name in self._wanted:
                    starts.create_task(self.start(name))
        except BaseExceptionGroup as group:
            await self._close(state)
            first = group.exceptions[0]
            raise first from first.__cause__
        except BaseException:
            await self._close(state)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for failure in self._failures.values():
                if failure is not error:
                    error.add_note(str(failure))
        if self._state is not None:
            await self._close(self._state)

    @property
    def urls(self) -> dict[str, str]:
        """The URLs of the servers that run now, by service."""
        with self._guard:
            return {name: server.url for name, server in self._running.items()}

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the servers that run now, by service."""
        with self._guard:
            return {name: server.process.pid for name, server in self._running.items()}

    @property
    def state_dir(self) -> Path:
        """The state directory, or the temporary one in its place. EmbeddedServerError when not entered."""
        return self._entered().path

    @property
    def is_temporary(self) -> bool:
        """Whether the data goes with the servers."""
        return self._path is None

    def settings_overrides(self) -> dict[str, str]:
        """Return the fields for `Settings.with_urls` that lead to the servers that run now."""
        return settings_for(self.urls)

    async def start(self, service: str) -> str:
        """Start one server and return its URL; one that runs already is left as it is.

        A server that was stopped or has died comes back on its old port (Kafka: on new ones).
        """
        definition = service_named(service)
        async with self._changing[service]:
            state = self._entered()
            if service in (urls := self.urls):
                return urls[service]
            options = Options(data=state.path / service, durable=self._durable, redis=self._redis)
            running = await launch(
                definition,
                definition.launch(options),
                state,
                port=self._ports.get(service, 0),
                timeout=self._startup_timeout,
                on_exit=self._on_exit,
            )
            if self._state is not state:  # the block ended meanwhile
                await running.process.stop()
                raise _not_running()
            self._register(service, running)
            return running.url

    async def stop(self, service: str) -> None:
        """Stop one server; one that does not run is left as it is."""
        async with self._changing[service_named(service).name]:
            with self._guard:
                running = self._running.pop(service, None)
                self._publish()
            if running is not None:
                await running.process.stop()

    async def wait(self) -> NoReturn:
        """Wait for as long as all servers live. Raises EmbeddedServerError when one has died."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._guard:
            self._waiters.append(waiter)
            if self._failures:
                waiter[1].set()
        try:
            await waiter[1].wait()
        finally:
            with self._guard:
                self._waiters.remove(waiter)
        raise next(iter(self._failures.values()))

    def _register(self, service: str, running: Running) -> None:
        with self._guard:
            self._running[service] = running
            self._failures.pop(service, None)
            self._ports[service] = running.port
            self._publish()
        if running.process.exit_code is not None:  # it died before the lines above: nobody was told
            self._on_exit(running.process)

    def _on_exit(self, process: ServerProcess) -> None:
        """Called in the process's watching thread, also after a stop that was asked for."""
        with self._guard:
            running = self._running.get(process.name)
            if process.stopping or running is None or running.process is not process:
                return
            del self._running[process.name]
            failure = self._failures[process.name] = died(process)
            self._publish()
            for loop, event in self._waiters:
                loop.call_soon_threadsafe(event.set)
        _log.error("%s", failure)

    def _publish(self) -> None:
        if self._state is not None:
            self._state.publish({name: server.url for name, server in self._running.items()})

    def _entered(self) -> StateDirectory:
        if self._state is None:
            raise _not_running()
        return self._state

    async def _close(self, state: StateDirectory) -> None:
        with self._guard:
            processes = [server.process for server in self._running.values()]
            self._running.clear()
            self._state = None
        try:
            # Shielded: a second Ctrl-C while they stop must not leave half of them behind.
            await asyncio.shield(asyncio.gather(*(process.stop() for process in processes)))
        finally:
            state.release()


def _not_running() -> EmbeddedServerError:
    return EmbeddedServerError(
        "The embedded servers are not running.", hint="Use them inside `async with EmbeddedServers() ...`."
    )
