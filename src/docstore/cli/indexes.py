"""`docstore indexes`: the declared indexes against those of the database, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import opened_database
from docstore.cli.tables import table
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.schema import IndexAudit, IndexReport, Pruning
    from docstore.settings import Settings

group = typer.Typer(help="Plan, build, export and audit the indexes that models declare.", no_args_is_help=True)

PruneFlag = Annotated[bool, typer.Option("--prune", help="Drop the indexes that no model declares.")]
HideFlag = Annotated[
    bool,
    typer.Option(
        "--hide-first",
        help="With --prune: hide those indexes instead, and drop the ones that an earlier run has hidden.",
    ),
]
AllFlag = Annotated[bool, typer.Option("--all", help="List the indexes that are in order, too.")]


@group.command()
def status(context: typer.Context, every: AllFlag = False, json: JsonFlag = False) -> None:
    """Say what `sync` would do. Exit code 1 when an index has to be created, changed, hidden or shown."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.indexes_shown import counted, plan_table
        from docstore.schema import index_plan

        async with opened_database(invocation) as opened:
            plan = await index_plan(opened.database, opened.models)
        invocation.out.print(plan_table(plan, every=every) or "")
        invocation.out.print(counted(plan))
        if plan.outstanding:
            invocation.out.print("Make it so with `docstore indexes sync`.")
        invocation.print_json(
            {"ok": not plan.outstanding, "counts": plan.counts(), "indexes": [each.described() for each in plan.steps]}
        )
        return 1 if plan.outstanding else 0

    invocation.run(work)


@group.command()
def sync(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and do nothing.")] = False,
    prune: PruneFlag = False,
    hide_first: HideFlag = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait while another deployment is at it.", min=0, metavar="SECONDS")
    ] = 600.0,
    yes: Annotated[bool, typer.Option("--yes", help="Prune a production database, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Print the plan and carry it out: build, change, hide and show indexes, one at a time.

    Indexes that no model declares are left alone without --prune. Exit code 1 when a step failed.
    """
    invocation = Invocation.of(context, json)
    if hide_first and not prune:
        raise typer.BadParameter("it says how to prune: add --prune.", param_hint="--hide-first")

    async def work() -> int:
        from docstore.cli.indexes_shown import SyncShown, counted, plan_table
        from docstore.schema import Pruning, index_plan, sync_indexes

        pruning = (Pruning.HIDE_FIRST if hide_first else Pruning.DROP) if prune else Pruning.KEEP
        async with opened_database(invocation) as opened:
            if dry_run:
                plan = await index_plan(opened.database, opened.models, pruning=pruning)
                invocation.out.print(plan_table(plan) or "")
                invocation.out.print(f"{counted(plan)} Nothing was done.")
                steps = [each.described() for each in plan.steps]
                invocation.print_json({"ok": True, "dryRun": True, "counts": plan.counts(), "indexes": steps})
                return 0
            _expect_consent(opened.settings, pruning, yes=yes)
            with SyncShown(invocation) as shown:
                report = await sync_indexes(
                    opened.database, opened.models, pruning=pruning, waiting=wait, listener=shown
                )
        _print_report(invocation, report)
        return 1 if report.failed else 0

    invocation.run(work)


@group.command()
def export(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Where the files are.")] = Path("indexes/mongodb"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 when a file is stale.")] = False,
    json: JsonFlag = False,
) -> None:
    """Write the declared indexes to files, one a collection, for reviewers to see every change."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema import export_indexes, stale_exports
        from docstore.store import SYSTEM_MODELS

        models = (*invocation.models(), *SYSTEM_MODELS)
        changed = (stale_exports if check else export_indexes)(directory, models)
        names = ", ".join(changed) or "none"
        invocation.out.print(f"{'Stale' if check else 'Written or removed'} in {directory}: {names}.")
        invocation.print_json({"ok": not (check and changed), "directory": directory, "changed": changed})
        return 1 if check and changed else 0

    invocation.run(work)


@group.command()
def audit(context: typer.Context, json: JsonFlag = False) -> None:
    """Say which indexes are redundant, unused, missing or of no use, why, and which declaration to change.

    Exit code 1 when there is something to change.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema import audit_indexes

        async with opened_database(invocation) as opened:
            found = await audit_indexes(opened.database, opened.models)
        _print_audit(invocation, found)
        invocation.print_json(
            {"ok": not found.findings, "findings": [asdict(each) for each in found.findings], "notes": found.notes}
        )
        return 1 if found.findings else 0

    invocation.run(work)


def _expect_consent(settings: Settings, pruning: Pruning, *, yes: bool) -> None:
    from docstore.schema import Pruning

    if pruning is not Pruning.KEEP and settings.is_production and not yes:
        raise SettingsError(
            f"DB_METHOD is PRODUCTION: --prune would drop indexes of {settings.effective_database_name!r}.",
            hint="Look at `docstore indexes sync --prune --dry-run`; if that is what you want, add --yes.",
        )


def _print_report(invocation: Invocation, report: IndexReport) -> None:
    for step, error in report.failed:
        invocation.err.print(Text.assemble((f"{step.collection} {step.name}: ", "bold red"), str(error)))
    if report.collections:
        invocation.out.print(f"Collections created: {', '.join(report.collections)}.")
    failed = f", {len(report.failed)} failed" if report.failed else ""
    invocation.out.print(f"{len(report.done)} done{failed} in {report.seconds:.1f} s.")
    invocation.print_json(
        {
            "ok": not report.failed,
            "counts": report.plan.counts(),
            "done": [each.described() for each in report.done],
            "failed": [{**step.described(), "error": error.message} for step, error in report.failed],
            "collections": report.collections,
            "seconds": round(report.seconds, 3),
        }
    )


def _print_audit(invocation: Invocation, found: IndexAudit) -> None:
    if found.findings:
        invocation.out.print(table("collection", "index", "verdict", "reason", "what to do", rows=_rows(found)))
    for note in found.notes:
        invocation.out.print(f"Note: {note}", markup=False)
    count = len(found.findings)
    verdict = f"{count} finding{'s' * (count != 1)}" if count else "nothing to change"
    invocation.out.print(f"{found.indexes} indexes: {verdict}.")


def _rows(found: IndexAudit) -> Sequence[Sequence[Any]]:
    return [
        (each.collection, each.index, each.verdict.value, each.reason, each.advice)
        for each in sorted(found.findings, key=lambda one: (one.collection, one.index))
    ]
