"""`docstore schema validators`: the models' validators against those of the database, and as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import opened_database
from docstore.cli.tables import table

if TYPE_CHECKING:
    from rich.table import Table

    from docstore.schema.validators import ValidatorState

group = typer.Typer(help="Validators derived from the models, for every service that writes.", no_args_is_help=True)

ActionOption = Annotated[
    Literal["off", "warn", "error"] | None,
    typer.Option(help="What a document that breaks its model meets. By default VALIDATORS, which follows DB_METHOD."),
]
LevelOption = Annotated[
    Literal["moderate", "strict"],
    typer.Option(help="moderate: documents that are not valid already may still be updated."),
]
ReplaceFlag = Annotated[bool, typer.Option("--replace", help="Replace validators that came from no model, too.")]


@group.command()
def status(
    context: typer.Context,
    action: ActionOption = None,
    level: LevelOption = "moderate",
    replace: ReplaceFlag = False,
    json: JsonFlag = False,
) -> None:
    """Say what `sync` would do. Exit code 1 when a validator has to be created, changed or dropped."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema.validators import ValidatorLevel, ValidatorStatus, validator_status

        async with opened_database(invocation) as opened:
            wanted = action or opened.settings.validator_action
            states = await validator_status(
                opened.database, opened.models, action=wanted, level=ValidatorLevel(level), replace=replace
            )
        settled = (ValidatorStatus.KEEP, ValidatorStatus.UNKNOWN)
        outstanding = [each for each in states if each.status not in settled]
        _print(invocation, [each for each in states if each.status is not ValidatorStatus.KEEP])
        invocation.out.print(f"{_counted(states)} Action {wanted}, level {level}.")
        if outstanding:
            invocation.out.print("Make it so with `docstore schema validators sync`.")
        invocation.print_json(
            {"ok": not outstanding, "action": wanted, "level": level, "validators": [asdict(each) for each in states]}
        )
        return 1 if outstanding else 0

    invocation.run(work)


@group.command()
def sync(
    context: typer.Context,
    action: ActionOption = None,
    level: LevelOption = "moderate",
    replace: ReplaceFlag = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait while another deployment is at it.", min=0, metavar="SECONDS")
    ] = 600.0,
    json: JsonFlag = False,
) -> None:
    """Put the validators in force. Existing documents are not touched: `docstore schema check` judges them."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema.validators import ValidatorLevel, ValidatorStatus, sync_validators, validator_status

        async with opened_database(invocation) as opened:
            wanted = action or opened.settings.validator_action
            judged = ValidatorLevel(level)
            states = await validator_status(
                opened.database, opened.models, action=wanted, level=judged, replace=replace
            )
            _print(invocation, [each for each in states if each.status is not ValidatorStatus.KEEP])
            if dry_run:
                invocation.out.print(f"{_counted(states)} Action {wanted}, level {level}. Nothing was done.")
                invocation.print_json({"ok": True, "dryRun": True, "validators": [asdict(each) for each in states]})
                return 0
            done = await sync_validators(
                opened.database, opened.models, action=wanted, level=judged, replace=replace, waiting=wait
            )
        left = sum(each.status is ValidatorStatus.UNKNOWN for each in states)
        hint = f" {left} came from no model and were left alone: --replace." if left else ""
        invocation.out.print(f"{len(done)} validators put in force: action {wanted}, level {level}.{hint}")
        invocation.print_json(
            {"ok": True, "action": wanted, "level": level, "changed": [asdict(each) for each in done], "left": left}
        )
        return 0

    invocation.run(work)


@group.command()
def export(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Where the files are.")] = Path("indexes/validators"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 when a file is stale.")] = False,
    json: JsonFlag = False,
) -> None:
    """Write the validators to files, one a collection, for reviewers to see every change."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema import export_indexes, exported_validators, stale_exports
        from docstore.store import SYSTEM_MODELS

        models = (*invocation.models(), *SYSTEM_MODELS)
        changed = (stale_exports if check else export_indexes)(directory, models, exported_validators)
        names = ", ".join(changed) or "none"
        invocation.out.print(f"{'Stale' if check else 'Written or removed'} in {directory}: {names}.")
        invocation.print_json({"ok": not (check and changed), "directory": directory, "changed": changed})
        return 1 if check and changed else 0

    invocation.run(work)


def _print(invocation: Invocation, states: Sequence[ValidatorState]) -> None:
    if states:
        invocation.out.print(_table(states))


def _table(states: Sequence[ValidatorState]) -> Table:
    rows = ((each.status.value, each.collection, each.detail) for each in states)
    return table("action", "collection", "detail", rows=rows)


def _counted(states: Sequence[ValidatorState]) -> str:
    counts = Counter(each.status.value for each in states)
    words = [f"{counts[name]} to {name}" for name in ("create", "change", "drop") if counts[name]]
    unknown = [f"{counts['unknown']} of other origin"] if counts["unknown"] else []
    return ", ".join([*words, f"{counts['keep']} in order", *unknown]) + "."
