"""`docstore backup`: make, list, verify, restore, thin out and schedule backups."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.backup_options import (
    expect_consent,
    names_in,
    place_at,
    place_of,
    reading_seal,
    timetable,
    whose_latest,
    writing_seal,
)
from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.patience import patient_database

if TYPE_CHECKING:
    from docstore.operations.backup import SlotOutcome

group = typer.Typer(help="Make, verify, restore and thin out backups.", no_args_is_help=True)

AtOption = Annotated[
    str | None, typer.Option("--at", help="Where backups are kept, instead of BACKUP_URL.", metavar="PATH|URL")
]
OnlyOption = Annotated[str, typer.Option(help="These collections only, such as Post,Tag.", metavar="NAMES")]
ParallelOption = Annotated[int, typer.Option(help="How many collections at once.", min=1, max=64)]
NameArgument = Annotated[str, typer.Argument(help="A backup's name, its path, or 'latest'.", metavar="BACKUP")]


@group.command()
def create(
    context: typer.Context,
    at: AtOption = None,
    only: OnlyOption = "",
    gzip: Annotated[bool, typer.Option("--gzip/--no-gzip", help="Compress the files.")] = True,
    parallel: ParallelOption = 4,
    require_snapshot: Annotated[
        bool, typer.Option("--require-snapshot", help="Fail on a server that cannot read all at one moment.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Back up the database of the settings, in mongodump's format. It counts once it is whole, and not before."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.backup_json import made_json
        from docstore.cli.backup_shown import backup_progress, show_made
        from docstore.operations.backup import BackupOptions, create_backup

        settings = invocation.settings()
        place = place_at(settings, at)
        options = BackupOptions(names_in(only), gzip, parallel, require_snapshot, writing_seal(settings))
        async with patient_database(invocation) as opened:
            with backup_progress(invocation) as listen:
                made = await create_backup(opened.database, place, options, on_progress=listen)
        show_made(invocation, made, place)
        invocation.print_json(made_json(made, place))
        return 0

    invocation.run(work)


@group.command("list")
def list_(context: typer.Context, at: AtOption = None, json: JsonFlag = False) -> None:
    """List the backups, and what never became one."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.backup_json import found_json
        from docstore.cli.backup_shown import show_found
        from docstore.operations.backup import list_backups

        place = place_at(invocation.settings(), at)
        found = await asyncio.to_thread(list_backups, place)
        show_found(invocation, found, place)
        invocation.print_json({"ok": True, "at": place.told, "backups": [found_json(each) for each in found]})
        return 0

    invocation.run(work)


@group.command()
def verify(context: typer.Context, name: NameArgument = "latest", at: AtOption = None, json: JsonFlag = False) -> None:
    """Read a backup from end to end: sizes, hashes, compression, every document's frame, counts.

    Exit code 1 when anything is wrong; each damaged file is named, with the byte where that is known.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.backup_json import verified_json
        from docstore.cli.backup_shown import show_verified, verify_progress
        from docstore.operations.backup import open_backup, verify_backup

        settings = invocation.settings()
        place, folder = place_of(settings, at, name)
        backup = await asyncio.to_thread(open_backup, place, folder, seal=reading_seal(settings))
        with verify_progress(invocation) as listen:
            report = await verify_backup(backup, on_progress=listen)
        show_verified(invocation, backup, report)
        invocation.print_json(verified_json(backup, report))
        return 0 if report.ok else 1

    invocation.run(work)


@group.command()
def restore(
    context: typer.Context,
    name: NameArgument,
    at: AtOption = None,
    to: Annotated[str | None, typer.Option(help="Into this database, instead of that of the settings.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Which database, of a dump of several.")] = None,
    only: OnlyOption = "",
    drop: Annotated[bool, typer.Option("--drop", help="Replace collections that are there.")] = False,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="With --drop: drop them first, where disk is short.")
    ] = False,
    indexes: Annotated[bool, typer.Option("--indexes/--no-indexes", help="Build the indexes, too.")] = True,
    parallel: ParallelOption = 4,
    restart: Annotated[bool, typer.Option("--restart", help="Give up a restore that was cut off there.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Restore into a production database, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Restore a backup, or a dump by mongodump, after verifying all of it.

    What is replaced stays as it is until everything is filled and indexed. Cut off at any point, the same command goes
    on where it stopped.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.backup_json import restored_json
        from docstore.cli.backup_shown import restore_progress, show_restored
        from docstore.operations.backup import RestoreOptions, open_backup, restore_backup

        settings = invocation.settings()
        expect_consent(settings, to, yes)
        place, folder = place_of(settings, at, name)
        options = RestoreOptions(names_in(only), drop, indexes, parallel, in_place, restart)
        backup = await asyncio.to_thread(
            open_backup, place, folder, seal=reading_seal(settings), database=whose_latest(settings, name, from_)
        )
        async with patient_database(invocation) as opened:
            target = opened.client[to] if to else opened.database
            with restore_progress(invocation) as listen:
                report = await restore_backup(backup, target, options, on_progress=listen)
        show_restored(invocation, backup, report)
        invocation.print_json(restored_json(backup, report))
        return 0

    invocation.run(work)


@group.command()
def status(
    context: typer.Context,
    to: Annotated[str | None, typer.Option(help="Of this database, instead of that of the settings.")] = None,
    json: JsonFlag = False,
) -> None:
    """Say whether a restore into the database was cut off, and how far it came. Exit code 1 when one was."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.backup_json import state_json
        from docstore.operations.backup import restore_state, told_state

        async with patient_database(invocation) as opened:
            target = opened.client[to] if to else opened.database
            state = await restore_state(target)
        if state is None:
            invocation.out.print(f"No restore into {target.name} is under way or was cut off.")
        else:
            invocation.out.print(f"A restore into {target.name} is under way or was cut off: {told_state(state)}")
            invocation.out.print("Repeat its command to complete it, or give it up with --restart.")
        invocation.print_json({"ok": state is None, "database": target.name, "restore": state_json(state)})
        return 0 if state is None else 1

    invocation.run(work)


