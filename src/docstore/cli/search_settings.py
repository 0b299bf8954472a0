"""`docstore search settings`: the files of `indexes/algolia` and what the engine holds."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.tables import table
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.search import SettingDifference

group = typer.Typer(help="Settings, synonyms, rules and replicas as files.", no_args_is_help=True)

IndexArgument = Annotated[list[str] | None, typer.Argument(help="Indexes; all of them without any.")]
FolderOption = Annotated[
    Path | None, typer.Option("--dir", help="Where the files are; without it those that docstore carries.")
]
_SHOWN = 60


@group.command()
def diff(
    context: typer.Context, indexes: IndexArgument = None, folder: FolderOption = None, json: JsonFlag = False
) -> None:
    """Say where the engine does not hold what the files declare. Exit code 1 when it does not."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search import opened_search
        from docstore.search import settings_differences

        async with opened_search(invocation) as opened:
            names = [each.index for each in opened.records(indexes)]
            found = await settings_differences(opened.index, names, folder=folder)
        if found:
            rows = ((each.index, *_row(each)) for each in found)
            invocation.out.print(table("index", "setting", "declared", "held", rows=rows))
        count = "1 difference" if len(found) == 1 else f"{len(found)} differences"
        invocation.out.print(f"{count}." if found else "The engine holds what is declared.")
        invocation.print_json({"ok": not found, "differences": [asdict(each) for each in found]})
        return 1 if found else 0

    invocation.run(work)


@group.command()
def push(
    context: typer.Context,
    indexes: IndexArgument = None,
    folder: FolderOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Push to a production deployment.")] = False,
    json: JsonFlag = False,
) -> None:
    """Have the engine hold what the files declare. Synonyms and rules that they do not declare are removed."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search import opened_search
        from docstore.search import push_settings

        async with opened_search(invocation) as opened:
            if opened.store.settings.is_production and not yes:
                raise SettingsError(
                    "DB_METHOD is PRODUCTION: what was changed in the engine's dashboard would be overwritten.",
                    hint="Look at `docstore search settings diff`; if that is what you want, add --yes.",
                )
            names = [each.index for each in opened.records(indexes)]
            pushed = await push_settings(opened.index, names, folder=folder)
        invocation.out.print(f"Pushed: {', '.join(pushed)}.")
        invocation.print_json({"ok": True, "pushed": pushed})
        return 0

    invocation.run(work)


@group.command()
def pull(
    context: typer.Context,
    indexes: IndexArgument = None,
    folder: Annotated[Path, typer.Option("--dir", help="Where the files are.")] = Path("indexes/algolia"),
    every: Annotated[bool, typer.Option("--all", help="All settings, not just those that the files declare.")] = False,
    json: JsonFlag = False,
) -> None:
    """Write what the engine holds into the files."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search import opened_search
        from docstore.search import pull_settings

        async with opened_search(invocation) as opened:
            names = [each.index for each in opened.records(indexes)]
            changed = await pull_settings(opened.index, folder, names, every=every)
        written = ", ".join(name for name, is_so in changed.items() if is_so)
        invocation.out.print(f"Changed in {folder}: {written or 'nothing'}.")
        invocation.print_json({"ok": True, "directory": folder, "changed": changed})
        return 0

    invocation.run(work)


def _row(found: SettingDifference) -> tuple[str, str, str]:
    from docstore.search import MISSING

    if found.what == MISSING:
        return "(all)", f"{len(found.declared)} settings", "no such index"
    return found.what, _short(found.declared), _short(found.held)


def _short(value: Any) -> str:
    text = "none" if value is None else json_module.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
