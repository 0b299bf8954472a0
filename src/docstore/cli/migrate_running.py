"""`docstore migrate status`, `plan`, `up` and `down`: migrations are looked at and run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.migrate_common import (
    DEFAULT_DIRECTORY,
    WAIT_S,
    BatchOption,
    DirectoryOption,
    DryFlag,
    OrderFlag,
    ThrottleOption,
    ToOption,
    WaitOption,
    YesFlag,
    opened_runner,
    refuse_production,
)
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.schema.migrations import PlannedMigration, RanMigration


def status(context: typer.Context, directory: DirectoryOption = DEFAULT_DIRECTORY, json: JsonFlag = False) -> None:
    """Say how every migration stands. Exit code 1 when one is pending, half-way, edited or missing."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_shown import explained, standing_as_json, status_table

        async with opened_runner(invocation, directory) as runner:
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


def plan(
    context: typer.Context,
    to: ToOption = None,
    allow_out_of_order: OrderFlag = False,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    json: JsonFlag = False,
) -> None:
    """Show what `up` would do, with counts. Writes nothing."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        async with opened_runner(invocation, directory) as runner:
            planned = await runner.plan_up(to=to, allow_out_of_order=allow_out_of_order)
        _show_plan(invocation, planned)
        return 0

    invocation.run(work)


def up(
    context: typer.Context,
    to: ToOption = None,
    dry_run: DryFlag = False,
    allow_out_of_order: OrderFlag = False,
    batch_size: BatchOption = 1000,
    throttle: ThrottleOption = None,
    wait: WaitOption = WAIT_S,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    json: JsonFlag = False,
) -> None:
    """Apply what is pending, in order. One that is half-way goes on where it was."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_shown import shown_while_running

        async with opened_runner(invocation, directory, batch_size=batch_size, throttle=throttle, wait=wait) as runner:
            if dry_run:
                _show_plan(invocation, await runner.plan_up(to=to, allow_out_of_order=allow_out_of_order))
                return 0
            with shown_while_running(invocation, runner):
                ran = await runner.up(to=to, allow_out_of_order=allow_out_of_order)
        show_ran(invocation, ran, nothing="Nothing to apply.")
        return 0

    invocation.run(work)


def down(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Option("--to", help="The last one that stays, by number or name; 0 takes back all.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="How many (1 when neither is given).", min=1)] = None,
    dry_run: DryFlag = False,
    batch_size: BatchOption = 1000,
    throttle: ThrottleOption = None,
    wait: WaitOption = WAIT_S,
    yes: YesFlag = False,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    json: JsonFlag = False,
) -> None:
    """Take applied migrations back, the last one first."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.migrate_shown import shown_while_running

        if to is not None and steps is not None:
            raise SettingsError("--to and --steps say the same in two ways.", hint="Give one of them.")
        async with opened_runner(invocation, directory, batch_size=batch_size, throttle=throttle, wait=wait) as runner:
            if dry_run:
                _show_plan(invocation, await runner.plan_down(to=to, steps=steps))
                return 0
            refuse_production(invocation.settings(), yes, "migrations would be rolled back")
            with shown_while_running(invocation, runner):
                ran = await runner.down(to=to, steps=steps)
        show_ran(invocation, ran, nothing="Nothing to roll back.")
        return 0

    invocation.run(work)


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


def show_ran(invocation: Invocation, ran: Sequence[RanMigration], *, nothing: str) -> None:
    """Say what was run, and what became of it."""
    from docstore.cli.migrate_shown import as_json

    if not ran:
        invocation.out.print(nothing)
    invocation.print_json({"ok": True, "ran": [as_json(each) for each in ran]})
