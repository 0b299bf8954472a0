"""`docstore indexes`: the declared indexes against those of the database, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.tables import table

if TYPE_CHECKING:
    from docstore.schema import IndexReport, IndexState

group = typer.Typer(help="Compare, build and export the indexes that models declare.", no_args_is_help=True)


@group.command()
def status(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="List the indexes that are in order, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Say which indexes are missing, differ, or are unknown. Exit code 1 when any is missing or differs."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema import IndexStatus

        states = await _states(invocation)
        wrong = [each for each in states if each.state in (IndexStatus.MISSING, IndexStatus.DIFFERENT)]
        shown = states if every else [each for each in states if each.state is not IndexStatus.PRESENT]
        if shown:
            invocation.out.print(_state_table(shown))
        invocation.out.print(_counted(states))
        if wrong:
            invocation.out.print("Build the missing ones with `docstore indexes sync`; drop those that differ first.")
        invocation.print_json({"ok": not wrong, "indexes": [asdict(each) for each in states]})
        return 1 if wrong else 0

    invocation.run(work)


@group.command()
def sync(context: typer.Context, json: JsonFlag = False) -> None:
    """Build the missing indexes. Nothing is dropped or changed. Exit code 1 when some still differ."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema import IndexStatus

        report = await _sync(invocation)
        if report.created or report.left:
            invocation.out.print(_state_table([*report.created, *report.left], built=len(report.created)))
        invocation.out.print(
            f"{len(report.created)} built in {report.seconds:.1f} s, {report.present} were there, "
            f"{len(report.left)} left for you to judge."
        )
        different = [each for each in report.left if each.state is IndexStatus.DIFFERENT]
        invocation.print_json(
            {
                "ok": not different,
                "created": [asdict(each) for each in report.created],
                "present": report.present,
                "left": [asdict(each) for each in report.left],
                "seconds": round(report.seconds, 3),
            }
        )
        return 1 if different else 0

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

        changed = (stale_exports if check else export_indexes)(directory, (*invocation.models(), *SYSTEM_MODELS))
        names = ", ".join(changed) or "none"
        invocation.out.print(f"{'Stale' if check else 'Written or removed'} in {directory}: {names}.")
        invocation.print_json({"ok": not (check and changed), "directory": directory, "changed": changed})
        return 1 if check and changed else 0

    invocation.run(work)


async def _states(invocation: Invocation) -> list[IndexState]:
    from docstore.schema import index_status
    from docstore.store import Store

    settings = invocation.settings()
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=invocation.models()) as store,
    ):
        return await index_status(store.database, store.models)


async def _sync(invocation: Invocation) -> IndexReport:
    from docstore.schema import sync_indexes
    from docstore.store import Store

    settings = invocation.settings()
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=invocation.models()) as store,
    ):
        with invocation.err.status("Building indexes …") as line:
            return await sync_indexes(
                store.database,
                store.models,
                on_progress=lambda at: line.update(f"Building {at.number} of {at.total}: {at.collection} {at.name}"),
            )


def _state_table(states: Sequence[IndexState], *, built: int = 0) -> Any:
    return table(
        "collection",
        "index",
        "state",
        "serves",
        rows=(
            (each.collection, each.name, "built" if place < built else _state_told(each), each.serves)
            for place, each in enumerate(states)
        ),
    )


def _state_told(state: IndexState) -> str:
    return f"{state.state.value}: {state.detail}" if state.detail else state.state.value


def _counted(states: Sequence[IndexState]) -> str:
    from collections import Counter

    counts = Counter(each.state.value for each in states)
    return ", ".join(f"{counts[name]} {name}" for name in ("present", "missing", "different", "unknown")) + "."
