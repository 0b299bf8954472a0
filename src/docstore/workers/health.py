"""A small HTTP server that says how workers are doing: ``/healthz``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from docstore.clients.metrics import PrometheusMetrics
from docstore.errors import DocstoreError, SettingsError
from docstore.workers.running import RunningWorker

if TYPE_CHECKING:
    from aiohttp import web

_LAG_EVERY_S: Final = 1.0
_ASK_S: Final = 4.0

_log = logging.getLogger("docstore.workers")


class HealthServer:
    """Answers probes for the length of the block.

    ``/healthz`` is 200 as long as the event loop turns; ``/readyz`` is 200 when every worker is at work and reads its
    topics, else 503, with each one's state as JSON; ``/metrics`` is Prometheus' text.

    Args:
        workers: whose health.
        metrics: what ``/metrics`` shows; 404 when None.
        asks: by server, what is called before ``/metrics`` answers, to fill in what has to be asked for; when it fails,
            or takes more than four seconds, its ``server_answers`` is 0 and its numbers are as they were last.
        host: where to listen.
        port: which port; 0 takes a free one.

    Raises:
        SettingsError: on entering, when the port is taken, or there is none of that number.
    """

    def __init__(
        self,
        workers: Sequence[RunningWorker],
        *,
        metrics: PrometheusMetrics | None = None,
        asks: Mapping[str, Callable[[], Awaitable[object]]] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._workers = workers
        self._metrics = metrics
        self._asks = dict(asks or {})
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self._watch: asyncio.Task[None] | None = None
        self._worst_lag_s = 0.0
        self.url = ""
        """Where it listens, once entered."""

    async def __aenter__(self) -> Self:
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics_page)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            why = error.strerror if isinstance(error, OSError) else "ports end at 65535"
            raise SettingsError(
                f"the health server cannot listen on {self._host}:{self._port}: {why}.",
                hint="Give another port with --health-port, or 0 for a free one.",
            ) from error
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._watch = asyncio.create_task(self._watch_the_loop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        from aiohttp import web

        return web.json_response({"ok": True, "loop_lag_s": round(self._worst_lag_s, 3)})

    async def _readyz(self, request: web.Request) -> web.Response:
        from aiohttp import web

        states = [worker.health() for worker in self._workers]
        ok = all(state.ok for state in states)
        told: list[dict[str, Any]] = [{"ok": state.ok, **asdict(state)} for state in states]
        return web.json_response({"ok": ok, "workers": told}, status=200 if ok else 503)

    async def _metrics_page(self, request: web.Request) -> web.Response:
        from aiohttp import web

        if self._metrics is None:
            raise web.HTTPNotFound(text="Metrics need the extra 'metrics': pip install 'docstore[metrics]'.\n")
        await asyncio.gather(*(self._ask(self._metrics, *each) for each in self._asks.items()))
        self._metrics.gauge("event_loop_lag_seconds", self._worst_lag_s)
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": self._metrics.content_type})

    async def _ask(self, metrics: PrometheusMetrics, server: str, ask: Callable[[], Awaitable[object]]) -> None:
        """Fill in what has to be asked for. Who cannot be asked must not take all other numbers away."""
        try:
            async with asyncio.timeout(_ASK_S):
                await ask()
        except (DocstoreError, TimeoutError) as error:
            told = str(error) if isinstance(error, DocstoreError) else f"no answer within {_ASK_S:g} s"
            _log.warning("Metrics without %s, whose numbers are as they were last: %s", server, told)
            metrics.gauge("server_answers", 0, server=server)
        else:
            metrics.gauge("server_answers", 1, server=server)

    async def _watch_the_loop(self) -> None:
        # Heartbeats share the loop: a handler that blocks it loses its partitions.
        while True:
            asked = time.monotonic()
            await asyncio.sleep(_LAG_EVERY_S)
            lag = time.monotonic() - asked - _LAG_EVERY_S
            self._worst_lag_s = max(lag, self._worst_lag_s * 0.9)
