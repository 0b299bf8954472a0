"""`docstore migrate`: change what a database holds, there and back."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.patience import patient_database
from docstore.cli.wording import counted
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.schema.migrations import MigrationRunner, PlannedMigration, RanMigration
    from docstore.schema.migrations.generating import Generated
    from docstore.schema.snapshot_diff import SchemaChange
    from docstore.settings import Settings

group = typer.Typer(help="Write, plan, apply and roll back migrations.", no_args_is_help=True)

_DEFAULT = Path("migrations")
_WAIT_S = 60.0  # longer than the lease of a process that died

DirectoryOption = Annotated[
    Path, typer.Option("--directory", help="Where the migration files are.", metavar="PATH", show_default=True)
]
DryFlag = Annotated[bool, typer.Option("--dry-run", help="Show operations and counts; write nothing.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Its number or name.", metavar="MIGRATION")]
OrderFlag = Annotated[bool, typer.Option("--allow-out-of-order", help="Apply one although a later one is applied.")]
WaitOption = Annotated[
    float, typer.Option("--wait", help="Seconds to wait for another deployment; 0 fails at once.", min=0)
]
BatchOption = Annotated[int, typer.Option("--batch-size", help="Documents in a batch.", min=1, max=100_000)]
ThrottleOption = Annotated[
    float | None, typer.Option("--throttle", help="Most documents a second.", min=0.1, metavar="N")
]
RenameOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rename",
        help="Post.title=headline for a field, Post=Article for a collection, Post.status:UP=UPVOTE for a value.",
        metavar="OLD=NEW",
    ),
]
FillOption = Annotated[
    list[str] | None,
    typer.Option("--fill", help="Post.priority=0: what documents without it get, as JSON.", metavar="FIELD=JSON"),
]
YesFlag = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@group.command()
def new(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What it does, in a few words.")],
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Write an empty migration with the next free number."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema.migrations.writing import new_migration

        path = new_migration(directory, title)
        invocation.out.print(f"Written: {path}", markup=False, soft_wrap=True)
        invocation.print_json({"ok": True, "path": path})
        return 0

    invocation.run(work)


@group.command()
def generate(
    context: typer.Context,
    title: Annotated[str | None, typer.Argument(help="What it does, in a few words; told by the changes.")] = None,
    rename: RenameOption = None,
    fill: FillOption = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 when something changed.")] = False,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Write the migration that leads from the last snapshot to what the models declare now."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_asking import asked, parsed
        from docstore.schema.migrations.generating import changes_since
        from docstore.schema.migrations.generating import generate as write
        from docstore.schema.snapshot import snapshot_of

        snapshot = snapshot_of(invocation.models())
        answers = parsed(rename or (), fill or ())
        if check:
            return _show_changes(invocation, changes_since(directory, snapshot, answers.renames))
        answers = asked(invocation, directory, snapshot, answers)
        _show_generated(invocation, write(directory, snapshot, answers=answers, title=title))
        return 0

    invocation.run(work)


@group.command()
def status(context: typer.Context, directory: DirectoryOption = _DEFAULT, json: JsonFlag = False) -> None:
    """Say how every migration stands. Exit code 1 when one is pending, half-way, edited or missing."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_shown import explained, standing_as_json, status_table

        async with _runner(invocation, directory) as runner:
            found, at_work = await runner.status(), await runner.at_work()
        if found:
            invocation.out.print(status_table(found))
        if at_work is not None:
            told = f"{at_work.owner} runs migrations just now, since {at_work.since:%Y-%m-%d %H:%M:%S} UTC."
            invocation.out.print(told, markup=False, soft_wrap=True)
        for line in (line for each in found for line in explained(each, at_work)):
            invocation.out.print(line, markup=False, soft_wrap=True)
        outstanding = [each for each in found if each.state.value != "applied"]
        wrong = [each for each in found if each.problem]
        invocation.out.print(
            f"{len(found) - len(outstanding)} applied, {len(outstanding)} to apply."
            + (f" {len(wrong)} to be settled first." if wrong else "")
        )
        invocation.print_json(
            {
                "ok": not outstanding and not wrong,
                "atWork": at_work.owner if at_work is not None else None,
                "migrations": [standing_as_json(each) for each in found],
            }
        )
        return 1 if outstanding or wrong else 0

    invocation.run(work)


