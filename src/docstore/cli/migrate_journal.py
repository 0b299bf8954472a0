"""`docstore migrate resolve`, `baseline`, `forget` and `reset`: what the journal says is put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.migrate_common import (
    DEFAULT_DIRECTORY,
    DirectoryOption,
    ToOption,
    YesFlag,
    opened_runner,
    refuse_without_yes,
)
from docstore.cli.migrate_running import show_ran
from docstore.cli.wording import counted
from docstore.errors import SettingsError

if TYPE_CHECKING:
    pass


def resolve(
    context: typer.Context,
    applied: Annotated[
        str | None, typer.Option("--applied", help="The database has its changes.", metavar="MIGRATION")
    ] = None,
    rolled_back: Annotated[
        str | None, typer.Option("--rolled-back", help="The database has none of its changes.", metavar="MIGRATION")
    ] = None,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    json: JsonFlag = False,
) -> None:
    """Write into the journal how a migration stands, without running it."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema.migrations import State

        if (applied is None) == (rolled_back is None):
            raise SettingsError("resolve needs --applied or --rolled-back.", hint="Name one migration.")
        async with opened_runner(invocation, directory) as runner:
            state = State.APPLIED if applied is not None else State.ROLLED_BACK
            settled = await runner.resolve(applied or rolled_back or "", state)
        invocation.out.print(f"{settled.name} now counts as {state.value}.", markup=False)
        invocation.print_json({"ok": True, "name": settled.name, "state": state.value})
        return 0

    invocation.run(work)


def baseline(
    context: typer.Context,
    to: ToOption = None,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    json: JsonFlag = False,
) -> None:
    """Count migrations as applied in a database that has their changes already, and no journal."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        async with opened_runner(invocation, directory) as runner:
            names = await runner.baseline(to=to)
        invocation.out.print(f"Now counted as applied: {', '.join(names) or 'none'}.", markup=False, soft_wrap=True)
        invocation.print_json({"ok": True, "applied": names})
        return 0

    invocation.run(work)


def forget(
    context: typer.Context,
    migration: Annotated[str, typer.Argument(help="Its number or name.")],
    yes: YesFlag = False,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    json: JsonFlag = False,
) -> None:
    """Remove the values that a migration kept for its way back, which is then no longer exact."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        refuse_without_yes(yes, f"What {migration} took out of documents would be gone for good")
        async with opened_runner(invocation, directory) as runner:
            rows = await runner.forget(migration)
        invocation.out.print(f"{counted(rows, 'row')} of kept values removed.")
        invocation.print_json({"ok": True, "rows": rows})
        return 0

    invocation.run(work)


def reset(
    context: typer.Context,
    yes: YesFlag = False,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
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
        refuse_without_yes(yes, f"Every document of {settings.effective_database_name!r} would be gone")
        async with opened_runner(invocation, directory) as runner:
            with shown_while_running(invocation, runner):
                ran = await runner.reset()
        show_ran(invocation, ran, nothing="There are no migrations.")
        return 0

    invocation.run(work)
