"""`docstore seed`: fill a database with realistic documents."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.progress import seed_progress
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.tables import table
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.operations import SeedReport
    from docstore.settings import Settings


def seed(
    context: typer.Context,
    scale: Annotated[int, typer.Option(min=0, help="So many thousand further posts, with tags.", metavar="N")] = 0,
    only: Annotated[
        str, typer.Option(help="These collections and those they refer to, such as Post,Tag.", metavar="NAMES")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Seed a production database, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Seed every collection with realistic, linked documents. A second time adds nothing.

    With DB_METHOD=EMBEDDED and no servers running, the documents go where `docstore up` will find them.
    """
    invocation = Invocation.of(context, json)
    names = [name.strip() for name in only.split(",") if name.strip()]

    async def work() -> int:
        settings = invocation.settings()
        if settings.is_production and not yes:
            raise SettingsError(
                f"DB_METHOD is PRODUCTION: the seed would go into {settings.effective_database_name!r}, among real "
                "documents.",
                hint="If that is what you want, add --yes.",
            )
        report, database = await _seed(invocation, settings, scale, names)
        invocation.out.print(
            table(
                "collection", "documents", rows=((n, f"{c:,}") for n, c in report.counts.items()), right=["documents"]
            )
        )
        invocation.out.print(
            f"{report.total:,} documents of the seed are in {database!r}, after {report.seconds:.1f} s. "
            "The administrator is admin@example.com."
        )
        invocation.print_json(
            {
                "ok": True,
                "database": database,
                "counts": report.counts,
                "total": report.total,
                "seconds": round(report.seconds, 3),
            }
        )
        return 0

    invocation.run(work)


async def _seed(invocation: Invocation, settings: Settings, scale: int, names: list[str]) -> tuple[SeedReport, str]:
    from docstore.operations import seed as seed_store
    from docstore.schema import sync_indexes
    from docstore.store import Store

    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=invocation.models()) as store,
    ):
        invocation.out.print(f"Servers: {servers.origin}.")
        # Without its indexes a large collection is slow to look up, and unique is only a word.
        (await sync_indexes(store.database, store.models)).expect_success()
        with ExitStack() as stack:
            listen = stack.enter_context(seed_progress(invocation.err, hidden=invocation.json))
            report = await seed_store(store, scale=scale, only=names, on_progress=listen)
        return report, servers.settings.effective_database_name
