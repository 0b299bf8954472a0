"""`docstore up`: the embedded servers, for as long as the terminal is open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir
from docstore.cli.tables import table
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.embedded import EmbeddedServers

_ENV_NAMES = {
    "database_url_local": "DATABASE_URL_LOCAL",
    "redis_url": "REDIS_URL",
    "kafka_service_uri": "KAFKA_SERVICE_URI",
    "algolia_hosts": "ALGOLIA_HOSTS",
    "algolia_app_id": "ALGOLIA_APP_ID",
    "algolia_write_api_key": "ALGOLIA_WRITE_API_KEY",
    "algolia_search_api_key": "ALGOLIA_SEARCH_API_KEY",
}


def up(
    context: typer.Context,
    mongo_port: Annotated[int, typer.Option(min=0, max=65_535, help="0 lets the system choose.")] = 0,
    redis_port: Annotated[int, typer.Option(min=0, max=65_535, help="0 lets the system choose.")] = 0,
    algolia_port: Annotated[int, typer.Option(min=0, max=65_535, help="0 lets the system choose.")] = 0,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where data is kept; EMBEDDED_STATE_DIR, else .docstore/state.", metavar="PATH")
    ] = None,
    temporary: Annotated[bool, typer.Option("--temporary", help="Keep nothing once they stop.")] = False,
    json: JsonFlag = False,
) -> None:
    """Run MongoDB, Redis, Kafka and Algolia stand-ins until Ctrl-C, and print how to reach them.

    With DB_METHOD=EMBEDDED (the default) other commands and programs find them by themselves. Kafka chooses its own
    ports.
    """
    invocation = Invocation.of(context, json)
    ports = {"mongodb": mongo_port, "redis": redis_port, "algolia": algolia_port}

    async def work() -> int:
        from docstore.embedded import EmbeddedServers

        if temporary and state_dir is not None:
            raise SettingsError("--temporary and --state-dir contradict each other.", hint="Leave one of them out.")
        folder = None if temporary else state_dir or kept_state_dir(invocation.settings())
        chosen = {name: port for name, port in ports.items() if port}
        async with EmbeddedServers(folder, ports=chosen, durable=not temporary) as servers:
            _announce(invocation, servers, temporary=temporary)
            await servers.wait()

    invocation.run(work)


def _announce(invocation: Invocation, servers: EmbeddedServers, *, temporary: bool) -> None:
    from docstore.embedded import SERVICES

    urls = servers.urls
    variables = {_ENV_NAMES[name]: value for name, value in servers.settings_overrides().items()}
    out = invocation.out
    out.print(table("server", "address", rows=((name, urls[name]) for name in SERVICES)))
    kept = "nowhere: it goes when the servers stop" if temporary else str(servers.state_dir)
    out.print(f"Data is kept in {kept}." if not temporary else f"Data is kept {kept}.", soft_wrap=True)
    out.print("For programs that are told their servers, lines for a .env file or a shell:\n")
    for name, value in {"DB_METHOD": "LOCAL", **variables}.items():
        out.print(Text(f"export {name}='{value}'"), soft_wrap=True)
    out.print("\nThey run until you press Ctrl-C.")
    invocation.print_json(
        {
            "ok": True,
            "urls": servers.urls,
            "env": {"DB_METHOD": "LOCAL", **variables},
            "stateDir": None if temporary else servers.state_dir,
        }
    )
