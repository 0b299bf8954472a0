"""`docstore search`: how the indexes stand, building them anew, comparing and mending them, and their settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli import search_settings
from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.errors import DocstoreError, LeaseHeld, ReindexRefused, SettingsError

if TYPE_CHECKING:
    from docstore.clients import SearchIndex
    from docstore.search import SearchRecord
    from docstore.store import Store

group = typer.Typer(help="Keep the search indexes in step with the documents.", no_args_is_help=True)
group.add_typer(search_settings.group, name="settings")

IndexArgument = Annotated[list[str] | None, typer.Argument(help="Indexes; all of them without any.")]
PatienceOption = Annotated[
    float, typer.Option(help="Seconds to wait for an engine that is away.", min=0, metavar="SECONDS")
]
EmptyingOption = Annotated[
    bool, typer.Option("--force", help="Also when more than half of a large index is to be deleted.")
]
_PATIENCE_S = 300.0


@group.command()
def status(context: typer.Context, indexes: IndexArgument = None, json: JsonFlag = False) -> None:
    """Say how the indexes stand, and what they are still to follow.

    Exit code 1 when one is missing, has parked records, leftovers or other settings, or messages were given up.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search_shown import show_backlog, show_status
        from docstore.clients import messages_behind
        from docstore.search import index_status
        from docstore.workers import OutboxChanges, search_backlog

        async with opened_search(invocation) as opened:
            found = [await index_status(opened.index, each) for each in opened.records(indexes)]
            behind = partial(messages_behind, settings=opened.store.settings)
            backlog = await search_backlog(OutboxChanges(), behind)
        show_status(invocation, found)
        show_backlog(invocation, backlog)
        ok = all(each.ok for each in found) and not backlog.dead_letters
        invocation.print_json(
            {"ok": ok, "backlog": asdict(backlog), "indexes": [{**asdict(each), "ok": each.ok} for each in found]}
        )
        return 0 if ok else 1

    invocation.run(work)


@group.command()
def sync(
    context: typer.Context,
    indexes: IndexArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Write every record, without comparing it first.")] = False,
    force: EmptyingOption = False,
    patience: PatienceOption = _PATIENCE_S,
    json: JsonFlag = False,
) -> None:
    """Write the records that differ from their documents, delete those without one, and try parked ones again.

    In place: searches see each change at once. Exit code 1 when a record cannot be written.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search_shown import SearchProgress, show_sync
        from docstore.search import SyncReport, full_sync, sync_index

        total = SyncReport()
        async with opened_search(invocation) as opened:
            with SearchProgress(invocation) as progress:
                for record in opened.records(indexes):
                    if every:
                        counted = progress.counted
                        report = await full_sync(
                            opened.index, counted, records=[record], force=force, patience_s=patience
                        )
                    else:
                        report = await sync_index(
                            opened.index, record, force=force, on_progress=progress, patience_s=patience
                        )
                    total.merge(report)
        show_sync(invocation, total)
        invocation.print_json({"ok": not total.parked, **asdict(total)})
        return 1 if total.parked else 0

    invocation.run(work)


@group.command()
def reindex(
    context: typer.Context,
    indexes: IndexArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make and check every record; write nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also when the new index is empty, or less than half of the old one.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="From the beginning, though one that stopped could be gone on with.")
    ] = False,
    readers: Annotated[
        int | None, typer.Option(help="Ranges of ids read side by side; by the number of documents without it.", min=1)
    ] = None,
    patience: PatienceOption = _PATIENCE_S,
    yes: Annotated[bool, typer.Option("--yes", help="With --force on a production database.")] = False,
    json: JsonFlag = False,
) -> None:
    """Build indexes anew and put them in the place of those in use, at once and losing no change made meanwhile.

    One that was stopped or killed goes on where it was. Exit code 1 when an index is not put in place, or, with a dry
    run, would not be, and when records cannot be written.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search_shown import SearchProgress, show_refused, show_reindex
        from docstore.search import ReindexOptions, ReindexReport
        from docstore.search import reindex as build_anew
        from docstore.workers import OutboxChanges

        reports: list[ReindexReport] = []
        refused: dict[str, DocstoreError] = {}
        options = ReindexOptions(force=force, dry_run=dry_run, restart=restart, readers=readers, patience_s=patience)
        async with opened_search(invocation) as opened:
            if force and opened.store.settings.is_production and not yes:
                raise SettingsError(
                    "DB_METHOD is PRODUCTION: --force may put an empty index in the place of the one in use.",
                    hint="Look at `docstore search reindex --dry-run`; if that is what you want, add --yes.",
                )
            with SearchProgress(invocation) as progress:
                build = partial(build_anew, options=options, on_progress=progress)
                log, database = OutboxChanges(), opened.store.database
                for record in opened.records(indexes):
                    try:
                        reports.append(await build(opened.index, record, log, database))
                    except (ReindexRefused, LeaseHeld) as error:  # which say nothing about the other indexes
                        refused[record.index] = error
        show_reindex(invocation, reports, dry_run=dry_run)
        show_refused(invocation, refused)
        ok = not (refused or any(each.counts.parked or each.refusal for each in reports))
        errors = {
            name: {"code": each.code, "message": each.message, "hint": each.hint} for name, each in refused.items()
        }
        done = [asdict(each) for each in reports]
        invocation.print_json({"ok": ok, "dryRun": dry_run, "indexes": done, "refused": errors})
        return 0 if ok else 1

    invocation.run(work)