KeepLast = Annotated[int, typer.Option("--last", help="Keep the newest N.", min=0, metavar="N")]
KeepDaily = Annotated[int, typer.Option("--daily", help="Keep the newest of each of N days.", min=0, metavar="N")]
KeepWeekly = Annotated[int, typer.Option("--weekly", help="... of each of N weeks.", min=0, metavar="N")]
KeepMonthly = Annotated[int, typer.Option("--monthly", help="... of each of N months.", min=0, metavar="N")]
KeepYearly = Annotated[int, typer.Option("--yearly", help="... of each of N years.", min=0, metavar="N")]


@group.command()
def prune(
    context: typer.Context,
    last: KeepLast = 0,
    daily: KeepDaily = 0,
    weekly: KeepWeekly = 0,
    monthly: KeepMonthly = 0,
    yearly: KeepYearly = 0,
    at: AtOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Remove the backups that no rule keeps, and unfinished ones that nobody writes any more."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.backup_json import pruned_json
        from docstore.cli.backup_shown import show_pruned
        from docstore.operations.backup import Keep, prune_backups

        keep = Keep(last, daily, weekly, monthly, yearly)
        report = await prune_backups(place_at(invocation.settings(), at), keep, dry_run=dry_run)
        show_pruned(invocation, report, dry_run=dry_run)
        invocation.print_json(pruned_json(report, dry_run=dry_run))
        return 0

    invocation.run(work)


@group.command()
def schedule(
    context: typer.Context,
    cron: Annotated[str | None, typer.Option(help="When, such as '0 3 * * *'.", metavar="EXPRESSION")] = None,
    every: Annotated[str | None, typer.Option(help="How often instead, such as 6h or 1d.", metavar="DURATION")] = None,
    zone: Annotated[str, typer.Option(help="The time zone of --cron.", metavar="NAME")] = "UTC",
    at: AtOption = None,
    last: KeepLast = 0,
    daily: KeepDaily = 0,
    weekly: KeepWeekly = 0,
    monthly: KeepMonthly = 0,
    yearly: KeepYearly = 0,
    json: JsonFlag = False,
) -> None:
    """Make backups at set times, in the foreground, until stopped. Of several machines one makes each backup.

    With rules such as --daily 7, older backups are removed after each.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.backup_json import outcome_json
        from docstore.cli.backup_shown import show_outcome
        from docstore.operations.backup import BackupOptions, Keep, Scheduler

        settings = invocation.settings()
        place, keep = place_at(settings, at), Keep(last, daily, weekly, monthly, yearly)
        table = timetable(cron, every, zone)
        async with patient_database(invocation) as opened:
            scheduler = Scheduler(
                opened.database,
                place,
                table,
                BackupOptions(seal=writing_seal(settings)),
                keep if keep.keeps_any else None,
            )
            first = table.after(scheduler.now())
            invocation.out.print(
                f"Backups of {opened.database.name} go to {place.told}; the next at {first:%Y-%m-%d %H:%M:%S} UTC. "
                "Ctrl-C ends it."
            )

            def tell(outcome: SlotOutcome) -> None:
                show_outcome(invocation, outcome)
                invocation.print_json(outcome_json(outcome, place))

            await scheduler.run(tell)
        return 0

    invocation.run(work)
