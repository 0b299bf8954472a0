"""`docstore outbox`: what waits, what was given up, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.reasons import checked_reason
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.tables import table
from docstore.cli.wording import counted

if TYPE_CHECKING:
    from docstore.outbox import OutboxStatus

group = typer.Typer(help="Look at the outbox, and decide about events that were given up.", no_args_is_help=True)

TopicOption = Annotated[str | None, typer.Option(help="Only events of this topic.")]
_MOMENT = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]


@group.command()
def status(
    context: typer.Context,
    max_age: Annotated[
        float | None, typer.Option(help="Exit code 1 when an event waits longer than so many seconds.", min=0)
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Say how many events wait, for how long, and which were given up. Exit code 1 when any was."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.outbox import outbox_status

        async with _store(invocation):
            found = await outbox_status()
        ok = not found.dead and (max_age is None or found.oldest_pending_s <= max_age)
        _tell(invocation, found)
        invocation.print_json({"ok": ok, **asdict(found)})
        return 0 if ok else 1

    invocation.run(work)


@group.command()
def retry(
    context: typer.Context,
    events: Annotated[list[str] | None, typer.Argument(help="Ids of events; all that failed without any.")] = None,
    topic: TopicOption = None,
    json: JsonFlag = False,
) -> None:
    """Try events that were given up, or wait after a failure, at once and from the first attempt."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.outbox import retry_entries

        async with _store(invocation):
            count = await retry_entries(events or None, topic=topic)
        return _done(invocation, f"{counted(count, 'event')} will be tried again.", count)

    invocation.run(work)


@group.command()
def skip(
    context: typer.Context,
    events: Annotated[list[str], typer.Argument(help="Ids of events.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with them.", callback=checked_reason)],
    json: JsonFlag = False,
) -> None:
    """Never send these events, and let those behind them pass."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.outbox import skip_entries

        async with _store(invocation):
            count = await skip_entries(events, reason=reason)
        return _done(invocation, f"{counted(count, 'event')} will not be sent.", count)

    invocation.run(work)


@group.command()
def replay(
    context: typer.Context,
    since: Annotated[datetime, typer.Option("--from", help="Those published then or later, UTC.", formats=_MOMENT)],
    until: Annotated[datetime | None, typer.Option(help="And before, UTC.", formats=_MOMENT)] = None,
    topic: TopicOption = None,
    json: JsonFlag = False,
) -> None:
    """Send published events once more, in order and under the ids they had; they are kept for seven days."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.outbox import replay_entries

        async with _store(invocation):
            count = await replay_entries(_utc(since), until=_utc(until) if until else None, topic=topic)
        return _done(invocation, f"{counted(count, 'event')} will be sent once more.", count)

    invocation.run(work)


def _tell(invocation: Invocation, found: OutboxStatus) -> None:
    topics = sorted({*found.pending, *found.dead})
    if topics:
        rows = ((each, str(found.pending.get(each, 0)), str(found.dead.get(each, 0))) for each in topics)
        invocation.out.print(table("topic", "waiting", "given up", rows=rows, right=("waiting", "given up")))
    waiting = f"{_total(found.pending)} wait"
    if found.oldest_pending_s:
        waiting += f", the oldest for {found.oldest_pending_s:,.0f} s; {found.retrying} after a failure"
    invocation.out.print(
        f"{waiting}. {_total(found.dead)} given up, {found.skipped} skipped, {found.published} published and kept."
    )
    relays = ", ".join(f"{name} ({buckets} buckets)" for name, buckets in sorted(found.relays.items()))
    invocation.out.print(f"Relays: {relays or 'none runs; start one with `docstore worker relay`'}.")
    if found.examples:
        rows_of_dead = (
            (each.event_id, each.name, each.key, str(each.attempts), each.reason or "") for each in found.examples
        )
        invocation.out.print(table("event", "name", "key", "attempts", "reason", rows=rows_of_dead))
        invocation.out.print("`docstore outbox retry` tries them again, `docstore outbox skip` passes over them.")


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _done(invocation: Invocation, told: str, count: int) -> int:
    invocation.out.print(told)
    invocation.print_json({"ok": True, "events": count})
    return 0


@asynccontextmanager
async def _store(invocation: Invocation) -> AsyncIterator[None]:
    from docstore.store import Store

    settings = invocation.settings()
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=invocation.models()),
    ):
        yield
