"""`docstore worker`: the workers as processes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.broker_news import tell_of_brokers
from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.stopping import stopped_by_signals
from docstore.cli.tables import table
from docstore.errors import MissingExtra, SettingsError

if TYPE_CHECKING:
    from docstore.clients.metrics import PrometheusMetrics

_SERVICES = ("mongodb", "redis", "kafka", "algolia")


def worker(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Which; `all` for all of them.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which there are, and end.")] = False,
    health_port: Annotated[
        int | None, typer.Option(help="Answer /healthz, /readyz and /metrics on this port; 0 takes a free one.", min=0)
    ] = None,
    health_host: Annotated[str, typer.Option(help="Where the health server listens.")] = "127.0.0.1",
    drain: Annotated[
        float, typer.Option(help="Seconds that messages at work may take once SIGTERM or Ctrl-C came.", min=0)
    ] = 25.0,
    json: JsonFlag = False,
) -> None:
    """Run workers until SIGTERM or Ctrl-C; then finish what is at work. A second one ends them at once."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.workers.registry import WORKERS

        if listed or not names:
            rows = ((each.name, each.summary) for each in WORKERS.values())
            invocation.out.print(table("worker", "does", rows=rows))
            invocation.print_json({"ok": True, "workers": {each.name: each.summary for each in WORKERS.values()}})
            return 0 if listed else 2
        return await _run(invocation, _chosen(names, tuple(WORKERS)), health_host, health_port, drain)

    invocation.run(work)


def _chosen(names: list[str], known: tuple[str, ...]) -> list[str]:
    wanted = list(known) if "all" in names else list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in known]:
        raise SettingsError(
            f"there is no worker {', '.join(unknown)}.", hint=f"Workers are {', '.join(known)}; `all` runs them all."
        )
    return wanted


async def _run(invocation: Invocation, names: list[str], host: str, port: int | None, drain: float) -> int:
    from docstore.clients import ping_kafka
    from docstore.outbox import outbox_metrics
    from docstore.store import Store
    from docstore.workers.dead_letters import dead_letters_metrics
    from docstore.workers.health import HealthServer
    from docstore.workers.registry import WORKERS
    from docstore.workers.running import RunningWorker, run_workers

    settings = invocation.settings()
    stop = stopped_by_signals(invocation)
    metrics = _metrics()
    if not invocation.debug:
        logging.getLogger("docstore").setLevel(logging.WARNING)
        tell_of_brokers()
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(
            opened_servers(settings, state_dir=kept_state_dir(settings), services=_SERVICES)
        )
        store = await stack.enter_async_context(Store(servers.settings, models=invocation.models()))
        running = [RunningWorker(WORKERS[name], store, drain_s=drain, metrics=metrics) for name in names]
        if port is not None:

            async def ask_the_database() -> None:
                if metrics is not None:
                    await outbox_metrics(metrics)
                    await dead_letters_metrics(metrics)

            asks: dict[str, Callable[[], Awaitable[object]]] = {"mongodb": ask_the_database}
            if servers.settings.kafka_bootstrap:
                asks["kafka"] = partial(ping_kafka, servers.settings)
            server = HealthServer(running, metrics=metrics, asks=asks, host=host, port=port)
            await stack.enter_async_context(server)
            invocation.err.print(f"Health at {server.url}/readyz, metrics at {server.url}/metrics.")
        invocation.err.print(f"Running {', '.join(names)}. Ctrl-C ends.")
        await run_workers(running, stop, drain_s=drain)
    invocation.err.print("Ended.")
    invocation.print_json({"ok": True, "workers": names})
    return 0


def _metrics() -> PrometheusMetrics | None:
    from docstore.clients.metrics import PrometheusMetrics

    try:
        metrics = PrometheusMetrics()
    except MissingExtra:
        return None
    import prometheus_client

    # For the whole process, which is ours here.
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
    return metrics