@group.command()
def plan(
    context: typer.Context,
    to: ToOption = None,
    allow_out_of_order: OrderFlag = False,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Show what `up` would do, with counts. Writes nothing."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        async with _runner(invocation, directory) as runner:
            planned = await runner.plan_up(to=to, allow_out_of_order=allow_out_of_order)
        _show_plan(invocation, planned)
        return 0

    invocation.run(work)


@group.command()
def up(
    context: typer.Context,
    to: ToOption = None,
    dry_run: DryFlag = False,
    allow_out_of_order: OrderFlag = False,
    batch_size: BatchOption = 1000,
    throttle: ThrottleOption = None,
    wait: WaitOption = _WAIT_S,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Apply what is pending, in order. One that is half-way goes on where it was."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_shown import shown_while_running

        async with _runner(invocation, directory, batch_size=batch_size, throttle=throttle, wait=wait) as runner:
            if dry_run:
                _show_plan(invocation, await runner.plan_up(to=to, allow_out_of_order=allow_out_of_order))
                return 0
            with shown_while_running(invocation, runner):
                ran = await runner.up(to=to, allow_out_of_order=allow_out_of_order)
        _show_ran(invocation, ran, nothing="Nothing to apply.")
        return 0

    invocation.run(work)


@group.command()
def down(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Option("--to", help="The last one that stays, by number or name; 0 takes back all.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="How many (1 when neither is given).", min=1)] = None,
    dry_run: DryFlag = False,
    batch_size: BatchOption = 1000,
    throttle: ThrottleOption = None,
    wait: WaitOption = _WAIT_S,
    yes: YesFlag = False,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Take applied migrations back, the last one first."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_shown import shown_while_running

        if to is not None and steps is not None:
            raise SettingsError("--to and --steps say the same in two ways.", hint="Give one of them.")
        async with _runner(invocation, directory, batch_size=batch_size, throttle=throttle, wait=wait) as runner:
            if dry_run:
                _show_plan(invocation, await runner.plan_down(to=to, steps=steps))
                return 0
            _refuse_production(invocation.settings(), yes, "migrations would be rolled back")
            with shown_while_running(invocation, runner):
                ran = await runner.down(to=to, steps=steps)
        _show_ran(invocation, ran, nothing="Nothing to roll back.")
        return 0

    invocation.run(work)


@group.command()
def resolve(
    context: typer.Context,
    applied: Annotated[
        str | None, typer.Option("--applied", help="The database has its changes.", metavar="MIGRATION")
    ] = None,
    rolled_back: Annotated[
        str | None, typer.Option("--rolled-back", help="The database has none of its changes.", metavar="MIGRATION")
    ] = None,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Write into the journal how a migration stands, without running it."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema.migrations import State

        if (applied is None) == (rolled_back is None):
            raise SettingsError("resolve needs --applied or --rolled-back.", hint="Name one migration.")
        async with _runner(invocation, directory) as runner:
            state = State.APPLIED if applied is not None else State.ROLLED_BACK
            settled = await runner.resolve(applied or rolled_back or "", state)
        invocation.out.print(f"{settled.name} now counts as {state.value}.", markup=False)
        invocation.print_json({"ok": True, "name": settled.name, "state": state.value})
        return 0

    invocation.run(work)


@group.command()
def baseline(
    context: typer.Context,
    to: ToOption = None,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Count migrations as applied in a database that has their changes already, and no journal."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        async with _runner(invocation, directory) as runner:
            names = await runner.baseline(to=to)
        invocation.out.print(f"Now counted as applied: {', '.join(names) or 'none'}.", markup=False, soft_wrap=True)
        invocation.print_json({"ok": True, "applied": names})
        return 0

    invocation.run(work)


@group.command()
def forget(
    context: typer.Context,
    migration: Annotated[str, typer.Argument(help="Its number or name.")],
    yes: YesFlag = False,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Remove the values that a migration kept for its way back, which is then no longer exact."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        _refuse_without_yes(yes, f"What {migration} took out of documents would be gone for good")
        async with _runner(invocation, directory) as runner:
            rows = await runner.forget(migration)
        invocation.out.print(f"{counted(rows, 'row')} of kept values removed.")
        invocation.print_json({"ok": True, "rows": rows})
        return 0

    invocation.run(work)


@group.command()
def reset(
    context: typer.Context,
    yes: YesFlag = False,
    directory: DirectoryOption = _DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Drop every collection and apply all migrations. For development: it refuses a production database."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_shown import shown_while_running

        settings = invocation.settings()
        if settings.is_production:
            raise SettingsError(
                f"DB_METHOD is PRODUCTION: reset would drop every document of {settings.effective_database_name!r}.",
                hint="There is no option that makes it do so.",
            )
        _refuse_without_yes(yes, f"Every document of {settings.effective_database_name!r} would be gone")
        async with _runner(invocation, directory) as runner:
            with shown_while_running(invocation, runner):
                ran = await runner.reset()
        _show_ran(invocation, ran, nothing="There are no migrations.")
        return 0

    invocation.run(work)


@asynccontextmanager
async def _runner(
    invocation: Invocation,
    directory: Path,
    *,
    batch_size: int = 1000,
    throttle: float | None = None,
    wait: float = _WAIT_S,
) -> AsyncIterator[MigrationRunner]:
    from docstore.schema.migrations import MigrationRunner, Pace

    async with patient_database(invocation) as opened:
        yield MigrationRunner(
            opened.database,
            found_directory(directory, opened.settings),
            who=_who(),
            pace=Pace(batch_size, throttle),
            action=opened.settings.validator_action,
            waiting=wait,
            on_wait=lambda state: invocation.err.print(
                f"Waiting for {state.owner or 'another process'}, at it since {state.since:%H:%M:%S} UTC …",
                markup=False,
            ),
        )


def found_directory(given: Path, settings: Settings) -> Path:
    """The directory; where the default one is not there, and the models are docstore's own, the wheel's."""
    packaged = Path(str(files("docstore"))) / "_files" / "migrations"
    own = settings.models == type(settings).model_fields["models"].default
    return packaged if own and given == _DEFAULT and not given.is_dir() and packaged.is_dir() else given


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}:{os.getpid()}"


def _refuse_production(settings: Settings, yes: bool, what: str) -> None:
    if settings.is_production and not yes:
        raise SettingsError(
            f"DB_METHOD is PRODUCTION: {what} in {settings.effective_database_name!r}.",
            hint="If that is what you want, add --yes; --dry-run shows what would happen.",
        )


def _refuse_without_yes(yes: bool, what: str) -> None:
    if not yes:
        raise SettingsError(f"{what}.", hint="If that is what you want, add --yes.")


def _show_plan(invocation: Invocation, planned: Sequence[PlannedMigration]) -> None:
    from docstore.cli.migrate_shown import as_json, plan_table, plan_told

    for each in planned:
        invocation.out.print(plan_told(each), markup=False, soft_wrap=True)
        invocation.out.print(plan_table(each) if each.steps else "  no steps")
    if planned:
        invocation.out.print("Counted on the documents as they are now. Nothing was written.")
    else:
        invocation.out.print("Nothing to do.")
    invocation.print_json({"ok": True, "plan": [as_json(each) for each in planned]})


def _show_changes(invocation: Invocation, changes: Sequence[SchemaChange]) -> int:
    for each in changes:
        invocation.out.print(str(each), markup=False, soft_wrap=True)
    if changes:
        invocation.out.print("Write the migration with `docstore migrate generate`.")
    else:
        invocation.out.print("Nothing changed since the last snapshot.")
    invocation.print_json({"ok": not changes, "changes": [str(each) for each in changes]})
    return 1 if changes else 0


def _show_generated(invocation: Invocation, generated: Generated) -> None:
    for each in generated.changes:
        invocation.out.print(str(each), markup=False, soft_wrap=True)
    if generated.path is None:
        invocation.out.print("Nothing changed since the last snapshot: nothing was written.")
    else:
        invocation.out.print(f"Written: {generated.path} and {generated.snapshot}", markup=False, soft_wrap=True)
    for gone, new in generated.maybe_renamed:
        invocation.out.print(
            f"{gone} is gone and {new} is new. If it was renamed, delete both files and say "
            f"--rename {gone}={new.split('.', 1)[-1]}.",
            markup=False,
            soft_wrap=True,
        )
    if generated.unfilled:
        invocation.out.print(
            f"Replace FILL_IN before you apply it: {', '.join(generated.unfilled)}.", markup=False, soft_wrap=True
        )
    invocation.print_json(
        {
            "ok": True,
            "path": generated.path,
            "snapshot": generated.snapshot,
            "changes": [str(each) for each in generated.changes],
            "unfilled": generated.unfilled,
            "maybeRenamed": generated.maybe_renamed,
        }
    )


def _show_ran(invocation: Invocation, ran: Sequence[RanMigration], *, nothing: str) -> None:
    from docstore.cli.migrate_shown import as_json

    if not ran:
        invocation.out.print(nothing)
    invocation.print_json({"ok": True, "ran": [as_json(each) for each in ran]})
