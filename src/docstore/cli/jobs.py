"""`docstore jobs`: how the queue of crawler jobs stands, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.tables import table
from docstore.cli.wording import counted
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.jobs import JobQueue
    from docstore.models import CrawlerJob

group = typer.Typer(
    help="Look at the queue of jobs, cancel jobs, and let failed ones begin again.", no_args_is_help=True
)


@group.command()
def status(context: typer.Context, json: JsonFlag = False) -> None:
    """Say how many jobs wait, run and failed, and who works. Exit code 1 when any failed or was abandoned."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        async with _queue(invocation) as queue:
            found = await queue.status()
        rows = ((name.lower(), str(jobs)) for name, jobs in sorted(found.counts.items()))
        invocation.out.print(table("state", "jobs", rows=rows, right=("jobs",)))
        invocation.out.print(f"{found.due} may begin now, the oldest waits for {found.oldest_due_s:,.0f} s.")
        workers = ", ".join(f"{name} ({jobs})" for name, jobs in sorted(found.workers.items()))
        invocation.out.print(f"Workers: {workers or 'none works'}.")
        if found.abandoned:
            invocation.out.print(
                f"{found.abandoned} were abandoned by workers that died; the next worker takes them over."
            )
        if found.failed:
            failed = ((each.id, str(each.attempts), each.error or "") for each in found.failed)
            invocation.out.print(table("failed", "attempts", "reason", rows=failed))
        ok = not (found.abandoned or found.counts.get("FAILED"))
        invocation.print_json({"ok": ok, **asdict(found)})
        return 0 if ok else 1

    invocation.run(work)


@group.command()
def retry(
    context: typer.Context,
    jobs: Annotated[list[str] | None, typer.Argument(help="Ids of failed jobs.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All failed jobs.")] = False,
    json: JsonFlag = False,
) -> None:
    """Let failed jobs begin again, with as many attempts as new ones."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        if bool(jobs) == every:
            raise SettingsError("say which jobs: their ids, or --all.")
        async with _queue(invocation) as queue:
            count = await queue.retry(jobs or None)
        invocation.out.print(f"{counted(count, 'job')} will be tried again.")
        invocation.print_json({"ok": True, "jobs": count})
        return 0

    invocation.run(work)


@group.command()
def cancel(
    context: typer.Context,
    jobs: Annotated[list[str], typer.Argument(help="Ids of jobs that wait or are worked on.")],
    json: JsonFlag = False,
) -> None:
    """Cancel jobs. One that is worked on ends with its worker's next heartbeat."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        async with _queue(invocation) as queue:
            count = await queue.cancel(jobs)
        invocation.out.print(f"Cancelled: {counted(count, 'job')}.")
        invocation.print_json({"ok": True, "jobs": count})
        return 0

    invocation.run(work)


@asynccontextmanager
async def _queue(invocation: Invocation) -> AsyncIterator[JobQueue[CrawlerJob]]:
    from docstore.jobs import JobQueue
    from docstore.models import CrawlerJob
    from docstore.store import Store

    settings = invocation.settings()
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=invocation.models()),
    ):
        yield JobQueue(CrawlerJob)