@group.command()
def verify(
    context: typer.Context,
    indexes: IndexArgument = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Write what is missing or stale, and delete what has no document.")
    ] = False,
    grace: Annotated[
        float, typer.Option(help="Seconds that changes may be on their way before they count.", min=0)
    ] = 3.0,
    force: EmptyingOption = False,
    patience: PatienceOption = _PATIENCE_S,
    json: JsonFlag = False,
) -> None:
    """Compare every record with its document, by content. Exit code 1 when something differs and was not mended."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search_shown import SearchProgress, show_verify
        from docstore.search import verify as compare

        async with opened_search(invocation) as opened:
            with SearchProgress(invocation) as progress:
                look = partial(compare, opened.index, mend=mend, force=force, grace_s=grace, on_progress=progress)
                reports = [await look(each, patience_s=patience) for each in opened.records(indexes)]
        show_verify(invocation, reports)
        ok = all(each.ok for each in reports)
        invocation.print_json({"ok": ok, "indexes": [{**asdict(each), "ok": each.ok} for each in reports]})
        return 0 if ok else 1

    invocation.run(work)


@group.command()
def watch(context: typer.Context, indexes: IndexArgument = None, json: JsonFlag = False) -> None:
    """Keep the indexes in step with every change until SIGTERM or Ctrl-C, without a broker and its workers."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.search_shown import show_sync
        from docstore.cli.stopping import stopped_by_signals
        from docstore.workers import OutboxChanges, SearchWatcher

        stop = stopped_by_signals(invocation)
        async with opened_search(invocation) as opened:
            records = opened.records(indexes)
            watcher = SearchWatcher(opened.index, OutboxChanges(), opened.store.database, records=records)
            invocation.err.print(f"Following changes for {', '.join(each.index for each in records)}. Ctrl-C ends.")
            await watcher.run(stop)
        show_sync(invocation, watcher.total)
        invocation.print_json({"ok": True, **asdict(watcher.total)})
        return 0

    invocation.run(work)


@dataclass(frozen=True)
class OpenedSearch:
    """A Store, and its search engine."""

    store: Store
    index: SearchIndex

    def records(self, names: Sequence[str] | None) -> list[SearchRecord]:
        """The kinds of records of these indexes; all of them without names.

        Raises:
            SettingsError: there is no such index.
        """
        from docstore.search import ALL_RECORDS

        known = {each.index: each for each in ALL_RECORDS}
        if unknown := sorted(set(names or ()) - known.keys()):
            raise SettingsError(f"no such index: {', '.join(unknown)}.", hint=f"There are {', '.join(sorted(known))}.")
        return [known[name] for name in names or known]


@asynccontextmanager
async def opened_search(invocation: Invocation) -> AsyncIterator[OpenedSearch]:
    """The Store of a command, with its search engine."""
    from docstore.cli.search_shown import warnings_shown
    from docstore.store import Store

    settings = invocation.settings()
    services = ("mongodb", "algolia")
    with warnings_shown(invocation):
        async with (
            opened_servers(settings, state_dir=kept_state_dir(settings), services=services) as servers,
            Store(servers.settings, models=invocation.models()) as store,
        ):
            yield OpenedSearch(store, await store.search_index())
