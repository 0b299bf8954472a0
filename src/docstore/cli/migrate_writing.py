"""`docstore migrate new` and `generate`: migrations are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.migrate_common import (
    DEFAULT_DIRECTORY,
    DirectoryOption,
    FillOption,
    RenameOption,
)

if TYPE_CHECKING:
    from docstore.schema.migrations.generating import Generated
    from docstore.schema.snapshot_diff import SchemaChange


def new(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What it does, in a few words.")],
    directory: DirectoryOption = DEFAULT_DIRECTORY,
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


def generate(
    context: typer.Context,
    title: Annotated[str | None, typer.Argument(help="What it does, in a few words; told by the changes.")] = None,
    rename: RenameOption = None,
    fill: FillOption = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 when something changed.")] = False,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
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
