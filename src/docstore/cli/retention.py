"""`docstore retention`: remove for good what has been kept as long as its model says."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.progress import progress_bar
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.tables import table
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.operations.retention import RetentionProgress, RetentionReport, RetentionRow


def retention(
    context: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Remove; without it everything is only counted.")] = False,
    only: Annotated[str, typer.Option(help="These collections, such as Session,QueryLog.", metavar="NAMES")] = "",
    audit_days: Annotated[
        float | None, typer.Option(help="Prune sealed audit entries older than so many days, too.", min=0)
    ] = None,
    batch: Annotated[int, typer.Option(help="Documents of one transaction.", min=1, max=1000)] = 500,
    rate: Annotated[float | None, typer.Option(help="Documents a second at most.", min=0.1)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove from a production database, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Count, and with --apply remove for good, what has been kept as long as its model's retention says.

    Deleted documents go by their deletion, others by the instants their rules name. What living documents refer to is
    held back. An interrupted run is simply run again.
    """
    invocation = Invocation.of(context, json)
    names = [name.strip() for name in only.split(",") if name.strip()]

    async def work() -> int:
        if apply and invocation.settings().is_production and not yes:
            raise SettingsError(
                "DB_METHOD is PRODUCTION: documents would be removed for good.",
                hint="Look at the counts without --apply first; if they are what you want, add --yes.",
            )
        report = await _run(invocation, apply, names, audit_days, batch, rate)
        _print(invocation, report)
        invocation.print_json(
            {
                "ok": True,
                "applied": report.applied,
                "found": report.found,
                "removed": report.removed,
                "rules": [asdict(row) for row in report.rows],
                "seconds": round(report.seconds, 3),
            }
        )
        return 0

    invocation.run(work)


async def _run(
    invocation: Invocation,
    apply: bool,
    names: list[str],
    audit_days: float | None,
    batch: int,
    rate: float | None,
) -> RetentionReport:
    from docstore.operations.retention import run_retention
    from docstore.store import Store

    settings = invocation.settings()
    key = settings.audit_key
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=invocation.models()) as store,
    ):
        with progress_bar(invocation.err, hidden=invocation.json) as bars:
            task = bars.add_task("counting", total=None)

            def listen(at: RetentionProgress) -> None:
                bars.update(task, description=f"{at.collection}, {at.rule}", completed=at.done, total=at.total)

            return await run_retention(
                store.database,
                store.models,
                apply=apply,
                only=names,
                audit_after=None if audit_days is None else timedelta(days=audit_days),
                audit_key=key.get_secret_value().encode() if key is not None else None,
                batch=batch,
                rate=rate,
                on_progress=listen,
            )


def _print(invocation: Invocation, report: RetentionReport) -> None:
    shown = [row for row in report.rows if row.found or row.undated]
    if shown:
        columns = ("collection", "rule", "older than", "due", "removed", "")
        rows = (
            (
                row.collection,
                row.rule,
                f"{row.before:%Y-%m-%d %H:%M}",
                f"{row.found:,}",
                f"{row.removed:,}",
                _remark(row),
            )
            for row in shown
        )
        invocation.out.print(table(*columns, rows=rows, right=("due", "removed")))
    if report.applied:
        words = f"{report.removed:,} of {report.found:,} documents were removed for good, in {report.seconds:.1f} s."
    else:
        words = f"{report.found:,} documents are due by {len(report.rows)} rules."
        words += " Nothing was removed: --apply does it." if report.found else ""
    invocation.out.print(words)


def _remark(row: RetentionRow) -> str:
    remarks = []
    if row.held_back:
        remarks.append(f"{row.held_back:,} held back: living documents refer to them")
    if row.undated:
        remarks.append(f"{row.undated:,} in the trash without a date stay")
    return "; ".join(remarks)
