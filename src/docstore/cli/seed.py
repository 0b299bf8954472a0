"""`docstore seed`: fill a database with realistic documents."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

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
    scale: Annotated[
        int, typer.Option(min=0, help="A load of so many thousand posts, and what belongs to them.", metavar="N")
    ] = 0,
    only: Annotated[
        str, typer.Option(help="These collections and those they refer to, such as Post,Tag.", metavar="NAMES")
    ] = "",
    rng_seed: Annotated[int, typer.Option("--seed", help="Another number gives other content.")] = 7,
    today: Annotated[
        datetime | None,
        typer.Option(help="The day that dates are relative to; today when left out.", formats=["%Y-%m-%d"]),
    ] = None,
    parallel: Annotated[int, typer.Option(help="Batches of the load under way at once.", min=1, max=64)] = 4,
    announce: Annotated[
        bool, typer.Option("--announce", help="Write the load with its events and audit entries, which takes longer.")
    ] = False,
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
        report, database = await _seed(
            invocation,
            settings,
            scale=scale,
            only=names,
            rng_seed=rng_seed,
            today=today.date() if today is not None else None,
            parallel=parallel,
            announce=announce,
        )
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


async def _seed(invocation: Invocation, settings: Settings, **options: Any) -> tuple[SeedReport, str]:
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
            report = await seed_store(store, on_progress=listen, **options)
        return report, servers.settings.effective_database_name
